//! Proxies that drain: by an operator's order, or because they go away.
//!
//! The two are kept apart. An order holds over restarts until it is taken back; going away is said of one epoch and ends with it, so that a
//! proxy that is killed in the middle leaves a record that is true.

use serde::{Deserialize, Serialize};

use super::Table;
use super::apply::Answer;
use crate::command::{Accepted, Rejection};
use crate::ids::{Epoch, ProxyId};

/// Why a proxy drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Drain {
    /// 0: an operator has ordered it. It holds until the proxy is resumed or removed, whether it runs or not.
    Ordered,
    /// 1: its process goes away. It holds while the proxy has this epoch.
    Leaving(Epoch),
}

/// Everything for which a proxy drains: at least one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Drains {
    /// An operator has ordered it.
    ordered: bool,
    /// The epoch in which it goes away.
    leaving: Option<Epoch>,
}

impl Table {
    /// Why a proxy drains; an order comes before its going away. `None` if it does not.
    pub fn drain(&self, proxy: ProxyId) -> Option<Drain> {
        let drains = self.drains.get(&proxy)?;
        if drains.ordered { Some(Drain::Ordered) } else { drains.leaving.map(Drain::Leaving) }
    }

    /// Whether a proxy gives its agents away and takes no others.
    pub fn is_draining(&self, proxy: ProxyId) -> bool {
        self.drains.contains_key(&proxy)
    }

    pub(super) fn drain_proxy(&mut self, id: ProxyId, drain: Drain) -> Answer {
        let epoch = self.staying(id)?;
        let drains = self.drains.get(&id).copied().unwrap_or_default();
        let drains = match drain {
            Drain::Ordered => Drains { ordered: true, ..drains },
            Drain::Leaving(leaving) if epoch == Some(leaving) => Drains { leaving: Some(leaving), ..drains },
            // Epochs count from 1, so 0 says that the proxy has none.
            Drain::Leaving(_) => return Err(Rejection::EpochOver { current: epoch.unwrap_or_default() }),
        };
        self.drains.insert(id, drains);
        Ok(Accepted::Done)
    }

    pub(super) fn resume_proxy(&mut self, id: ProxyId) -> Answer {
        self.staying(id)?;
        self.keep_drains(id, |drains| Drains { ordered: false, ..drains });
        Ok(Accepted::Done)
    }

    /// The epoch in which a proxy was going away is over.
    pub(super) fn end_leaving(&mut self, id: ProxyId) {
        self.keep_drains(id, |drains| Drains { leaving: None, ..drains });
    }

    fn keep_drains(&mut self, id: ProxyId, change: impl FnOnce(Drains) -> Drains) {
        let Some(drains) = self.drains.get(&id).copied() else { return };
        match change(drains) {
            Drains { ordered: false, leaving: None } => drop(self.drains.remove(&id)),
            kept => drop(self.drains.insert(id, kept)),
        }
    }

    /// The epoch of a proxy that is not to leave the cluster.
    fn staying(&self, id: ProxyId) -> Result<Option<Epoch>, Rejection> {
        let proxy = self.proxies.get(&id).ok_or(Rejection::ProxyUnknown(id))?;
        if proxy.removed { Err(Rejection::ProxyRemoved(id)) } else { Ok(proxy.epoch) }
    }
}
