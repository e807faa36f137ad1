//! One direction of a link.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::loss::{Losing, Loss};

/// What one direction is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    /// Bytes per second.
    pub(crate) rate: f64,
    /// From the end of the queue to the other side.
    pub(crate) delay: Duration,
    /// Bytes that wait at most; what comes on top is dropped.
    pub(crate) queue: f64,
    /// What is lost behind the queue.
    pub(crate) loss: Loss,
    /// The share of packets that take half the delay longer, and are overtaken.
    pub(crate) late: f64,
}

impl Shape {
    /// So many Mbit/s with this round trip over both directions, and a queue of so many times what is on the way then.
    pub(crate) fn new(megabits: f64, round_trip: Duration, queue: f64) -> Self {
        let rate = megabits * 125_000.0;
        Self { rate, delay: round_trip / 2, queue: rate * round_trip.as_secs_f64() * queue, loss: Loss::None, late: 0.0 }
    }

    /// The same with loss.
    pub(crate) fn losing(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }
}

/// What became of the packets of a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Came to the link.
    pub(crate) sent: u64,
    /// Found the queue full: what the senders have brought upon themselves.
    pub(crate) overflowed: u64,
    /// Were lost on the line.
    pub(crate) lost: u64,
}

/// One direction. Times are since any start.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    shape: Shape,
    losing: Losing,
    rng: StdRng,
    /// When the last packet of the queue has left it.
    free_at: Duration,
    /// When the last packet arrives that was not late.
    last: Duration,
    count: Count,
}

impl Path {
    /// An empty one. The seed decides which packets it loses.
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        Self {
            shape,
            losing: Losing::new(shape.loss),
            rng: StdRng::seed_from_u64(seed),
            free_at: Duration::ZERO,
            last: Duration::ZERO,
            count: Count::default(),
        }
    }

    /// When a packet of so many bytes arrives that is sent now; `None` if it does not.
    pub(crate) fn send(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        let bytes = bytes as f64;
        self.count.sent += 1;
        if self.waiting(now) + bytes > self.shape.queue {
            self.count.overflowed += 1;
            return None;
        }
        self.free_at = self.free_at.max(now) + Duration::from_secs_f64(bytes / self.shape.rate);
        if self.losing.loses(&mut self.rng) {
            self.count.lost += 1;
            return None;
        }
        if self.shape.late > 0.0 && self.rng.random_bool(self.shape.late) {
            return Some(self.free_at + self.shape.delay * 3 / 2);
        }
        self.last = self.last.max(self.free_at + self.shape.delay);
        Some(self.last)
    }

    /// From now on it is like this; what waits, waits on at the new rate.
    pub(crate) fn change(&mut self, now: Duration, shape: Shape) {
        let backlog = self.waiting(now).min(shape.queue);
        self.free_at = now + Duration::from_secs_f64(backlog / shape.rate);
        if shape.loss != self.shape.loss {
            self.losing = Losing::new(shape.loss);
        }
        self.shape = shape;
    }

    /// What became of everything so far.
    pub(crate) fn count(&self) -> Count {
        self.count
    }

    /// The bytes in the queue.
    fn waiting(&self, now: Duration) -> f64 {
        self.free_at.saturating_sub(now).as_secs_f64() * self.shape.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    /// 8 Mbit/s, so a packet of 1,000 bytes takes a millisecond; 20 ms there and back, and a queue of ten packets.
    fn shape() -> Shape {
        Shape::new(8.0, MS * 20, 0.5)
    }

    #[test]
    fn a_packet_takes_its_turn_and_the_delay() {
        let mut path = Path::new(shape(), 1);
        assert_eq!(path.send(SECOND, 1_000), Some(SECOND + MS * 11));
        assert_eq!(path.send(SECOND, 1_000), Some(SECOND + MS * 12));
        assert_eq!(path.send(SECOND + MS * 10, 500), Some(SECOND + MS * 20 + MS / 2));
    }

    #[test]
    fn the_queue_has_a_bound_in_bytes_and_empties_at_the_rate() {
        let mut path = Path::new(shape(), 1);
        assert_eq!((0..20).filter(|_| path.send(SECOND, 1_000).is_some()).count(), 10);
        assert_eq!(path.count(), Count { sent: 20, overflowed: 10, lost: 0 });
        assert_eq!(path.send(SECOND + MS, 1_000), Some(SECOND + MS * 21));
        assert_eq!(path.send(SECOND + MS, 1_000), None);
    }

    #[test]
    fn it_loses_its_share_and_the_same_seed_the_same_packets() {
        let lost = |loss, seed| {
            let mut path = Path::new(Shape { rate: 1e12, ..shape() }.losing(loss), seed);
            let arrived: Vec<bool> = (0..100_000_u32).map(|packet| path.send(MS * packet, 1_000).is_some()).collect();
            let bursts = arrived.windows(2).filter(|pair| pair[0] && !pair[1]).count();
            (arrived.iter().filter(|arrived| !**arrived).count(), bursts, arrived)
        };
        let (random, burst) = (lost(Loss::Random(0.03), 1), lost(Loss::Bursts { share: 0.03, length: 10.0 }, 1));
        assert!((2_800..3_200).contains(&random.0), "{}", random.0);
        assert!((2_500..3_500).contains(&burst.0), "{}", burst.0);
        assert!(random.1 > 2_700 && burst.1 < 400, "{} and {} bursts", random.1, burst.1);
        assert_eq!(random, lost(Loss::Random(0.03), 1));
        assert_ne!(random.2, lost(Loss::Random(0.03), 2).2);
        assert_eq!(lost(Loss::None, 1).0, 0);
    }

    #[test]
    fn late_packets_are_overtaken_and_no_others() {
        let mut path = Path::new(Shape { late: 0.1, ..shape() }, 1);
        let arrivals: Vec<Duration> = (0..1_000_u32).filter_map(|packet| path.send(MS * packet, 500)).collect();
        let overtaken = arrivals.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((60..140).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn what_waits_when_the_rate_changes_waits_accordingly() {
        let mut path = Path::new(shape(), 1);
        (0..10).for_each(|_| assert!(path.send(SECOND, 1_000).is_some()));
        path.change(SECOND, Shape { rate: shape().rate / 2.0, ..shape() });
        assert_eq!(path.send(SECOND, 1_000), None);
        assert_eq!(path.send(SECOND + MS * 20, 1_000), Some(SECOND + MS * 32));
    }
}
