//! A dial whose tunnel broke before there was an answer: it is tried again by whatever tunnel there is by now.
//!
//! An agent that comes back replaces its tunnel, at the same proxy or at another one, and the route follows a moment later than the break is felt.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use warren_raft::{Table, reached};

use super::attempt::Miss;
use super::dialer::{Connection, Dialer, Wanted};
use crate::failure::Failure;

/// How long is waited before each further pass: about two seconds in all, in which an agent that is at work has its route again.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(400),
    Duration::from_millis(800),
];
/// How long the leader may take to confirm the table for a further pass.
const CONFIRM: Duration = Duration::from_secs(2);

/// How one pass over the table ended.
pub(super) enum Failed {
    /// No newer table would change it.
    Final(Failure),
    /// A newer table might.
    Doubtful(Failure),
    /// A proxy said that the tunnel is no more: another one may be there in a moment, before the table has it.
    Moved(Failure),
}

impl Failed {
    /// A try came to nothing, after one that did too or as the first.
    pub(super) fn after(last: Option<Self>, miss: &Miss, failure: Failure) -> Self {
        if miss.has_moved() || matches!(last, Some(Self::Moved(_))) { Self::Moved(failure) } else { Self::Doubtful(failure) }
    }

    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Final(failure) | Self::Doubtful(failure) | Self::Moved(failure) => failure,
        }
    }
}

impl Dialer {
    /// Dials by a table that a leader has confirmed, after `stale` by `table`; again while the tunnels that it names break.
    pub(super) async fn dial_confirmed(
        &self,
        confirmed: Arc<Table>,
        (table, stale): (&Arc<Table>, Failed),
        wanted: &Wanted,
    ) -> Result<Connection, Failure> {
        let mut failed = stale;
        if !Arc::ptr_eq(&confirmed, table) {
            failed = match self.dial_in(&confirmed, wanted).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => failed,
            };
        }
        for pause in PAUSES {
            let Failed::Moved(failure) = failed else { break };
            if wanted.budget.left() <= pause {
                return Err(failure);
            }
            sleep(pause).await;
            let Ok(newer) = self.store.confirm(wanted.budget.at_most(CONFIRM).left()).await else { return Err(failure) };
            reached!("proxy.dial_again");
            tracing::debug!(%failure, "the tunnel is no more, dialling by the table anew");
            failed = match self.dial_in(&newer, wanted).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => failed,
            };
        }
        Err(failed.into_failure())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Code, Stage};
    use crate::wire::DialAnswer;

    #[test]
    fn a_tunnel_that_is_no_more_is_worth_another_pass_whatever_else_failed() {
        let failure = || Failure::new(Code::Other, Stage::Tunnel, "it failed");
        let lost = Miss::Answered(DialAnswer::TunnelLost { reason: "it broke".to_owned() });
        let gone = Miss::Answered(DialAnswer::NotHere { hint: None });
        let silent = Miss::Unreachable("it broke".to_owned());
        let table: [(&[&Miss], bool); 6] = [
            (&[&lost], true),
            (&[&gone], true),
            (&[&silent], false),
            (&[&silent, &lost], true),
            (&[&lost, &silent], true),
            (&[&Miss::Deadline, &silent], false),
        ];
        for (misses, expected) in table {
            let failed = misses.iter().fold(None, |last, miss| Some(Failed::after(last, miss, failure())));
            assert_eq!(matches!(failed, Some(Failed::Moved(_))), expected, "{misses:?}");
        }
    }
}
