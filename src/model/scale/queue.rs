//! What is going to happen, in the order of time and, at the same moment, of its causes.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
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

/// How many microseconds are one span, as a power of two.
const SPAN: u32 = 10;

/// All of it. What is due in a later span waits unsorted, so that only little is ever sorted: there are hundreds of thousands of events, most of them soon.
#[derive(Debug, Default)]
pub(super) struct Queue {
    soon: BinaryHeap<Entry>,
    /// The span that has begun.
    span: u64,
    later: BTreeMap<u64, Vec<Entry>>,
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
        let entry = Entry { due: (at, self.count), event };
        match at >> SPAN {
            span if span <= self.span => self.soon.push(entry),
            span => self.later.entry(span).or_default().push(entry),
        }
    }

    /// What happens next, if it does so by `limit`.
    pub(super) fn pop(&mut self, limit: Moment) -> Option<(Moment, Event)> {
        if self.soon.is_empty() {
            let next = self.later.first_entry().filter(|next| next.key() << SPAN <= limit)?;
            self.span = *next.key();
            self.soon = next.remove().into();
        }
        self.soon.peek().filter(|first| first.due.0 <= limit)?;
        self.soon.pop().map(|first| (first.due.0, first.event))
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
