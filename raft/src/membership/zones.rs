//! How voters are spread over zones.

use std::collections::BTreeMap;

use super::view::View;
use crate::ids::ProxyId;

/// How many voters each zone has. What fails together should hold as few of them as can be.
pub(super) struct Zones<'a> {
    view: &'a View,
    voters: BTreeMap<&'a str, usize>,
}

impl<'a> Zones<'a> {
    pub(super) fn new(view: &'a View, voters: impl Iterator<Item = ProxyId>) -> Self {
        let mut zones = Self { view, voters: BTreeMap::new() };
        for id in voters {
            *zones.voters.entry(zones.of(id)).or_default() += 1;
        }
        zones
    }

    /// How many voters the zone of this proxy has.
    pub(super) fn voters_beside(&self, id: ProxyId) -> usize {
        self.voters.get(self.of(id)).copied().unwrap_or_default()
    }

    fn of(&self, id: ProxyId) -> &'a str {
        self.view.proxies.get(&id).map_or("", |listed| &listed.zone)
    }
}
