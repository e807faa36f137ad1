//! A network that looks at the disks whenever a message leaves a member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use openraft::raft::AppendEntriesResponse;

use crate::disk::{Disk, DiskEvent, MemoryDisk, Space};
use crate::ids::ProxyId;
use crate::store::RoutingStore;
use crate::store::message::{Request, Response};
use crate::store::records::{VOTE, decode, get_meta, log_key};
use crate::store::types::{Entry, LogId, Vote};
use crate::transport::{Transport, TransportError};

/// What a member has said, so that others build on it.
#[derive(Clone, Debug)]
pub(super) enum Promise {
    /// It has voted, or followed.
    Vote(Vote),
    /// It has these entries.
    Entries(Vec<LogId>),
}

/// What happened at one member.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Its disk's events.
    pub(super) events: Vec<DiskEvent>,
    /// What it promised, each with the number of events until then.
    pub(super) promises: Vec<(usize, Promise)>,
}

/// What was seen, and what of it was wrong.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) members: BTreeMap<ProxyId, Watched>,
    pub(super) votes: usize,
    pub(super) own_votes: usize,
    pub(super) appends: usize,
    pub(super) commits: usize,
    pub(super) answers: usize,
    pub(super) wrong: Vec<String>,
}

#[derive(Default)]
struct State {
    members: BTreeMap<ProxyId, RoutingStore>,
    disks: BTreeMap<ProxyId, Arc<MemoryDisk>>,
    voters: BTreeSet<ProxyId>,
    cut: BTreeSet<ProxyId>,
    seen: Seen,
}

/// Carries messages between the members that are plugged in. Clones are the same network.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<State>>);

impl Recorder {
    pub(super) fn add(&self, id: ProxyId, disk: Arc<MemoryDisk>) {
        self.lock().disks.insert(id, disk);
    }

    /// From now on it takes a majority of the members up to this one. While the members change, either majority may do: then 0, for nobody.
    pub(super) fn voters(&self, last: u64) {
        self.lock().voters = (1..=last).map(ProxyId).collect();
    }

    pub(super) fn plug(&self, id: ProxyId, store: RoutingStore) {
        self.lock().members.insert(id, store);
    }

    pub(super) fn unplug(&self, id: ProxyId) {
        self.lock().members.remove(&id);
    }

    pub(super) fn cut(&self, id: ProxyId) {
        self.lock().cut.insert(id);
    }

    pub(super) fn mend(&self) {
        self.lock().cut.clear();
    }

    /// The way of one member to the others.
    pub(super) fn from(&self, me: ProxyId) -> Arc<dyn Transport> {
        Arc::new(Plug { me, recorder: self.clone() })
    }

    /// A caller was told that the entry at this index is committed.
    pub(super) fn answered(&self, index: u64) {
        let mut state = self.lock();
        state.seen.answers += 1;
        let holders = state.holders(|disk| durable_entry(disk, index).is_some());
        if !state.is_majority(&holders) {
            let voters = state.voters.clone();
            state.seen.wrong.push(format!("an answer was given for entry {index}, which of {voters:?} only {holders:?} have synced"));
        }
    }

    /// How many events a member's disk has seen.
    pub(super) fn events(&self, id: ProxyId) -> usize {
        let mut state = self.lock();
        state.collect(id);
        state.seen.members[&id].events.len()
    }

    /// Everything that was seen, with the rest of the disks' events.
    pub(super) fn take(&self) -> Seen {
        let mut state = self.lock();
        for id in state.disks.keys().copied().collect::<Vec<_>>() {
            state.collect(id);
        }
        std::mem::take(&mut state.seen)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it holds this")
    }

    fn reach(&self, from: ProxyId, target: ProxyId) -> Option<RoutingStore> {
        let state = self.lock();
        let open = !state.cut.contains(&from) && !state.cut.contains(&target);
        state.members.get(&target).filter(|_| open).cloned()
    }
}

impl State {
    /// Which voters have on their disks, as a crash would leave them, what is looked for.
    fn holders(&self, holds: impl Fn(&MemoryDisk) -> bool) -> Vec<ProxyId> {
        let has = |id: &&ProxyId| self.disks.get(id).is_some_and(|disk| holds(&disk.after_crash()));
        self.voters.iter().filter(has).copied().collect()
    }

    fn is_majority(&self, holders: &[ProxyId]) -> bool {
        self.voters.is_empty() || holders.len() * 2 > self.voters.len()
    }

    /// A member has sent a request.
    fn asked(&mut self, from: ProxyId, request: &Request) {
        match request {
            Request::Vote(rpc) | Request::Succeed(rpc) => {
                self.seen.own_votes += 1;
                self.must_have_voted(from, &rpc.vote, "the candidate itself has voted");
            }
            Request::Append(rpc) => {
                let Some(committed) = rpc.leader_commit else { return };
                self.seen.commits += 1;
                let holders = self.holders(|disk| durable_entry(disk, committed.index) == Some(committed));
                if !self.is_majority(&holders) {
                    let voters = &self.voters;
                    self.seen
                        .wrong
                        .push(format!("the leader said that {committed} is committed, which of {voters:?} only {holders:?} have synced"));
                }
            }
            // No other request rests on what is on a disk.
            Request::InstallSnapshot(_)
            | Request::Leader(_)
            | Request::Relayed { .. }
            | Request::Ping
            | Request::PreVote
            | Request::Campaign(_)
            | Request::Bequeath(_) => {}
        }
    }

    /// A member's answer leaves it.
    fn answers(&mut self, from: ProxyId, request: &Request, response: &Response) {
        match (request, response) {
            (Request::Vote(rpc) | Request::Succeed(rpc), Response::Vote(answer)) if answer.vote_granted => {
                self.seen.votes += 1;
                self.must_have_voted(from, &rpc.vote, "a vote was granted");
                self.promise(from, Promise::Vote(rpc.vote));
            }
            (Request::Append(rpc), Response::Append(AppendEntriesResponse::Success)) => {
                self.must_have_voted(from, &rpc.vote, "a leader was followed");
                self.promise(from, Promise::Vote(rpc.vote));
                let entries: Vec<_> = rpc.entries.iter().map(|entry| entry.log_id).collect();
                self.must_have(from, &entries);
                self.seen.appends += usize::from(!entries.is_empty());
                self.promise(from, Promise::Entries(entries));
            }
            _ => {}
        }
    }

    fn must_have_voted(&mut self, id: ProxyId, vote: &Vote, what: &str) {
        let durable = self.disks.get(&id).and_then(|disk| get_meta::<Vote>(&disk.after_crash(), VOTE).expect("a vote"));
        if durable.is_none_or(|durable| durable < *vote) {
            self.seen.wrong.push(format!("{what}: {vote} by member {id}, whose disk has {durable:?}"));
        }
    }

    fn must_have(&mut self, id: ProxyId, entries: &[LogId]) {
        let Some(disk) = self.disks.get(&id).map(|disk| disk.after_crash()) else { return };
        let missing: Vec<_> = entries.iter().filter(|entry| durable_entry(&disk, entry.index) != Some(**entry)).collect();
        if !missing.is_empty() {
            self.seen.wrong.push(format!("an append was acknowledged by member {id}, whose disk lacks {missing:?}"));
        }
    }

    fn promise(&mut self, id: ProxyId, promise: Promise) {
        self.collect(id);
        let member = self.seen.members.entry(id).or_default();
        member.promises.push((member.events.len(), promise));
    }

    fn collect(&mut self, id: ProxyId) {
        let events = self.disks.get(&id).map(|disk| disk.take_events()).unwrap_or_default();
        self.seen.members.entry(id).or_default().events.extend(events);
    }
}

/// The entry at an index, on a disk as a crash left it.
fn durable_entry(disk: &MemoryDisk, index: u64) -> Option<LogId> {
    let record = disk.get(Space::Log, &log_key(index)).expect("read")?;
    Some(decode::<Entry>(disk, &record).expect("an entry").log_id)
}

struct Plug {
    me: ProxyId,
    recorder: Recorder,
}

#[async_trait]
impl Transport for Plug {
    async fn call(&self, target: ProxyId, _: &str, request: Bytes, _: Duration) -> Result<Bytes, TransportError> {
        let asked: Request = postcard::from_bytes(&request).expect("a request");
        self.recorder.lock().asked(self.me, &asked);
        let unreachable = || TransportError::Unreachable { target, reason: "cut off".to_owned() };
        let member = self.recorder.reach(self.me, target).ok_or_else(unreachable)?;
        let answer = member.handle(self.me, request).await.map_err(|error| TransportError::Lost { target, reason: error.to_string() })?;
        self.recorder.lock().answers(target, &asked, &postcard::from_bytes(&answer).expect("an answer"));
        self.recorder.reach(self.me, target).map(|_| answer).ok_or_else(unreachable)
    }
}
