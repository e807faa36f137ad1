//! What a member shows at a look.

use std::collections::BTreeMap;
use std::rc::Rc;

use warren_raft::{AgentName, Epoch, LeaseState, ProxyId, RoutingStore, Sequence, Table, TokenId};

/// A member at a look.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// Which.
    pub id: ProxyId,
    /// Which life of its machine's program it is.
    pub life: u64,
    /// The epoch that it holds.
    pub lease: Option<Epoch>,
    /// Whether it leads, by its own account.
    pub leads: bool,
    /// The leader, by its own account.
    pub leader: Option<ProxyId>,
    /// Members that vote, by its own account.
    pub voters: Vec<ProxyId>,
    /// Its table.
    pub shown: Rc<Shown>,
}

/// What is in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The last entry in it.
    pub applied: u64,
    /// Which proxies hold an epoch.
    pub epochs: BTreeMap<ProxyId, Epoch>,
    /// The tunnel of an agent to a proxy.
    pub routes: BTreeMap<(AgentName, ProxyId), (Epoch, Sequence)>,
    /// How often each token may be used, and how often it was.
    pub tokens: BTreeMap<TokenId, (u32, usize)>,
}

impl Glimpse {
    /// What a member shows now. Its table is not read again when it is as it was.
    pub fn of(store: &RoutingStore, life: u64, before: Option<&Self>) -> Self {
        let status = store.status();
        let lease = match *store.lease().borrow() {
            LeaseState::Held(epoch) => Some(epoch),
            LeaseState::Lost => None,
        };
        let known = before.filter(|before| before.life == life && before.shown.applied == status.applied_index);
        let shown = known.map_or_else(|| Rc::new(Shown::of(&store.table(), status.applied_index)), |before| before.shown.clone());
        Self { id: status.id, life, lease, leads: status.state == "leader", leader: status.leader, voters: status.voters, shown }
    }
}

impl Shown {
    fn of(table: &Table, applied: u64) -> Self {
        let route = |(agent, route): (&AgentName, &warren_raft::Route)| ((agent.clone(), route.proxy), (route.epoch, route.sequence));
        Self {
            applied,
            epochs: table.proxies().filter_map(|(id, proxy)| Some((id, proxy.epoch?))).collect(),
            routes: table.routes().map(route).collect(),
            tokens: table.tokens().map(|(id, token)| (id, (token.uses, token.used_by.len()))).collect(),
        }
    }
}

/// Of what members show, the newest.
pub(super) fn newest<'a>(glimpses: impl IntoIterator<Item = &'a Glimpse>) -> Option<&'a Glimpse> {
    glimpses.into_iter().max_by_key(|glimpse| glimpse.shown.applied)
}
