//! A dial that the table does not settle: the leader confirms the miss, or, without a quorum, the peers are asked what they hold.
//!
//! ```text
//!  miss --> ReadIndex -- answered ------------------------------> once more by the newer table: connected, or the failure stands
//!              \-- not for a while --> who has it? -- a peer ----> dialled there
//!                   (ReadIndex goes on)           \-- nobody ---> ReadIndex to its end, then "could not be confirmed"
//! ```
//!
//! While there is a quorum no dial goes to a tunnel that is not committed: peers are asked only when no leader has answered, and a peer
//! names a tunnel only if its route is committed or waits for a quorum that the peer has not found either.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use warren_raft::{LeaseState, ReadError, Table};

use super::again::Failed;
use super::candidates::Place;
use super::dialer::{Connection, Dialer, Wanted};
use super::failures;
use super::quorum::Isolated;
use super::race::Way;
use super::resolve::Choice;
use crate::failure::{Code, Failure};
use crate::proxy::dial_metrics::DialStage;
use crate::proxy::mesh::Found;
use crate::wire::Held;

/// How long peers may take to say what they hold: a round trip, also across an ocean.
const ASK: Duration = Duration::from_millis(700);

/// What came of asking the peers.
enum Asked {
    /// One of them, or this proxy, had a tunnel that connected.
    Connected(Box<Connection>),
    /// None; the last failure, if any was tried, and how many peers have answered.
    Nothing { last: Option<Failed>, answered: usize },
}

impl Dialer {
    /// Settles a dial that came to nothing in `table`.
    pub(super) async fn settle(&self, table: &Arc<Table>, stale: Failed, wanted: &Wanted) -> Result<Connection, Failure> {
        if wanted.budget.left().is_zero() {
            let failure = stale.into_failure();
            // What was waited for too long to be asked about must not be taken for what a leader says.
            let is_miss = matches!(failure.code(), Code::ServiceUnknown | Code::AgentOffline);
            return Err(if is_miss { failure.with_cause("this could not be confirmed: no time was left") } else { failure });
        }
        let patience = self.quorum.patience(self.isolated(), Instant::now());
        let total = wanted.budget.at_most(patience.total);
        let confirming = async {
            let begun = Instant::now();
            let confirmed = self.store.confirm(total.left()).await;
            if confirmed.is_ok() {
                self.metrics.took(DialStage::Confirm, begun.elapsed());
            }
            confirmed
        };
        tokio::pin!(confirming);
        if let Ok(confirmed) = total.at_most(patience.alone).run(confirming.as_mut()).await {
            return self.resume(confirmed, (table, stale), wanted, None).await;
        }
        let asking = self.ask(table, wanted);
        tokio::pin!(asking);
        tokio::select! {
            biased;
            confirmed = confirming.as_mut() => {
                // Without a quorum what the peers say is waited for all the same.
                let asked = if confirmed.is_err() { Some(asking.await) } else { None };
                self.resume(confirmed, (table, stale), wanted, asked).await
            }
            asked = asking.as_mut() => match asked {
                Asked::Connected(connection) => Ok(*connection),
                Asked::Nothing { .. } => self.resume(confirming.await, (table, stale), wanted, Some(asked)).await,
            },
        }
    }

    /// Goes on once it is known whether a leader confirms, and, if none does, what the peers have said.
    async fn resume(
        &self,
        confirmed: Result<Arc<Table>, ReadError>,
        (table, stale): (&Arc<Table>, Failed),
        wanted: &Wanted,
        asked: Option<Asked>,
    ) -> Result<Connection, Failure> {
        let error = match confirmed {
            Ok(newer) => {
                self.quorum.confirmed();
                return self.dial_confirmed(newer, (table, stale), wanted).await;
            }
            Err(error) => error,
        };
        self.quorum.missed(Instant::now());
        let asked = match asked {
            Some(asked) => asked,
            None => self.ask(table, wanted).await,
        };
        match asked {
            Asked::Connected(connection) => Ok(*connection),
            Asked::Nothing { last: Some(Failed::Final(failure)), .. } => Err(failure),
            Asked::Nothing { last, answered } => Err(failures::unconfirmed(last.unwrap_or(stale).into_failure(), &error, answered)),
        }
    }

    /// Asks the peers, and this proxy's own tunnels, who has what is wanted, and dials it there.
    async fn ask(&self, table: &Table, wanted: &Wanted) -> Asked {
        let may = |held: &Held| wanted.caller.may(table, &held.agent, &held.service);
        // What the client may not reach must not even show itself by who is asked.
        let here = self.tunnels.held(&wanted.target).into_iter().filter(|held| may(held)).map(|held| (self.me, held));
        let mut found = Found { answered: 0, held: here.collect() };
        if found.held.is_empty() {
            found = self.links.who_has(&wanted.target, wanted.budget.at_most(ASK)).await;
        }
        let allowed = found.held.into_iter().filter(|(_, held)| may(held));
        let (mut choices, mut ways) = (Vec::new(), Vec::new());
        for (proxy, held) in allowed {
            let choice = Choice { agent: held.agent, service: held.service };
            let known = choices.iter().position(|known| *known == choice);
            let number = known.unwrap_or(choices.len());
            if known.is_none() {
                choices.push(choice);
            }
            ways.push(Way { choice: number, place: Place::at(proxy) });
        }
        if ways.is_empty() {
            return Asked::Nothing { last: None, answered: found.answered };
        }
        ways.sort_by_cached_key(|way| self.fitness(table, &choices[way.choice].agent, way.place));
        tracing::debug!(ways = ways.len(), "found without a quorum");
        match self.race(table, (&choices, ways), wanted).await {
            Ok(connection) => Asked::Connected(Box::new(connection)),
            Err(failed) => Asked::Nothing { last: Some(failed), answered: found.answered },
        }
    }

    fn isolated(&self) -> Isolated {
        match *self.store.lease().borrow() {
            LeaseState::Held(_) => Isolated::No,
            LeaseState::Lost => Isolated::Yes,
        }
    }
}
