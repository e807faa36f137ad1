//! The commands of a proxy that wait, and what becomes one proposal, by the rules of the store's proposer.

use std::collections::VecDeque;

use warren_raft::store::{BATCH, BATCH_BYTES, FAST};
use warren_raft::{Command, Proposal, ProxyId};

/// A command, and the agent whose tunnel it is about.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) command: Command,
    pub(super) agent: Option<u32>,
    bytes: usize,
}

impl Waiting {
    /// About a tunnel of that agent, or of none.
    pub(super) fn new(command: Command, agent: Option<u32>) -> Self {
        let bytes = postcard::experimental::serialized_size(&command).expect("a command has no type that postcard refuses");
        Self { command, agent, bytes }
    }
}

/// What travels to the leader and back.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) from: ProxyId,
    pub(super) proposal: Proposal,
    /// For each command the agent it is about.
    pub(super) agents: Vec<Option<u32>>,
    /// What the proposal takes, encoded.
    pub(super) bytes: u64,
}

/// Two lanes, as in the store: what ends or begins a life is never behind a flood of what only adds.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    fast: VecDeque<Waiting>,
    slow: VecDeque<Waiting>,
}

impl Lanes {
    /// One more waits.
    pub(super) fn push(&mut self, waiting: Waiting) {
        let lane = if waiting.command.is_urgent() { &mut self.fast } else { &mut self.slow };
        lane.push_back(waiting);
    }

    /// What goes into the next proposal.
    pub(super) fn next_batch(&mut self) -> Vec<Waiting> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        take(&mut self.fast, FAST, (&mut batch, &mut bytes));
        take(&mut self.slow, BATCH, (&mut batch, &mut bytes));
        take(&mut self.fast, BATCH, (&mut batch, &mut bytes));
        batch
    }
}

fn take(lane: &mut VecDeque<Waiting>, most: usize, (batch, bytes): (&mut Vec<Waiting>, &mut usize)) {
    while batch.len() < most && lane.front().is_some_and(|next| *bytes + next.bytes <= BATCH_BYTES) {
        let next = lane.pop_front().expect("there is a front");
        *bytes += next.bytes;
        batch.push(next);
    }
}
