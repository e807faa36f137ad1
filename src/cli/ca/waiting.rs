//! Waiting until a rotation is over.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::shown::{holds_up_absent, machine, progress};
use crate::api::{AuthorityView, Path, RollbackRequest, RotateRequest, RotationView};
use crate::cli::context::Context;
use crate::cli::progress_line::ProgressLine;
use crate::cli::{CliError, Exit};
use crate::failure::Printable;
use crate::http::{AdminClient, ClientError};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Most machines that a line names.
const NAMED: usize = 3;

/// In which direction a rotation is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urge {
    /// On with it.
    On,
    /// Back to the old authority.
    Back,
}

impl Urge {
    /// Whether nothing but absence holds it up, in that direction.
    fn is_due(self, rotation: &RotationView) -> bool {
        let is_returning = rotation.phase == "returning";
        is_returning == (self == Self::Back) && rotation.waits_for.len() == 1 && rotation.away > 0
    }

    /// Whether it goes the other way.
    fn is_turned(self, rotation: &RotationView) -> bool {
        self == Self::On && rotation.phase == "returning"
    }

    async fn say(self, admin: &AdminClient) -> Result<AuthorityView, ClientError> {
        match self {
            Self::On => admin.post_json(Path::Rotate, &RotateRequest { skip_absent: true }).await,
            Self::Back => match admin.post_json(Path::Rollback, &RollbackRequest { skip_absent: true }).await {
                // It was over before it was urged.
                Err(ClientError::Declined { .. }) => admin.get_json(Path::Authority).await,
                answer => answer,
            },
        }
    }
}

/// Waits until no rotation is under way, and not for machines that are away if so `is_urged`. Fails where somebody has turned it round meanwhile.
pub(super) async fn wait(
    context: &Context,
    mut view: AuthorityView,
    timeout: Duration,
    (direction, is_urged): (Urge, bool),
) -> Result<Exit, CliError> {
    let (admin, begun, mut line) = (context.admin()?, Instant::now(), ProgressLine::new());
    let mut is_turned = false;
    while let Some(rotation) = view.rotation.as_ref().filter(|_| begun.elapsed() < timeout) {
        line.show(progress(rotation));
        line.tell(&rotation.phase, || told(rotation));
        is_turned = direction.is_turned(rotation);
        let urge = Some(direction).filter(|urge| is_urged && urge.is_due(rotation));
        sleep(LOOK.min(timeout.saturating_sub(begun.elapsed()))).await;
        view = match urge {
            // Only while there is one: another is not to begin.
            Some(urge) if is_rotating(context).await? => urge.say(&admin).await?,
            Some(_) | None => admin.get_json(Path::Authority).await?,
        };
    }
    line.clear();
    context.output().show(&view)?;
    if view.rotation.is_none() && is_turned {
        return Err(anyhow::anyhow!("the rotation was taken back while it was waited for: the authority is the one that it was").into());
    }
    Ok(if view.rotation.is_some() { Exit::Degraded } else { Exit::Success })
}

async fn is_rotating(context: &Context) -> Result<bool, CliError> {
    let view: AuthorityView = context.look(Path::Authority).await?;
    Ok(view.rotation.is_some())
}

/// How far it is and what it waits for, on a line of its own.
fn told(rotation: &RotationView) -> String {
    let named = |names: &mut dyn Iterator<Item = String>, all: u64| {
        let names: Vec<_> = names.take(NAMED).collect();
        let more = all.saturating_sub(names.len() as u64);
        let more = if more > 0 && !names.is_empty() { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| names.join(", ") + &more)
    };
    let lags = named(&mut rotation.laggards.iter().map(|row| machine(&row.role, &row.name)), rotation.laggards.len() as u64);
    let away = named(&mut rotation.absent.iter().map(|row| machine(&row.role, &row.name)), rotation.away);
    let mut line = format!("rotation: {}", Printable(&progress(rotation)));
    for reason in &rotation.waits_for {
        line += &format!("; waits: {}", Printable(reason));
    }
    line += &lags.map(|lags| format!("; lags: {lags}")).unwrap_or_default();
    line += &away.filter(|_| holds_up_absent(rotation)).map(|away| format!("; away: {away}")).unwrap_or_default();
    line
}

#[cfg(test)]
mod tests {
    use super::super::shown::tests::rotation;
    use super::*;

    #[test]
    fn a_line_names_a_few_of_those_that_are_waited_for() {
        let line = told(&rotation("issuing", &["a", "b", "c", "d"], 9));
        assert!(line.ends_with("; waits: somebody is away; away: agent `a`, agent `b`, agent `c` and 6 more"), "{line}");
        assert!(!told(&rotation("presenting", &["a"], 1)).contains("`a`"), "nobody waits for it");
    }

    #[test]
    fn who_is_away_is_passed_over_in_the_direction_that_was_asked_for_alone() {
        for (phase, urge, is_due) in
            [("issuing", Urge::On, true), ("returning", Urge::On, false), ("returning", Urge::Back, true), ("issuing", Urge::Back, false)]
        {
            assert_eq!(urge.is_due(&rotation(phase, &["a"], 1)), is_due, "{phase} {urge:?}");
        }
        assert!(!Urge::On.is_due(&rotation("issuing", &[], 0)));
        let turned = [(Urge::On, "returning"), (Urge::On, "issuing"), (Urge::Back, "returning")];
        assert_eq!(turned.map(|(urge, phase)| urge.is_turned(&rotation(phase, &[], 0))), [true, false, false]);
    }
}
