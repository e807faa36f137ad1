//! The proxy's half of its lease.

use std::time::Duration;

use tokio::time::Instant;

use crate::ids::Epoch;

/// What the holder does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for a new epoch, at once.
    Start,
    /// Renew this epoch's lease, at this time.
    Renew(Epoch, Instant),
}

/// Knows whether this proxy holds its lease.
///
/// A lease that could not be renewed in time is lost, but its epoch may live on: the leader, or the next one, may have been
/// patient. So the holder goes on to renew it until it hears that the epoch is over.
#[derive(Debug)]
pub struct Holder {
    lease: Duration,
    epoch: Option<Held>,
}

#[derive(Debug)]
struct Held {
    epoch: Epoch,
    /// When the last answered request was sent.
    since: Instant,
    /// When to ask again.
    again: Instant,
}

impl Holder {
    /// Holds nothing yet.
    pub fn new(lease: Duration) -> Self {
        Self { lease, epoch: None }
    }

    /// How often it renews.
    pub fn interval(&self) -> Duration {
        self.lease / 3
    }

    /// A new epoch was granted to the request sent at `asked`.
    pub fn started(&mut self, epoch: Epoch, asked: Instant) {
        self.epoch = Some(Held { epoch, since: asked, again: asked + self.interval() });
    }

    /// The renewal sent at `asked` was granted.
    pub fn renewed(&mut self, asked: Instant) {
        let interval = self.interval();
        if let Some(held) = &mut self.epoch {
            held.since = asked;
            held.again = asked + interval;
        }
    }

    /// The renewal was not answered; the next one is due at `again`.
    pub fn unanswered(&mut self, again: Instant) {
        if let Some(held) = &mut self.epoch {
            held.again = again;
        }
    }

    /// The leader says that the epoch is over.
    pub fn over(&mut self) {
        self.epoch = None;
    }

    /// The epoch, while the lease on it runs.
    pub fn held(&self, now: Instant) -> Option<Epoch> {
        self.epoch.as_ref().filter(|held| now < held.since + self.lease).map(|held| held.epoch)
    }

    /// When the lease ends unless it is renewed.
    pub fn until(&self) -> Option<Instant> {
        self.epoch.as_ref().map(|held| held.since + self.lease)
    }

    /// What to do next.
    pub fn step(&self) -> Step {
        self.epoch.as_ref().map_or(Step::Start, |held| Step::Renew(held.epoch, held.again))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(3);

    #[test]
    fn a_lease_counts_from_the_request() {
        let start = Instant::now();
        let mut holder = Holder::new(LEASE);
        assert_eq!((holder.held(start), holder.step()), (None, Step::Start));
        holder.started(Epoch(4), start);
        assert_eq!(holder.held(start + LEASE - Duration::from_millis(1)), Some(Epoch(4)));
        assert_eq!(holder.held(start + LEASE), None);
        assert_eq!(holder.step(), Step::Renew(Epoch(4), start + LEASE / 3));
    }

    #[test]
    fn a_lost_lease_is_renewed_until_its_epoch_is_over() {
        let start = Instant::now();
        let mut holder = Holder::new(LEASE);
        holder.started(Epoch(4), start);
        holder.unanswered(start + LEASE * 2);
        assert_eq!(holder.held(start + LEASE * 2), None);
        assert_eq!(holder.step(), Step::Renew(Epoch(4), start + LEASE * 2));
        holder.renewed(start + LEASE * 2);
        assert_eq!(holder.held(start + LEASE * 2), Some(Epoch(4)));
        holder.over();
        assert_eq!((holder.held(start + LEASE * 2), holder.step()), (None, Step::Start));
    }
}
