//! What is going to happen, in the order of time and, at the same moment, of its causes.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use warren_raft::command::Answers;
use warren_raft::{ProxyId, Sequence};

use super::batch::Batch;
use super::cluster::View;

/// A moment, in microseconds since the begin.
pub(super) type Moment = u64;

/// A tunnel of an agent, or a try to get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Try {
    pub(super) agent: u32,
    pub(super) sequence: Sequence,
    pub(super) proxy: ProxyId,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A first packet reaches a proxy.
    Knock(Try),
    /// A handshake is complete, at the agent.
    Shaken(Try),
    /// The hello reaches the proxy.
    Hello(Try),
    /// The agent hears that it is not taken now.
    Refused(Try, Duration),
    /// Nobody has answered, or a tunnel is closed.
    Failed(Try),
    /// The route is committed: the agent hears of it and of the cluster.
    Welcome(Try, Arc<View>),
    /// The proxy hears that a tunnel is wanted no more.
    Retire(Try),
    /// Its route is withdrawn, the agent closes it.
    Retired(Try),
    /// Nothing comes over a tunnel any more.
    Silent(Try),
    /// The agent is asked to hold a tunnel to another proxy instead, or wherever.
    Move(Try, Option<ProxyId>),
    /// An agent may do something by itself.
    Look(u32),
    /// All agents of a proxy hear of the cluster.
    News(ProxyId, Arc<View>),
    /// A proposal reaches the leader.
    Propose(Box<Batch>),
    /// It is on the disks of a majority.
    Commit(Box<Batch>),
    /// The proposer hears of it, and has applied it.
    Applied(Box<Batch>, Answers),
    /// A proxy that drains looks.
    Drain(ProxyId),
    /// A proxy looks whether it holds more than others.
    Level(ProxyId),
    /// The lease of a dead proxy is over.
    Expire(ProxyId),
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: BinaryHeap<Entry>,
    count: u64,
}

/// An event, when it is due, and how many were noted before it.
#[derive(Debug)]
struct Entry {
    due: (Moment, u64),
    event: Event,
}

impl Queue {
    /// Something is going to happen then.
    pub(super) fn push(&mut self, at: Moment, event: Event) {
        self.count += 1;
        self.events.push(Entry { due: (at, self.count), event });
    }

    /// What happens next, if it does so by `limit`.
    pub(super) fn pop(&mut self, limit: Moment) -> Option<(Moment, Event)> {
        self.events.peek().filter(|first| first.due.0 <= limit)?;
        self.events.pop().map(|first| (first.due.0, first.event))
    }
}

/// The first is the greatest, as the heap wants it.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Entry {}

/// As microseconds.
pub(super) fn micros(duration: Duration) -> Moment {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
