//! A cluster whose group of proxies is lost goes on with another one: what stays in the table, and what must not.
//!
//! Agents, clients, tokens, the strategy and the authority stay. The proxies of the lost group go, with their routes and with what was
//! remembered of their proposals. Their machines still have certificates of the same authority, so what keeps them out is the
//! table: an id below the next one that has no record was removed, and is refused.
//!
//! The lost group may have enrolled proxies that this table has never heard of, because the survivor lagged behind or the snapshot
//! is older. Their ids must count as removed as well, and must never be given to a newcomer. So the ids of a succession begin in the
//! next thousand: 1, 2, 3, then 1001.

use super::{Proxy, Table};
use crate::ids::{KeyHash, ProxyId, Timestamp};
use crate::names::ProxyName;

/// How far apart the ids of two successions begin: more than a group could have enrolled unheard of.
const STRIDE: u64 = 1_000;

impl Table {
    /// Whether this was the id of a proxy, or may have been, that belongs to the cluster no more.
    pub fn has_removed(&self, id: ProxyId) -> bool {
        self.cluster.is_some() && id.0 < self.next_proxy && !self.proxies.contains_key(&id)
    }

    /// Leaves `survivor` as the only proxy. Its epoch is over: it begins a new one when it starts.
    pub(crate) fn succeed_with_survivor(&mut self, survivor: ProxyId, at: Timestamp) {
        let kept = self.proxies.get(&survivor).map(|proxy| Proxy { epoch: None, changed_at: at, ..proxy.clone() });
        let proposals = self.proposers.get(&survivor).cloned();
        self.forget_proxies();
        self.proxies.extend(kept.map(|proxy| (survivor, proxy)));
        self.proposers.extend(proposals.map(|last| (survivor, last)));
    }

    /// Replaces all proxies by a new one, and gives it its id.
    pub(crate) fn succeed_with_new_proxy(&mut self, name: ProxyName, key: KeyHash, at: Timestamp) -> ProxyId {
        self.forget_proxies();
        self.add_proxy(name, key, at)
    }

    /// The id that [`succeed_with_new_proxy`](Self::succeed_with_new_proxy) gives: a certificate is made before the table is.
    pub(crate) fn next_succession(&self) -> ProxyId {
        ProxyId((self.next_proxy / STRIDE + 1) * STRIDE + 1)
    }

    fn forget_proxies(&mut self) {
        self.next_proxy = self.next_succession().0;
        self.proxies.clear();
        self.proposers.clear();
        // Nor has a proxy that is alone anybody to give its agents to.
        self.drains.clear();
        self.withdraw_all_routes();
    }
}
