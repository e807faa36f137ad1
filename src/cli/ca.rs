//! `warren ca`.

use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};
use tokio::time::{Instant, sleep};
use warren_raft::Serial;

use super::context::Context;
use super::output::{Show, Width, lines};
use super::progress_line::ProgressLine;
use super::table::{Cell, Table, Tone, count, paint};
use super::{CliError, Exit};
use crate::api::{
    AuthorityRow, AuthorityView, CertificatesView, Path, RollbackRequest, RotateRequest, RotationView, SerialRequest, SerialRevoked,
    SerialText,
};
use crate::failure::Printable;
use crate::http::{AdminClient, ClientError};
use crate::telemetry::Colour;

/// How often it is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(500);
/// Most machines that a line names.
const NAMED: usize = 3;
/// How much of a fingerprint tells one authority from another.
const SHORT: usize = 16;

/// Show, replace and roll back the certificate authority, and refuse single certificates
#[derive(Debug, Args)]
pub(super) struct CaArgs {
    #[command(subcommand)]
    verb: CaVerb,
}

#[derive(Debug, Subcommand)]
enum CaVerb {
    /// Show which authorities are trusted, how far a rotation is, and which certificates are refused
    Status,
    /// List the certificates that proxies, agents and clients use now, with their serial numbers
    Ls,
    Rotate(RotateArgs),
    Rollback(RollbackArgs),
    Revoke(RevokeArgs),
}

/// Put another authority in the place of the present one, in phases
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. First everybody trusts the new authority beside the old one, then agents, clients and at last proxies get certificates of the new one, then the old one is forgotten. The cluster goes from phase to phase by itself, whether the command waits or not, and no stream is cut. Machines that are away are waited for until their certificates have ended by themselves, a day by default; with `--skip-absent` they are not, and have to be enrolled again. Until the old one is forgotten, `warren ca rollback` takes it back."
)]
struct RotateArgs {
    /// Wait until it is over and show how far it is; exit 3 if that takes too long
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_WAIT", hide_env_values = true)]
    wait: bool,
    /// How long to wait, such as `30s` or `1day`
    #[arg(long, value_name = "DURATION", default_value = "1day", requires = "wait", value_parser = humantime::parse_duration, env = "WARREN_TIMEOUT", hide_env_values = true)]
    timeout: Duration,
    /// Do not wait for machines that are away: they have to be enrolled again
    #[arg(long)]
    skip_absent: bool,
}

/// Take a rotation back, in any phase but the last
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. Whoever has a certificate of the new authority gets one of the old one first; then the new one is forgotten. Machines that are away are waited for until their certificates have ended by themselves, a day by default; with `--skip-absent`, which can also be said later, they are not, and those with a certificate of the new authority have to be enrolled again."
)]
struct RollbackArgs {
    /// Wait until it is over and show how far it is; exit 3 if that takes too long
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_WAIT", hide_env_values = true)]
    wait: bool,
    /// How long to wait, such as `30s` or `1day`
    #[arg(long, value_name = "DURATION", default_value = "1day", requires = "wait", value_parser = humantime::parse_duration, env = "WARREN_TIMEOUT", hide_env_values = true)]
    timeout: Duration,
    /// Do not wait for machines that are away: those with a certificate of the new authority have to be enrolled again
    #[arg(long)]
    skip_absent: bool,
}

/// Refuse one certificate from now on, and cut the connections that were made with it
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. It is effective on every proxy within a second, and remembered until the certificate has ended by itself. The identity stays: with a new token the machine gets another certificate. To refuse an identity for good, remove it: `warren agents rm`, `warren clients rm`, `warren proxies rm`. A proxy issues itself another certificate at once."
)]
struct RevokeArgs {
    /// The certificate's serial number, 32 hexadecimal digits: `warren ca ls` lists them, and `openssl x509 -noout -serial` shows one
    #[arg(value_name = "SERIAL", value_parser = serial)]
    serial: Serial,
}

/// Digits in either case.
fn serial(text: &str) -> Result<Serial, warren_raft::ids::IdError> {
    text.to_ascii_lowercase().parse()
}

impl CaArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            CaVerb::Status => {
                let view: AuthorityView = context.look(Path::Authority).await?;
                context.output().show(&view)?;
            }
            CaVerb::Ls => {
                let view: CertificatesView = context.look(Path::Certificates).await?;
                context.output().show(&view)?;
            }
            CaVerb::Rotate(args) => return args.run(context).await,
            CaVerb::Rollback(args) => return args.run(context).await,
            CaVerb::Revoke(args) => {
                let request = SerialRequest { serial: SerialText(args.serial) };
                let revoked: SerialRevoked = context.admin()?.post_json(Path::RevokeSerial, &request).await?;
                context.output().show(&revoked)?;
            }
        }
        Ok(Exit::Success)
    }
}

impl RotateArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let request = RotateRequest { skip_absent: self.skip_absent };
        let view: AuthorityView = context.admin()?.post_json(Path::Rotate, &request).await?;
        if !self.wait {
            return context.output().show(&view).map(|()| Exit::Success);
        }
        // Each phase has its own absent machines.
        wait(context, view, self.timeout, self.skip_absent.then_some(Urge::On)).await
    }
}

impl RollbackArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let request = RollbackRequest { skip_absent: self.skip_absent };
        let view: AuthorityView = context.admin()?.post_json(Path::Rollback, &request).await?;
        if !self.wait {
            return context.output().show(&view).map(|()| Exit::Success);
        }
        wait(context, view, self.timeout, self.skip_absent.then_some(Urge::Back)).await
    }
}

/// In which direction a rotation is not to wait for machines that are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urge {
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

/// Waits until no rotation is under way.
async fn wait(context: &Context, mut view: AuthorityView, timeout: Duration, urge: Option<Urge>) -> Result<Exit, CliError> {
    let (admin, begun, mut line) = (context.admin()?, Instant::now(), ProgressLine::new());
    while let Some(rotation) = view.rotation.as_ref().filter(|_| begun.elapsed() < timeout) {
        line.show(progress(rotation));
        line.tell(&rotation.phase, || told(rotation));
        let urge = urge.filter(|urge| urge.is_due(rotation));
        sleep(LOOK.min(timeout.saturating_sub(begun.elapsed()))).await;
        view = match urge {
            // Only while there is one: another is not to begin.
            Some(urge) if is_rotating(context).await? => urge.say(&admin).await?,
            Some(_) | None => admin.get_json(Path::Authority).await?,
        };
    }
    line.clear();
    context.output().show(&view)?;
    Ok(if view.rotation.is_some() { Exit::Degraded } else { Exit::Success })
}

async fn is_rotating(context: &Context) -> Result<bool, CliError> {
    let view: AuthorityView = context.look(Path::Authority).await?;
    Ok(view.rotation.is_some())
}

/// What a phase does, for people.
fn step(phase: &str) -> &str {
    match phase {
        "trusting" => "1 of 3: everybody learns to trust the new authority",
        "issuing" => "2 of 3: agents and clients get certificates of the new authority",
        "presenting" => "3 of 3: proxies get certificates of the new authority, then the old one is forgotten",
        "returning" => "rolled back: everybody gets certificates of the old authority again",
        other => other,
    }
}

fn progress(rotation: &RotationView) -> String {
    let RotationView { phase, ready, lagging, away, .. } = rotation;
    let (ready, away) = (count(*ready, "connection"), count(*away, "machine"));
    format!("{}: {ready} ready, {lagging} lagging, {away} away", step(phase))
}

/// The same with what it waits for, on a line of its own.
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

fn machine(role: &str, name: &str) -> String {
    format!("{role} `{}`", Printable(name))
}

/// Whether who is away is waited for in this phase: otherwise they follow when they come back.
fn holds_up_absent(rotation: &RotationView) -> bool {
    rotation.away > 0 && matches!(rotation.phase.as_str(), "issuing" | "returning")
}

/// What can be done about a rotation that is under way.
fn next(rotation: &RotationView) -> String {
    let is_returning = rotation.phase == "returning";
    let verb = if is_returning { "rollback" } else { "rotate" };
    let back = if is_returning { "" } else { ", `warren ca rollback` takes it back" };
    let anew = if is_returning { "those with a certificate of the new authority" } else { "they" };
    let skip = if holds_up_absent(rotation) {
        format!("; `warren ca {verb} --skip-absent` goes on without the machines that are away: {anew} have to be enrolled again")
    } else {
        String::new()
    };
    format!("`warren ca {verb} --wait` waits for it{back}{skip}")
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..SHORT).unwrap_or(fingerprint)
}

fn authority(row: &AuthorityRow, width: Width) -> Vec<Cell> {
    let does = match (row.issues, row.presented) {
        (true, true) => "issues, presented",
        (true, false) => "issues",
        (false, true) => "presented",
        (false, false) => "trusted",
    };
    let fingerprint = if width == Width::Wide { &row.fingerprint } else { short(&row.fingerprint) };
    vec![Cell::plain(&fingerprint), Cell::plain(&does), Cell::optional(row.expires_at.as_ref())]
}

impl Show for AuthorityView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        let mut table = Table::new(&["AUTHORITY", "DOES", "UNTIL"]);
        self.authorities.iter().for_each(|row| table.row(authority(row, width)));
        let mut text = table.render(colour);
        if let Some(rotation) = &self.rotation {
            text += &format!("\n{} {}\n", paint("rotation:", Tone::Warning, colour), Printable(&progress(rotation)));
            text += &format!("  began {}, this phase {}\n", rotation.began_at, rotation.phase_at);
            for reason in &rotation.waits_for {
                text += &format!("  waits: {}\n", Printable(reason));
            }
            for laggard in &rotation.laggards {
                let why = if laggard.outdated { " (its version of warren does not know of rotations: update it)" } else { "" };
                text += &format!("  lags: {}{why}\n", machine(&laggard.role, &laggard.name));
            }
            for absent in rotation.absent.iter().filter(|_| holds_up_absent(rotation)) {
                text += &format!("  away: {}\n", machine(&absent.role, &absent.name));
            }
            text += &format!("hint: {}\n", next(rotation));
        }
        if !self.revoked.is_empty() {
            let mut table = Table::new(&["REVOKED", "UNTIL"]);
            self.revoked.iter().for_each(|row| table.row(vec![Cell::plain(&row.serial), Cell::plain(&row.until)]));
            text += &format!("\n{}", table.render(colour));
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for CertificatesView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        let mut headings = vec!["ROLE", "NAME", "AT", "SERIAL", "UNTIL"];
        if width == Width::Wide {
            headings.push("AUTHORITY");
        }
        let mut table = Table::new(&headings);
        for row in &self.certificates {
            let mut cells = vec![
                Cell::plain(&row.role),
                Cell::plain(&row.name),
                Cell::plain(&row.proxy),
                Cell::plain(&row.serial),
                Cell::optional(row.expires_at.as_ref()),
            ];
            if width == Width::Wide {
                cells.push(Cell::optional(row.authority.as_ref()));
            }
            table.row(cells);
        }
        table.render(colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.certificates)
    }
}

impl Show for SerialRevoked {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        let holder = self.holder.as_ref().map_or_else(|| "which nobody uses now".to_owned(), |holder| format!("of {}", Printable(holder)));
        format!("certificate {}, {holder}, is refused until {}\n", self.serial, self.until)
            + match self.holder.as_deref().and_then(|holder| holder.split(' ').next()) {
                Some("agent") => {
                    "hint: to bring the machine back, stop the agent, delete `certificate.pem` in its `data_dir`, not its key, and start it with a new token\n"
                }
                Some("client") => {
                    "hint: to bring the machine back, delete `certificate.pem` in its `--identity DIR`, not its key, and enrol it again with a new token\n"
                }
                Some(_) | None => "",
            }
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_taken_in_either_case() {
        let digits = "4A".repeat(16);
        assert_eq!(serial(&digits).expect("a serial").to_string(), digits.to_lowercase());
        assert!(serial("4a").is_err() && serial("").is_err());
    }

    fn rotation(phase: &str, absent: &[&str], away: u64) -> RotationView {
        let absent = absent.iter().map(|name| crate::api::AbsentRow { role: "agent".to_owned(), name: (*name).to_owned() }).collect();
        let view = crate::api::tests::authority().rotation.expect("a rotation");
        RotationView { phase: phase.to_owned(), absent, away, laggards: Vec::new(), waits_for: vec!["somebody is away".to_owned()], ..view }
    }

    #[test]
    fn a_line_names_a_few_of_those_that_are_waited_for() {
        let line = told(&rotation("issuing", &["a", "b", "c", "d"], 9));
        assert!(line.ends_with("; waits: somebody is away; away: agent `a`, agent `b`, agent `c` and 6 more"), "{line}");
        assert!(!told(&rotation("presenting", &["a"], 1)).contains("`a`"), "nobody waits for it");
    }

    #[test]
    fn what_is_said_of_those_that_are_away_can_be_done() {
        for (phase, away, command) in [
            ("issuing", 1, Some("`warren ca rotate --skip-absent`")),
            ("returning", 1, Some("`warren ca rollback --skip-absent`")),
            ("issuing", 0, None),
            ("trusting", 1, None),
        ] {
            let hint = next(&rotation(phase, &[], away));
            assert_eq!(hint.contains("--skip-absent"), command.is_some(), "{hint}");
            assert!(command.is_none_or(|command| hint.contains(command)), "{hint}");
            assert_eq!(hint.contains("takes it back"), phase != "returning", "{hint}");
        }
    }

    #[test]
    fn who_is_away_is_passed_over_in_the_direction_that_was_asked_for_alone() {
        for (phase, urge, is_due) in
            [("issuing", Urge::On, true), ("returning", Urge::On, false), ("returning", Urge::Back, true), ("issuing", Urge::Back, false)]
        {
            assert_eq!(urge.is_due(&rotation(phase, &["a"], 1)), is_due, "{phase} {urge:?}");
        }
        assert!(!Urge::On.is_due(&rotation("issuing", &[], 0)));
    }

    #[test]
    fn each_phase_says_what_it_does() {
        for phase in ["trusting", "issuing", "presenting", "returning"] {
            assert_ne!(step(phase), phase);
        }
        assert_eq!(step("later"), "later");
    }
}
