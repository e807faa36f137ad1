//! Connections that share one link, in time that is only reckoned: QUIC itself with the production's settings, without sockets and without waiting.
//!
//! [`Bottleneck::run`] moves the time from one event to the next. Who sends how much follows from the congestion controllers and from the seed.

mod end;
mod keys;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use end::{End, Role};
use keys::Keys;
use warren::net::quic::CongestionControl;

use super::link::{Count, Path, Shape};

/// A connection that sends as much as it may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// How.
    pub(crate) control: CongestionControl,
    /// From when on.
    pub(crate) start: Duration,
}

impl Flow {
    /// From the beginning.
    pub(crate) fn new(control: CongestionControl) -> Self {
        Self { control, start: Duration::ZERO }
    }

    /// Only from then on.
    pub(crate) fn later(control: CongestionControl, start: Duration) -> Self {
        Self { control, start }
    }
}

/// What a connection has achieved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// What arrived in each second.
    pub(crate) arrived: Vec<u64>,
    /// How long each question of 64 bytes beside it took for its answer.
    pub(crate) pings: Vec<Duration>,
}

impl Outcome {
    /// What arrived per second from `start` to the end, in Mbit/s.
    pub(crate) fn megabits(&self, start: Duration) -> f64 {
        let start = usize::try_from(start.as_secs()).expect("seconds");
        let counted = &self.arrived[start.min(self.arrived.len())..];
        counted.iter().sum::<u64>() as f64 / 125_000.0 / counted.len().max(1) as f64
    }

    /// Of the pings, in milliseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.pings.clone();
        sorted.sort_unstable();
        let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(f64::NAN, |ping| ping.as_secs_f64() * 1e3)
    }
}

/// A link with a queue that all share.
#[derive(Clone, Debug)]
pub(crate) struct Bottleneck {
    there: Path,
    back: Path,
    /// What the way there is like from when on.
    changes: Vec<(Duration, Shape)>,
}

/// Datagrams under way, by when they arrive and in the order of sending: at whose which end.
type Arrivals = BTreeMap<(Duration, u64), (usize, Role, BytesMut)>;

impl Bottleneck {
    /// The same in both directions.
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        Self { there: Path::new(shape, seed), back: Path::new(shape, seed + 1), changes: Vec::new() }
    }

    /// From that time on both ways are like this.
    pub(crate) fn changing(mut self, at: Duration, shape: Shape) -> Self {
        self.changes.push((at, shape));
        self
    }

    /// What became of the packets on the way there.
    pub(crate) fn count(&self) -> Count {
        self.there.count()
    }

    /// Runs these connections for so long.
    pub(crate) fn run(&mut self, flows: &[Flow], length: Duration) -> Vec<Outcome> {
        let keys = Keys::new();
        let ends = flows.iter().zip(0..).map(|(flow, index)| Role::BOTH.map(|role| End::new(role, flow, (&keys, index)))).collect();
        let mut running = Running { link: self, now: Duration::ZERO, arrivals: Arrivals::new(), sent: 0, ends };
        while running.step(length) {}
        let outcome = |[sender, receiver]: [End; 2]| Outcome { arrived: receiver.into_arrived(length), pings: sender.into_pings() };
        running.ends.into_iter().map(outcome).collect()
    }
}

struct Running<'a> {
    link: &'a mut Bottleneck,
    now: Duration,
    arrivals: Arrivals,
    sent: u64,
    ends: Vec<[End; 2]>,
}

impl Running<'_> {
    /// Goes on to the next moment at which anything happens; whether there is one before the end.
    fn step(&mut self, end: Duration) -> bool {
        let arrival = self.arrivals.first_key_value().map(|((at, _), _)| *at);
        let waking = self.ends.iter_mut().flatten().filter_map(End::wakes_at).min();
        let Some(next) = arrival.into_iter().chain(waking).min().filter(|next| *next < end) else { return false };
        self.now = self.now.max(next);
        self.change();
        while let Some(entry) = self.arrivals.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (flow, role, datagram) = entry.remove();
            self.ends[flow][role as usize].receive(self.now, datagram);
        }
        for flow in 0..self.ends.len() {
            Role::BOTH.into_iter().for_each(|role| self.drive(flow, role));
        }
        true
    }

    fn change(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.link.changes).into_iter().partition(|(at, _)| *at <= now);
        self.link.changes = later;
        let due: Vec<(Duration, Shape)> = due;
        for (_, shape) in due {
            self.link.there.change(now, shape);
            self.link.back.change(now, shape);
        }
    }

    fn drive(&mut self, flow: usize, role: Role) {
        let (path, to) = match role {
            Role::Sender => (&mut self.link.there, Role::Receiver),
            Role::Receiver => (&mut self.link.back, Role::Sender),
        };
        let (now, arrivals, sent) = (self.now, &mut self.arrivals, &mut self.sent);
        self.ends[flow][role as usize].drive(now, |datagram| {
            *sent += 1;
            // What IP and UDP add.
            if let Some(at) = path.send(now, datagram.len() + 28) {
                arrivals.insert((at, *sent), (flow, to, BytesMut::from(datagram)));
            }
        });
    }
}
