//! Which commands may be written: the cluster's feature level, and who holds it back.

use super::apply::Answer;
use super::{Proxy, Table};
use crate::command::{Accepted, Rejection};
use crate::ids::{Level, ProxyId};

impl Table {
    /// The cluster's feature level; 1 before there is a cluster, so that it can be made.
    pub fn level(&self) -> Level {
        self.cluster.as_ref().map_or(Level(1), |cluster| cluster.level)
    }

    /// The level that the cluster can be raised to now: the highest that every proxy knows, down ones too, if the cluster is below it.
    pub fn next_level(&self) -> Option<Level> {
        let known = self.started().map(|(_, proxy)| proxy.level).min()?;
        (known > self.level()).then_some(known)
    }

    /// The proxies that do not know `level`, by id. One that has never started is not among them: it is no member of the group yet, and
    /// its first start is refused if it does not know the cluster's level.
    pub fn holding_back(&self, level: Level) -> impl Iterator<Item = (ProxyId, &Proxy)> {
        self.started().filter(move |(_, proxy)| proxy.level < level)
    }

    pub(super) fn raise_level(&mut self, level: Level) -> Answer {
        if let Some((_, proxy)) = self.holding_back(level).next() {
            return Err(Rejection::LevelHeldBack(proxy.name.clone()));
        }
        let cluster = self.cluster.as_mut().ok_or(Rejection::NoCluster)?;
        cluster.level = cluster.level.max(level);
        Ok(Accepted::Done)
    }

    fn started(&self) -> impl Iterator<Item = (ProxyId, &Proxy)> {
        self.proxies().filter(|(_, proxy)| proxy.level > Level(0))
    }
}
