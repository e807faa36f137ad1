//! What the table says of an identity, asked in every handshake.

use warren_raft::{KeyHash, RoutingStore, Serial, Table};

use crate::identity::{Identity, Policy, Refusal, Role};
use crate::net::Env;

/// Refuses a machine that was removed, and an identity whose name belongs to another key. One that the table does not know yet is let in: it may have enrolled a
/// moment ago at another proxy, and is looked up again, with the leader, before it is served.
#[derive(Debug)]
pub(super) struct TablePolicy {
    pub(super) store: RoutingStore,
    pub(super) env: Env,
}

impl Policy for TablePolicy {
    fn admit(&self, identity: &Identity, key: KeyHash) -> Result<(), Refusal> {
        let table = self.store.table();
        if identity.role == Role::Proxy && identity.proxy_id().is_some_and(|id| table.has_removed(id)) {
            return Err(Refusal::Revoked);
        }
        // A proxy that is being removed is still a member: its vote may be needed to take its vote.
        let is_leaving = identity.role == Role::Proxy && identity.proxy_id().is_some_and(|id| table.proxy(id).is_some());
        if table.has_removed_key(key) && !is_leaving {
            return Err(Refusal::Revoked);
        }
        match known_key(&table, identity) {
            Some(known) if known != key => Err(Refusal::OtherKey),
            Some(_) | None => Ok(()),
        }
    }

    fn admit_serial(&self, serial: Serial) -> Result<(), Refusal> {
        let now = self.env.wall.now();
        if self.store.with_table(|table| table.is_revoked(serial, now)) { Err(Refusal::Certificate) } else { Ok(()) }
    }
}

/// The key that the table has for an identity.
pub(super) fn known_key(table: &Table, identity: &Identity) -> Option<KeyHash> {
    match identity.role {
        Role::Proxy => identity.proxy_id().and_then(|id| table.proxy(id)).map(|proxy| proxy.key),
        Role::Agent => identity.name.parse().ok().and_then(|name| table.agent(&name)).map(|agent| agent.key),
        Role::Client => identity.name.parse().ok().and_then(|name| table.client(&name)).map(|client| client.key),
    }
}
