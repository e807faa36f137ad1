//! The ingress side of a dial.

use std::sync::Arc;
use std::time::Duration;

use warren_raft::{AgentName, ClientName, ProxyId, RoutingStore, Table};

use super::attempt::{self, Miss, Open};
use super::quorum::QuorumMemory;
use super::resolve::{Choice, Unresolved, resolve};
use super::{candidates, failures};
use crate::failure::{Code, Failure, Stage};
use crate::net::{Budget, Env};
use crate::proxy::mesh::Links;
use crate::proxy::tunnels::Tunnels;
use crate::target::Target;
use crate::wire::{DialAnswer, DialHeader, TraceId};

/// How long a candidate is waited for while another one could be tried: the bound of design section 9 on a dial over a dead tunnel.
const TRY: Duration = Duration::from_secs(2);
/// Most owners that are tried for one dial.
pub(super) const MAX_TRIES: usize = 8;

/// What a client wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Who asks.
    pub client: ClientName,
    /// Where it comes from, `IP:PORT`.
    pub client_address: String,
    /// What for.
    pub target: Target,
    /// How long it waits.
    pub budget: Budget,
    /// The dial's identity in every log.
    pub trace: TraceId,
}

/// A dial that has connected.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The stream to the agent.
    pub open: Open,
    /// Whose service it is.
    pub agent: AgentName,
    /// The proxies on the way, this one first.
    pub path: Vec<ProxyId>,
}

/// Dials agents for the clients of this proxy.
#[derive(Debug)]
pub(crate) struct Dialer {
    /// This proxy.
    pub(super) me: ProxyId,
    /// The clock and the randomness.
    env: Env,
    /// Who is where.
    pub(super) store: RoutingStore,
    /// The peers.
    pub(super) links: Links,
    /// The tunnels that are here.
    pub(super) tunnels: Arc<Tunnels>,
    /// Whether there was a quorum when it was asked last.
    pub(super) quorum: QuorumMemory,
}

impl Dialer {
    /// A dialler for the clients of `me`.
    pub(crate) fn new(me: ProxyId, env: Env, store: RoutingStore, (links, tunnels): (Links, Arc<Tunnels>)) -> Self {
        Self { me, env, store, links, tunnels, quorum: QuorumMemory::default() }
    }

    /// Dials until one try connects, an answer is final, or the budget is used up.
    ///
    /// # Errors
    /// The [`Failure`] that the client is to be told.
    pub(crate) async fn dial(&self, wanted: &Wanted) -> Result<Connection, Failure> {
        let table = self.store.table();
        let stale = match self.dial_in(&table, wanted).await {
            Ok(connection) => return Ok(connection),
            Err(Failed::Final(failure)) => return Err(failure),
            Err(Failed::Doubtful(failure)) => failure,
        };
        // What this proxy knows may lag behind.
        self.settle(&table, stale, wanted).await
    }

    pub(super) async fn dial_in(&self, table: &Table, wanted: &Wanted) -> Result<Connection, Failed> {
        let mut choices = resolve(table, &wanted.client, &wanted.target).map_err(|why| {
            let failure = failures::unresolved(&wanted.target, &why);
            match why {
                Unresolved::AgentUnknown(_) | Unresolved::ServiceUnknown | Unresolved::Denied => Failed::Doubtful(failure),
            }
        })?;
        let online = choices.iter().take_while(|choice| table.routes_of(&choice.agent).next().is_some()).count();
        // Any of those that are online will do, so that load spreads over them.
        self.shuffle(&mut choices[..online]);
        let mut failed = None;
        let mut tries = MAX_TRIES;
        for choice in &choices {
            match self.try_choice(table, choice, wanted, &mut tries).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = Some(error),
            }
            if tries == 0 || wanted.budget.left().is_zero() {
                break;
            }
        }
        Err(failed.unwrap_or_else(|| Failed::Doubtful(failures::unresolved(&wanted.target, &Unresolved::ServiceUnknown))))
    }

    async fn try_choice(&self, table: &Table, choice: &Choice, wanted: &Wanted, tries: &mut usize) -> Result<Connection, Failed> {
        let owners = candidates::order(self.me, table.routes_of(&choice.agent), |peer| self.links.rtt(peer));
        if owners.is_empty() {
            return Err(Failed::Doubtful(failures::offline(table, choice, self.env.wall.now().0)));
        }
        self.try_owners(table, (choice, owners), wanted, tries).await
    }

    /// Tries these proxies, the first first, and where they say that the tunnel is now.
    pub(super) async fn try_owners(
        &self,
        table: &Table,
        (choice, mut owners): (&Choice, Vec<ProxyId>),
        wanted: &Wanted,
        tries: &mut usize,
    ) -> Result<Connection, Failed> {
        owners.reverse();
        let mut tried = Vec::new();
        let mut last = None;
        while let Some(owner) = owners.pop() {
            if *tries == 0 || tried.contains(&owner) {
                continue;
            }
            *tries -= 1;
            tried.push(owner);
            let budget = if owners.is_empty() { wanted.budget } else { wanted.budget.at_most(TRY) };
            match self.try_owner(owner, choice, wanted, budget).await {
                Ok(open) => return Ok(Connection { open, agent: choice.agent.clone(), path: self.path(owner) }),
                Err(miss) => {
                    tracing::debug!(%owner, agent = %choice.agent, %miss, "try failed");
                    owners.extend(hint(&miss));
                    let failure = failures::missed(table, choice, owner, &miss);
                    if miss.is_final() {
                        return Err(Failed::Final(failure));
                    }
                    last = Some(failure);
                }
            }
        }
        Err(Failed::Doubtful(last.unwrap_or_else(too_many_tries)))
    }

    async fn try_owner(&self, owner: ProxyId, choice: &Choice, wanted: &Wanted, budget: Budget) -> Result<Open, Miss> {
        let header = DialHeader {
            trace: wanted.trace,
            client: wanted.client.clone(),
            client_address: wanted.client_address.clone(),
            agent: choice.agent.clone(),
            service: choice.service.clone(),
            budget_ms: budget.left_ms(),
        };
        if owner == self.me {
            attempt::local(&self.tunnels, &header, budget).await
        } else {
            attempt::peer(&self.links, owner, &header, budget).await
        }
    }

    fn path(&self, owner: ProxyId) -> Vec<ProxyId> {
        if owner == self.me { vec![self.me] } else { vec![self.me, owner] }
    }

    fn shuffle(&self, choices: &mut [Choice]) {
        use rand::seq::SliceRandom;
        if choices.len() > 1 {
            choices.shuffle(&mut self.env.entropy.rng());
        }
    }
}

/// Where a miss says that the tunnel is now.
fn hint(miss: &Miss) -> Option<ProxyId> {
    match miss {
        Miss::Answered(DialAnswer::NotHere { hint } | DialAnswer::Draining { hint }) => *hint,
        Miss::Answered(_) | Miss::Unreachable(_) | Miss::Deadline => None,
    }
}

fn too_many_tries() -> Failure {
    Failure::new(Code::LimitReached, Stage::Route, format!("{MAX_TRIES} proxies were tried"))
}

/// How one pass over the table ended.
pub(super) enum Failed {
    /// No newer table would change it.
    Final(Failure),
    /// A newer table might.
    Doubtful(Failure),
}

impl Failed {
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Final(failure) | Self::Doubtful(failure) => failure,
        }
    }
}
