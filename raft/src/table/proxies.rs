//! The cluster and its proxies: bootstrap, epochs, the strategy.

use super::apply::Answer;
use super::{Cluster, Proxy, Strategy, Table};
use crate::command::{Accepted, Bootstrap, ProxyStart, Rejection};
use crate::ids::{Epoch, KeyHash, Level, ProxyId, Timestamp};
use crate::mutant;
use crate::names::ProxyName;

impl Table {
    pub(super) fn bootstrap(&mut self, bootstrap: &Bootstrap, at: Timestamp) -> Answer {
        if self.cluster.is_some() {
            return Err(Rejection::ClusterExists);
        }
        self.cluster = Some(Cluster {
            id: bootstrap.id,
            name: bootstrap.name.clone(),
            ca_certificate: bootstrap.ca_certificate.clone(),
            ca_key: bootstrap.ca_key.clone(),
            strategy: at_least_one(bootstrap.strategy),
            level: Level(1),
        });
        self.next_proxy = 1;
        self.next_epoch = 1;
        self.add_proxy(bootstrap.proxy.clone(), bootstrap.key, at);
        Ok(Accepted::Done)
    }

    /// Gives a new proxy its id and an empty record.
    pub(super) fn add_proxy(&mut self, name: ProxyName, key: KeyHash, at: Timestamp) -> ProxyId {
        let id = ProxyId(self.next_proxy);
        self.next_proxy += 1;
        self.proxies.insert(
            id,
            Proxy {
                name,
                key,
                peer_address: String::new(),
                public_addresses: Vec::new(),
                zone: String::new(),
                version: String::new(),
                epoch: None,
                joined_at: at,
                changed_at: at,
                level: Level(0),
                removed: false,
            },
        );
        id
    }

    pub(super) fn start_proxy(&mut self, start: &ProxyStart, at: Timestamp) -> Answer {
        let cluster = self.level();
        let proxy = self.proxies.get_mut(&start.proxy).ok_or(Rejection::ProxyUnknown(start.proxy))?;
        if proxy.removed {
            return Err(Rejection::ProxyRemoved(start.proxy));
        }
        if start.level < cluster {
            return Err(Rejection::LevelTooLow { known: start.level, cluster });
        }
        if let Some(old) = proxy.epoch.filter(|_| mutant!("old_epoch_kept")) {
            return Ok(Accepted::Epoch(old));
        }
        let epoch = Epoch(self.next_epoch);
        self.next_epoch += 1;
        proxy.epoch = Some(epoch);
        proxy.changed_at = at;
        proxy.peer_address.clone_from(&start.peer_address);
        proxy.public_addresses.clone_from(&start.public_addresses);
        proxy.zone.clone_from(&start.zone);
        proxy.version.clone_from(&start.version);
        proxy.level = start.level;
        self.end_leaving(start.proxy);
        Ok(Accepted::Epoch(epoch))
    }

    pub(super) fn expire_proxy(&mut self, id: ProxyId, epoch: Epoch, at: Timestamp) -> Answer {
        let proxy = self.proxies.get_mut(&id).ok_or(Rejection::ProxyUnknown(id))?;
        if proxy.epoch == Some(epoch) {
            proxy.epoch = None;
            proxy.changed_at = at;
            self.end_leaving(id);
        }
        Ok(Accepted::Done)
    }

    /// Marks a proxy as removed, which ends its epoch and with it its routes. Its record stays until it is a member no more: a voter whose
    /// identity is refused could not acknowledge the change that takes its vote.
    pub(super) fn remove_proxy(&mut self, id: ProxyId, at: Timestamp) -> Answer {
        let stays = |(other, proxy): (&ProxyId, &Proxy)| *other != id && !proxy.removed;
        let is_last = !self.proxies.iter().any(stays);
        let proxy = self.proxies.get_mut(&id).ok_or(Rejection::ProxyUnknown(id))?;
        if is_last {
            return Err(Rejection::LastProxy);
        }
        if !proxy.removed {
            (proxy.removed, proxy.epoch, proxy.changed_at) = (true, None, at);
            let key = proxy.key;
            self.keep_removed(key, at);
        }
        self.drains.remove(&id);
        self.ingress.remove(&id);
        Ok(Accepted::Done)
    }

    /// Forgets a proxy that was removed: from now on [`Table::has_removed`] says so of its id.
    pub(super) fn forget_proxy(&mut self, id: ProxyId) -> Answer {
        if self.proxies.get(&id).is_some_and(|proxy| !proxy.removed) {
            return Err(Rejection::NotRemoved(id));
        }
        self.proxies.remove(&id);
        self.proposers.remove(&id);
        Ok(Accepted::Done)
    }

    pub(super) fn set_strategy(&mut self, strategy: Strategy) -> Answer {
        let cluster = self.cluster.as_mut().ok_or(Rejection::NoCluster)?;
        cluster.strategy = at_least_one(strategy);
        Ok(Accepted::Done)
    }
}

fn at_least_one(strategy: Strategy) -> Strategy {
    Strategy { agent_connection_count: strategy.agent_connection_count.max(1), ..strategy }
}
