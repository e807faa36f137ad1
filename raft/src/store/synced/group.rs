//! A group of three on recording disks.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::recorder::{Recorder, Seen};
use crate::command::{Accepted, Bootstrap, Command, Enrollment, NewToken, ProxyStart};
use crate::disk::{DiskDrive, MemoryDisk};
use crate::ids::{ClusterId, Incarnation, KeyHash, Level, ProxyId, Timestamp, TokenId};
use crate::store::{LeaseState, RoutingStore, StoreConfig, StoreStatus, Tuning};
use crate::table::{Strategy, TokenRole};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How long a write waits that nobody can commit.
const HOPELESS: Duration = Duration::from_millis(200);
/// The token of every machine.
const TOKEN: TokenId = TokenId([5; 8]);

/// Up to three members.
pub(super) struct Group {
    recorder: Recorder,
    disks: [Arc<MemoryDisk>; 3],
    members: Vec<RoutingStore>,
    drive: DiskDrive,
    snapshot_after: u64,
    written: u64,
}

impl Group {
    /// None yet, on disks that are prepared like this.
    pub(super) fn new(snapshot_after: u64, prepare: impl Fn(&MemoryDisk)) -> Self {
        let disks: [Arc<MemoryDisk>; 3] = std::array::from_fn(|_| Arc::new(MemoryDisk::default()));
        disks.iter().for_each(|disk| prepare(disk));
        Self { recorder: Recorder::default(), disks, members: Vec::new(), drive: DiskDrive::Thread, snapshot_after, written: 0 }
    }

    /// None yet, on disks that are driven like this.
    pub(super) fn driven(drive: DiskDrive, snapshot_after: u64) -> Self {
        Self { drive, ..Self::new(snapshot_after, |_| {}) }
    }

    /// All three, on these disks.
    pub(super) async fn reopened(drive: DiskDrive, snapshot_after: u64, disks: [MemoryDisk; 3]) -> Self {
        let mut group = Self { disks: disks.map(Arc::new), ..Self::driven(drive, snapshot_after) };
        for id in 1..=3 {
            let member = group.open(id).await;
            member.live(start(id));
            group.members.push(member);
        }
        group
    }

    /// One bootstraps, two join; when all vote, everything that leaves them is looked at against a majority of three.
    pub(super) async fn grow_to_three(&mut self) {
        self.recorder.voters(1);
        let one = self.open(1).await;
        one.bootstrap(bootstrap()).await.expect("a group of one");
        one.live(start(1));
        self.members.push(one);
        let token = NewToken {
            id: TOKEN,
            secret: KeyHash([9; 32]),
            role: TokenRole::Proxy,
            name: "*".parse().expect("a glob"),
            allow: vec![],
            expires_at: Timestamp(u64::MAX),
            uses: 2,
        };
        self.members[0].propose(Command::CreateToken(token), PATIENCE).await.expect("a token");
        self.write(20).await;
        for id in 2..=3 {
            self.recorder.voters(0);
            let enrolled = self.members[0].propose(enroll(id), PATIENCE).await.expect("enrolled").answer;
            assert_eq!(enrolled, Accepted::Enrolled { proxy: Some(ProxyId(id)) });
            let member = self.open(id).await;
            member.live(start(id));
            self.members.push(member);
            let voting = usize::try_from(id).expect("small");
            self.until(|store| store.status().voters.len() == voting && store.status().learners.is_empty()).await;
            // What was committed before it had a vote may be on its disk a little later: by the end of this write that is over.
            self.write(1).await;
            self.recorder.voters(id);
        }
    }

    /// So many writes, through each member in turn.
    pub(super) async fn write(&mut self, count: u64) {
        for _ in 0..count {
            self.written += 1;
            self.write_through(usize::try_from(self.written).expect("small") % self.members.len()).await;
        }
    }

    /// So many writes, through the leader.
    pub(super) async fn write_at_leader(&mut self, count: u64) {
        let place = place(self.members[0].status().leader.expect("a leader"));
        for _ in 0..count {
            self.written += 1;
            self.write_through(place).await;
        }
    }

    async fn write_through(&self, place: usize) {
        let member = &self.members[place];
        let committed = member.propose(revoke(self.written), PATIENCE).await;
        // There is no such token; an answer is all that is wanted.
        assert!(matches!(committed, Err(crate::ProposeError::Rejected(_))), "{committed:?}");
        self.recorder.answered(*member.applied().borrow());
    }

    /// Cuts a member off.
    pub(super) fn cut(&self, id: ProxyId) {
        self.recorder.cut(id);
    }

    /// Lets everybody reach everybody.
    pub(super) fn mend(&self) {
        self.recorder.mend();
    }

    /// How many events a member's disk has seen.
    pub(super) fn events(&self, id: ProxyId) -> usize {
        self.recorder.events(id)
    }

    /// What a member says of itself.
    pub(super) fn status(&self, id: ProxyId) -> StoreStatus {
        self.members[place(id)].status()
    }

    /// Waits until the members other than this one have nothing in their logs any more that this one has not seen: they need a snapshot for it.
    pub(super) async fn outgrow(&self, id: ProxyId) {
        let last = self.status(id).last_log_index;
        for store in self.members.iter().filter(|store| store.status().id != id) {
            until(store, |store| store.status().last_log_index - store.usage().log_entries > last).await;
        }
    }

    /// Waits until all have applied everything that one of them has.
    pub(super) async fn settle(&self) {
        let last = self.members.iter().map(|store| store.status().last_log_index).max().expect("members");
        self.until(|store| store.status().applied_index >= last).await;
    }

    /// A member's disk as it is now, flushed or not.
    pub(super) fn disk(&self, id: ProxyId) -> &MemoryDisk {
        &self.disks[place(id)]
    }

    /// Cuts the leader off, lets it write what nobody else gets, and takes it back under another leader.
    pub(super) async fn depose(&mut self) {
        let leader = self.members[0].status().leader.expect("a leader");
        let place = place(leader);
        self.recorder.cut(leader);
        let hopeless = self.members[place].propose(revoke(0), HOPELESS).await;
        assert!(matches!(hopeless, Err(crate::ProposeError::NoQuorum(_))), "{hopeless:?}");
        let others: Vec<_> = self.members.iter().filter(|store| store.status().id != leader).cloned().collect();
        for store in &others {
            until(store, |store| store.status().leader.is_some_and(|other| other != leader)).await;
        }
        self.recorder.mend();
        self.until(|store| store.status().leader.is_some_and(|other| other != leader)).await;
    }

    /// Stops a member and opens it again on the same disk.
    pub(super) async fn restart(&mut self, id: u64) {
        let place = place(ProxyId(id));
        self.recorder.unplug(ProxyId(id));
        self.members[place].shutdown().await;
        self.members[place] = self.open(id).await;
        self.members[place].live(start(id));
        let member = self.members[place].clone();
        until(&member, |store| matches!(*store.lease().borrow(), LeaseState::Held(_))).await;
    }

    /// Waits until all have everything up to `committed`, and writes through each of them: then all have the same.
    pub(super) async fn agree_on(&mut self, committed: u64) {
        self.until(|store| store.status().leader.is_some() && store.status().applied_index >= committed).await;
        self.write(3).await;
        self.settle().await;
        let same = |store: &RoutingStore| (store.status().applied_index, store.table());
        for store in &self.members[1..] {
            assert!(same(store) == same(&self.members[0]), "{:#?} {:#?}", store.status(), self.members[0].status());
        }
    }

    /// Stops all of them.
    pub(super) async fn stop(self) -> Seen {
        for (store, id) in self.members.iter().zip(1..) {
            self.recorder.unplug(ProxyId(id));
            store.shutdown().await;
        }
        self.recorder.take()
    }

    async fn open(&self, id: u64) -> RoutingStore {
        let seeds = self.members.iter().map(|store| (store.status().id, address(store.status().id.0))).filter(|(seed, _)| seed.0 != id);
        let config = StoreConfig {
            id: ProxyId(id),
            opened: Incarnation(0),
            peer_address: address(id),
            seeds: seeds.collect(),
            heartbeat: Duration::from_millis(30),
            election_timeout: Duration::from_millis(300),
            max_voters: 5,
            promote_after: Duration::from_millis(100),
            lease: Duration::from_secs(1),
            seed: id,
            wall: Arc::new(|| Timestamp(1)),
            tuning: Tuning {
                drive: self.drive,
                snapshot_after: self.snapshot_after,
                keep_behind_snapshot: self.snapshot_after / 4,
                ..Tuning::default()
            },
        };
        let disk = self.disks[place(ProxyId(id))].clone();
        self.recorder.add(ProxyId(id), disk.clone());
        let store = RoutingStore::open(config, disk, self.recorder.from(ProxyId(id))).await.expect("it opens");
        self.recorder.plug(ProxyId(id), store.clone());
        store
    }

    async fn until(&self, so: impl Fn(&RoutingStore) -> bool) {
        for store in &self.members {
            until(store, &so).await;
        }
    }
}

async fn until(store: &RoutingStore, so: impl Fn(&RoutingStore) -> bool) {
    let wait = async {
        while !so(store) {
            sleep(LOOK).await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "in time, not {:#?}", store.status());
}

fn place(id: ProxyId) -> usize {
    usize::try_from(id.0).expect("small") - 1
}

fn address(id: u64) -> String {
    format!("host-{id}:3021")
}

fn start(id: u64) -> ProxyStart {
    ProxyStart {
        proxy: ProxyId(id),
        peer_address: address(id),
        public_addresses: vec![],
        zone: String::new(),
        version: String::new(),
        level: Level::CURRENT,
    }
}

fn enroll(id: u64) -> Command {
    let (secret, key) = (KeyHash([9; 32]), KeyHash([u8::try_from(id).expect("small"); 32]));
    Command::Enroll(Enrollment { token: TOKEN, secret, role: TokenRole::Proxy, name: format!("proxy-{id}"), key })
}

fn revoke(number: u64) -> Command {
    Command::RevokeToken { id: TokenId(number.to_be_bytes()) }
}

fn bootstrap() -> Bootstrap {
    Bootstrap {
        id: ClusterId([7; 16]),
        name: "warren".to_owned(),
        ca_certificate: vec![1; 30],
        ca_key: vec![2; 10],
        strategy: Strategy::default(),
        proxy: "proxy-1".parse().expect("a name"),
        key: KeyHash([1; 32]),
    }
}
