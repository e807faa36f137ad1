//! The leader's half of the leases.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::ids::{Epoch, ProxyId};

/// What the leader answers to a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease runs for another whole length.
    Granted,
    /// The epoch is over, or about to be: the proxy needs a new one.
    Over,
}

/// Knows who has renewed when.
#[derive(Debug)]
pub struct Grantor {
    patience: Duration,
    grants: BTreeMap<ProxyId, Grant>,
    leading: bool,
}

#[derive(Debug)]
struct Grant {
    epoch: Epoch,
    since: Instant,
    /// The proxy itself has renewed; until then the lease is the leader's own courtesy.
    renewed: bool,
    /// Its end was proposed: renewing comes too late.
    condemned: bool,
}

impl Grantor {
    /// Grants leases of this length once it leads. It waits a quarter longer than that: two clocks never run alike.
    pub fn new(lease: Duration) -> Self {
        Self { patience: lease + lease / 4, grants: BTreeMap::new(), leading: false }
    }

    /// Stops: this member does not lead any more.
    pub fn step_down(&mut self) {
        self.leading = false;
        self.grants.clear();
    }

    /// Takes note of the epochs that are current, while this member leads. An epoch that was not seen before gets a whole lease.
    pub fn lead(&mut self, epochs: impl IntoIterator<Item = (ProxyId, Epoch)>, now: Instant) {
        self.leading = true;
        let mut before = std::mem::take(&mut self.grants);
        for (proxy, epoch) in epochs {
            let known = before.remove(&proxy).filter(|grant| grant.epoch == epoch);
            self.grants.insert(proxy, known.unwrap_or(Grant { epoch, since: now, renewed: false, condemned: false }));
        }
    }

    /// A proxy renews its lease. `None` when this member does not lead.
    pub fn renew(&mut self, proxy: ProxyId, epoch: Epoch, now: Instant) -> Option<Renewal> {
        if !self.leading {
            return None;
        }
        Some(match self.grants.get_mut(&proxy) {
            Some(grant) if grant.epoch == epoch && !grant.condemned => {
                grant.since = now;
                grant.renewed = true;
                Renewal::Granted
            }
            _ => Renewal::Over,
        })
    }

    /// The epochs whose leases have ended. The caller owes an `ExpireProxy` for each, again until it is committed.
    pub fn expired(&mut self, now: Instant) -> Vec<(ProxyId, Epoch)> {
        let patience = self.patience;
        let late = self.grants.iter_mut().filter(|(_, grant)| now.saturating_duration_since(grant.since) > patience);
        late.map(|(proxy, grant)| {
            grant.condemned = true;
            (*proxy, grant.epoch)
        })
        .collect()
    }

    /// Whether the proxy has renewed by itself and not too long ago.
    pub fn is_alive(&self, proxy: ProxyId, now: Instant) -> bool {
        let fresh = |grant: &Grant| grant.renewed && !grant.condemned && now.saturating_duration_since(grant.since) <= self.patience;
        self.grants.get(&proxy).is_some_and(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(4);
    const P: ProxyId = ProxyId(2);

    fn leading(now: Instant) -> Grantor {
        let mut grantor = Grantor::new(LEASE);
        grantor.lead([(P, Epoch(7))], now);
        grantor
    }

    #[test]
    fn a_new_leader_waits_a_whole_lease() {
        let start = Instant::now();
        let mut grantor = leading(start);
        assert!(!grantor.is_alive(P, start), "it has not renewed by itself");
        assert_eq!(grantor.expired(start + LEASE), []);
        assert_eq!(grantor.expired(start + LEASE * 2), [(P, Epoch(7))]);
    }

    #[test]
    fn a_renewal_keeps_the_epoch_and_a_late_one_does_not() {
        let start = Instant::now();
        let mut grantor = leading(start);
        assert_eq!(grantor.renew(P, Epoch(7), start + LEASE), Some(Renewal::Granted));
        assert!(grantor.is_alive(P, start + LEASE));
        assert_eq!(grantor.expired(start + LEASE * 2), []);
        assert_eq!(grantor.expired(start + LEASE * 3), [(P, Epoch(7))]);
        assert_eq!(grantor.renew(P, Epoch(7), start + LEASE * 3), Some(Renewal::Over));
        assert_eq!(grantor.expired(start + LEASE * 3), [(P, Epoch(7))], "until it is committed");
        grantor.lead([], start + LEASE * 3);
        assert_eq!(grantor.expired(start + LEASE * 4), []);
    }

    #[test]
    fn another_epoch_is_another_lease() {
        let start = Instant::now();
        let mut grantor = leading(start);
        assert_eq!(grantor.renew(P, Epoch(6), start), Some(Renewal::Over));
        grantor.lead([(P, Epoch(8))], start + LEASE);
        assert_eq!(grantor.renew(P, Epoch(7), start + LEASE), Some(Renewal::Over));
        assert_eq!(grantor.expired(start + LEASE * 2), []);
        assert_eq!(grantor.renew(P, Epoch(8), start + LEASE * 2), Some(Renewal::Granted));
    }

    #[test]
    fn who_does_not_lead_grants_nothing() {
        let start = Instant::now();
        let mut grantor = leading(start);
        grantor.step_down();
        assert_eq!(grantor.renew(P, Epoch(7), start), None);
        assert_eq!(grantor.expired(start + LEASE * 9), []);
    }

    /// The holder's end comes before the leader's, wherever between sending and answering the grant falls.
    #[test]
    fn the_holder_knows_first() {
        use super::super::Holder;
        let start = Instant::now();
        for delay in [0, 1, 10, 500, 3999] {
            let mut grantor = leading(start);
            let mut holder = Holder::new(LEASE);
            holder.started(Epoch(7), start);
            let granted = start + Duration::from_millis(delay);
            assert_eq!(grantor.renew(P, Epoch(7), granted), Some(Renewal::Granted));
            holder.renewed(start);
            let until = holder.until().expect("it holds");
            assert_eq!(grantor.expired(until), [], "after {delay} ms");
        }
    }
}
