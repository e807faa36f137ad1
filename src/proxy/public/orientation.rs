//! What a client is told that asks its way: where the proxies are, and what it may reach.

use std::collections::BTreeSet;

use warren_raft::{ClientName, Table};

use super::members::{Audience, members};
use crate::wire::orientation::MAX_SERVICES;
use crate::wire::{Hello, ProxiesReply, Reachable, ServicesReply};

/// Most agents that are looked at for one answer: a client may ask often, and a cluster can have a million of them.
const MAX_LOOKED_AT: usize = 20_000;

/// Where the proxies are.
pub(super) fn proxies(table: &Table) -> ProxiesReply {
    ProxiesReply::Proxies { hello: Hello::ours(), proxies: members(table, Audience::Public) }
}

/// What `client` may reach: the first by name of the agents that are looked at.
pub(super) fn services(table: &Table, client: &ClientName) -> ServicesReply {
    let (mut found, mut left_off) = (BTreeSet::new(), false);
    let mut agents = table.agents();
    for (name, agent) in agents.by_ref().take(MAX_LOOKED_AT) {
        let allowed = agent.services.iter().filter(|service| table.allows(client, name, &service.name));
        let mut online = None;
        for service in allowed {
            let online = *online.get_or_insert_with(|| table.routes_of(name).next().is_some());
            found.insert(Reachable { agent: name.clone(), service: service.name.clone(), online });
            if found.len() > MAX_SERVICES {
                left_off |= found.pop_last().is_some();
            }
        }
    }
    let more = left_off || agents.next().is_some();
    ServicesReply::Services { hello: Hello::ours(), services: found.into_iter().collect(), more }
}
