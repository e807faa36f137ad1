//! The agents and clients that are connected to this proxy, and what they say that they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use warren_raft::{ProxyId, Serial, Table, Timestamp, TokenRole};

use super::needs::Needs;
use crate::identity::{MAX_AUTHORITIES, peer_serial};
use crate::wire::close::Close;
use crate::wire::trust::{MAX_LAGGING, MAX_LIVE, MAX_READY};
use crate::wire::{CertificateReport, Holdings, Machine};

/// All of them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Connected(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    by_number: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    machine: Machine,
    connection: quinn::Connection,
}

/// A machine's being there, until it is dropped.
#[derive(Debug)]
pub(in crate::proxy) struct Presence {
    all: Connected,
    number: u64,
}

impl Connected {
    /// A machine has connected.
    pub(in crate::proxy) fn enter(&self, role: TokenRole, name: &str, connection: &quinn::Connection) -> Presence {
        let serial = peer_serial(connection).unwrap_or(Serial([0; 16]));
        let machine = Machine { role, name: name.to_owned(), serial, holds: None };
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        entries.by_number.insert(number, Entry { machine, connection: connection.clone() });
        Presence { all: self.clone(), number }
    }

    /// Closes the connections of machines whose certificate is revoked, whether it is the one they came with or the one they hold by now. Returns how many.
    pub(in crate::proxy) fn cut(&self, is_revoked: impl Fn(Serial) -> bool) -> usize {
        let entries = self.lock();
        let holds = |entry: &Entry| entry.machine.holds.as_ref().is_some_and(|holds| is_revoked(holds.serial));
        let revoked = entries.by_number.values().filter(|entry| is_revoked(entry.machine.serial) || holds(entry));
        let cut = revoked.inspect(|entry| {
            tracing::warn!(role = entry.machine.role.as_str(), name = entry.machine.name, "connection cut: its certificate is revoked");
            Close::REFUSED.close(&entry.connection);
        });
        cut.count()
    }

    /// The certificates that are in use here.
    pub(in crate::proxy) fn machines(&self) -> Vec<Machine> {
        self.lock().by_number.values().take(MAX_LIVE).map(|entry| entry.machine.clone()).collect()
    }

    /// How many machines ought to have renewed a while ago.
    pub(in crate::proxy) fn expiring(&self, now: Timestamp) -> u64 {
        let is_late = |holds: &Holdings| holds.expires_at.0.saturating_sub(now.0) < holds.lifetime_ms / 10 * 3;
        self.lock().by_number.values().filter(|entry| entry.machine.holds.as_ref().is_some_and(is_late)).count() as u64
    }

    /// Adds to a report who has what is needed now, and who has not. A machine that is not enrolled counts for nothing: whoever has stolen the authority's key
    /// can make as many as it likes, and must not hold up its being replaced.
    pub(super) fn report(&self, table: &Table, report: &mut CertificateReport) {
        let (needs, entries) = (Needs::of_machines(table), self.lock());
        let mut clients = BTreeSet::new();
        let enrolled = entries.by_number.values().filter(|entry| is_enrolled(table, &entry.machine));
        for Entry { machine, .. } in enrolled {
            if machine.holds.as_ref().is_some_and(|holds| needs.are_met(holds)) {
                report.ready += 1;
                if machine.role == TokenRole::Client && clients.len() < MAX_READY {
                    clients.insert(machine.name.clone());
                }
            } else {
                report.lagging += 1;
                if report.laggards.len() < MAX_LAGGING {
                    report.laggards.push(machine.clone());
                }
            }
        }
        report.clients_ready = clients.into_iter().collect();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the table has a machine of this name. Its key was looked at in the handshake.
fn is_enrolled(table: &Table, machine: &Machine) -> bool {
    match machine.role {
        TokenRole::Agent => machine.name.parse().is_ok_and(|name| table.agent(&name).is_some()),
        TokenRole::Client => machine.name.parse().is_ok_and(|name| table.client(&name).is_some()),
        TokenRole::Proxy => machine.name.parse().is_ok_and(|id| table.proxy(ProxyId(id)).is_some()),
    }
}

impl Presence {
    /// Notes what the machine says that it holds, no more of it than a machine of ours has.
    pub(in crate::proxy) fn holds(&self, mut holdings: Holdings) {
        holdings.trusted.truncate(MAX_AUTHORITIES);
        holdings.trusted.shrink_to_fit();
        if let Some(entry) = self.all.lock().by_number.get_mut(&self.number) {
            entry.machine.holds = Some(holdings);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.all.lock().by_number.remove(&self.number);
    }
}
