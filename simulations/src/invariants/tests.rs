use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use warren_raft::command::Bootstrap;
use warren_raft::fault::{EntryId, Observation, Stand, read_entry, read_vote};
use warren_raft::{
    ClusterId, Command, DiskDrive, Incarnation, KeyHash, ProxyId, RoutingStore, StoreConfig, Strategy, Timestamp, TokenId, Transport,
    TransportError, Tuning,
};

use super::{Committed, Synced, Violation, purged_is_covered};
use crate::disk::{Durable, Lie, SimVolume};

const ONE: ProxyId = ProxyId(1);
const TWO: ProxyId = ProxyId(2);
const LONG: Duration = Duration::from_secs(60);

/// A group of one has nobody to call.
struct Nobody;

#[async_trait::async_trait]
impl Transport for Nobody {
    async fn call(&self, target: ProxyId, _: &str, _: bytes::Bytes, _: Duration) -> Result<bytes::Bytes, TransportError> {
        Err(TransportError::Unreachable { target, reason: "there is nobody".to_owned() })
    }
}

fn volume(seed: u64) -> Arc<SimVolume> {
    Arc::new(SimVolume::new("disk", StdRng::seed_from_u64(seed)))
}

async fn opened(volume: &Arc<SimVolume>) -> Result<RoutingStore, warren_raft::OpenError> {
    let config = StoreConfig {
        id: ONE,
        opened: Incarnation(0),
        peer_address: "host-1:3021".to_owned(),
        seeds: Vec::new(),
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_secs(1),
        max_voters: 5,
        promote_after: Duration::from_secs(1),
        lease: Duration::from_secs(3),
        seed: 1,
        wall: Arc::new(|| Timestamp(1)),
        tuning: Tuning { drive: DiskDrive::Task, snapshot_after: 10, keep_behind_snapshot: 2, ..Tuning::default() },
    };
    RoutingStore::open(config, volume.clone(), Arc::new(Nobody)).await
}

async fn bootstrapped(volume: &Arc<SimVolume>) -> RoutingStore {
    let store = opened(volume).await.expect("an empty store");
    let bootstrap = Bootstrap {
        id: ClusterId([7; 16]),
        name: "warren".to_owned(),
        ca_certificate: vec![1; 30],
        ca_key: vec![2; 10],
        strategy: Strategy::default(),
        proxy: "proxy-1".parse().expect("a name"),
        key: KeyHash([1; 32]),
    };
    store.bootstrap(bootstrap).await.expect("a group of one");
    store
}

/// Writes something and returns its index; that there is no such token does not matter.
async fn write(store: &RoutingStore, number: u64) -> u64 {
    let answer = store.propose(Command::RevokeToken { id: TokenId(number.to_be_bytes()) }, LONG).await;
    assert!(matches!(answer, Err(warren_raft::ProposeError::Rejected(_))), "{answer:?}");
    store.status().last_log_index
}

fn durables(volume: &Arc<SimVolume>) -> BTreeMap<ProxyId, Durable> {
    BTreeMap::from([(ONE, volume.durable())])
}

fn voters(ids: &[u64]) -> Vec<BTreeSet<ProxyId>> {
    vec![ids.iter().copied().map(ProxyId).collect()]
}

fn acknowledged(index: u64, ids: &[u64]) -> Observation {
    Observation::Acknowledged { member: ONE, index, voters: voters(ids) }
}

fn invariant(outcome: Result<(), Violation>) -> Option<&'static str> {
    outcome.err().map(|violation| violation.invariant)
}

/// Everything that a store on such a disk promises is durable, whatever a crash takes; each crash leaves a store that opens, with what was acknowledged.
#[tokio::test(start_paused = true)]
async fn what_a_store_acknowledges_survives_crashes_of_its_disk() {
    for seed in 0..6 {
        let volume = volume(seed);
        volume.flush_slowly(Duration::from_millis(5)..Duration::from_millis(200));
        let mut store = bootstrapped(&volume).await;
        for life in 0..4 {
            let mut last = 0;
            for number in 0..12 {
                last = write(&store, life * 100 + number).await;
                Synced::default().observe(&acknowledged(last, &[1]), &durables(&volume)).expect("it is synced");
            }
            purged_is_covered(ONE, &volume.durable()).expect("it is covered");
            // One that is on its way, or not even that.
            let hopeless = store.clone();
            let _ = tokio::time::timeout(Duration::from_millis(seed), write(&hopeless, 99)).await;
            let vote = read_vote(&volume.durable()).expect("read").expect("it has voted");
            volume.crash();
            store.shutdown().await;
            store = opened(&volume).await.expect("it opens");
            let back = tokio::time::timeout(LONG, store.applied().wait_for(|applied| *applied >= last)).await.is_ok();
            assert!(back, "{:?}", store.status());
            assert!(read_vote(&volume.durable()).expect("read") >= Some(vote));
        }
        store.shutdown().await;
        let counters = volume.counters();
        assert!(counters.crashes == 4 && counters.slow_flushes > 40 && counters.files_kept > 2, "{counters:?}");
    }
}

/// A lie that nobody can know of at the opening is seen when the promise leaves; one that leaves its note is refused.
#[tokio::test(start_paused = true)]
async fn a_lying_flush_is_told_by_the_checker_or_refused_at_the_opening() {
    for (lie, refused) in [(Lie::Everything, false), (Lie::Database, true)] {
        let volume = volume(3);
        let store = bootstrapped(&volume).await;
        let before = write(&store, 1).await;
        volume.lie(lie);
        let last = write(&store, 2).await;
        let mut synced = Synced::default();
        synced.observe(&acknowledged(before, &[1]), &durables(&volume)).expect("it is synced");
        assert_eq!(invariant(synced.observe(&acknowledged(last, &[1]), &durables(&volume))), Some("R4"));
        volume.crash();
        volume.heal();
        store.shutdown().await;
        let again = opened(&volume).await;
        assert_eq!(again.is_err(), refused, "{lie:?}");
        if let Ok(store) = again {
            store.shutdown().await;
        }
    }
}

/// A snapshot in which a bit has flipped, and a database that is older than its fence, are refused.
#[tokio::test(start_paused = true)]
async fn damage_is_refused() {
    let damages: [fn(&SimVolume); 2] = [|volume| assert!(volume.rot_file("snapshot-"), "there is a snapshot"), SimVolume::revert];
    for damage in damages {
        let volume = volume(4);
        let store = bootstrapped(&volume).await;
        let mut taken = store.applied();
        for number in 0..30 {
            write(&store, number).await;
        }
        while volume.counters().files_kept == 0 {
            write(&store, 77).await;
            taken.changed().await.expect("it lives");
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        store.shutdown().await;
        damage(&volume);
        let refused = opened(&volume).await.map(drop).expect_err("it is refused");
        assert!(matches!(refused, warren_raft::OpenError::Damaged { .. } | warren_raft::OpenError::Behind { .. }), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn promises_are_compared_with_the_disk() {
    let volume = volume(5);
    let store = bootstrapped(&volume).await;
    let last = write(&store, 1).await;
    let durables = durables(&volume);
    let entry = read_entry(&volume.durable(), last).expect("read").expect("it is there");
    let vote = read_vote(&volume.durable()).expect("read").expect("it has voted");
    let term = vote.term;
    let other = EntryId { term: entry.term + 1, ..entry };
    let later = EntryId { index: last + 1, ..entry };
    let voted = |member, term, candidate| Observation::Voted { member, term, candidate };
    let appended = |term, entries: &[EntryId]| Observation::Appended { member: ONE, term, entries: entries.to_vec() };
    let table = [
        (voted(ONE, term, vote.candidate), None),
        (voted(ONE, term - 1, TWO), None),
        (voted(ONE, term + 1, ONE), Some("R9")),
        (voted(ONE, term, TWO), Some("R9")),
        (voted(TWO, term + 1, ONE), None),
        (appended(term, &[]), None),
        (appended(term, &[entry]), None),
        (appended(term, &[other]), Some("R9")),
        (appended(term, &[entry, later]), Some("R9")),
        // A later leader overruled it.
        (appended(term - 1, &[later]), None),
        (acknowledged(last, &[1]), None),
        (acknowledged(last + 1, &[1]), Some("R4")),
    ];
    for (observation, expected) in table {
        assert_eq!(invariant(Synced::default().observe(&observation, &durables)), expected, "{observation:?}");
    }
    store.shutdown().await;
}

/// Of a majority; of the group of before while it has just changed; and of a member without a known disk nothing is held against it.
#[test]
fn a_majority_has_what_is_acknowledged() {
    let empty = || -> Arc<SimVolume> { volume(1) };
    let disks: BTreeMap<_, _> = [1, 2, 3].map(|id| (ProxyId(id), empty().durable())).into();
    let mut synced = Synced::default();
    assert_eq!(invariant(synced.observe(&acknowledged(5, &[1, 2, 3]), &disks)), Some("R4"));
    assert_eq!(invariant(Synced::default().observe(&acknowledged(5, &[1, 4, 5]), &disks)), None);
    assert_eq!(invariant(Synced::default().observe(&acknowledged(5, &[1, 2, 4]), &disks)), Some("R4"));
    let mut changing = Synced::default();
    assert_eq!(invariant(changing.observe(&acknowledged(5, &[4, 5]), &disks)), None);
    assert_eq!(invariant(changing.observe(&acknowledged(6, &[1, 2, 3]), &disks)), None);
    assert_eq!(invariant(changing.observe(&acknowledged(7, &[5, 4]), &disks)), None);
    assert_eq!(invariant(changing.observe(&acknowledged(8, &[5]), &disks)), None);
    assert_eq!(invariant(changing.observe(&acknowledged(9, &[1, 2, 3]), &disks)), None);
    assert_eq!(invariant(changing.observe(&acknowledged(9, &[1, 2]), &disks)), Some("R4"));
}

fn entry(term: u64, index: u64) -> EntryId {
    EntryId { term, leader: ONE, index }
}

fn stand() -> Stand {
    Stand { member: ONE, opened: Incarnation(1), term: 3, leads: false, last: 20, applied: 10, snapshot: 8, purged: 5 }
}

/// Each row: what was said, and which invariant the last of it violates.
#[test]
fn nobody_goes_back_behind_what_was_said() {
    let applied = |member, entry, state| Observation::Applied { member, entry, state };
    let committed = |entry| Observation::Committed { member: ONE, entry };
    let voted = |term, candidate| Observation::Voted { member: ONE, term, candidate };
    let stands = |change: fn(&mut Stand)| {
        let mut stand = stand();
        change(&mut stand);
        Observation::Stands(stand)
    };
    let table: Vec<(Vec<Observation>, Option<&str>)> = vec![
        (vec![committed(entry(1, 4)), committed(entry(1, 5)), committed(entry(1, 4))], None),
        (vec![committed(entry(1, 4)), committed(entry(2, 4))], Some("R3")),
        (vec![committed(entry(1, 4)), applied(TWO, entry(2, 4), 1)], Some("R3")),
        (vec![applied(ONE, entry(1, 4), 1), applied(TWO, entry(1, 4), 1), applied(TWO, entry(1, 5), 2)], None),
        (vec![applied(ONE, entry(1, 4), 1), applied(TWO, entry(1, 4), 2)], Some("R6")),
        (vec![voted(2, ONE), voted(2, TWO), voted(3, ONE)], None),
        // Its own candidacy may be told late, by a request that was under way; a vote for another one may not.
        (vec![voted(2, TWO), voted(2, ONE)], None),
        (vec![voted(2, ProxyId(3)), voted(2, TWO)], Some("R7")),
        (vec![voted(3, ONE), voted(2, TWO)], Some("R7")),
        (vec![stands(|_| {}), stands(|stand| stand.applied = 11)], None),
        (vec![stands(|_| {}), stands(|stand| stand.applied = 9)], Some("R7")),
        (vec![stands(|_| {}), stands(|stand| stand.term = 2)], Some("R7")),
        (vec![stands(|stand| stand.opened.0 = 2), stands(|_| {})], Some("R7")),
        (vec![stands(|_| {}), stands(|stand| (stand.opened.0, stand.applied) = (2, 8))], None),
        (vec![stands(|_| {}), stands(|stand| (stand.opened.0, stand.snapshot) = (2, 7))], Some("R7")),
        (vec![stands(|stand| stand.snapshot = 11)], Some("R8")),
        (vec![stands(|stand| stand.applied = 21)], Some("R8")),
        (vec![stands(|stand| stand.leads = true), stands(|stand| stand.leads = true)], None),
        (vec![stands(|stand| stand.leads = true), stands(|stand| (stand.leads, stand.opened.0) = (true, 2))], Some("R1")),
        (vec![stands(|stand| stand.leads = true), stands(|stand| (stand.leads, stand.opened.0, stand.term) = (true, 2, 4))], None),
    ];
    for (said, expected) in table {
        let mut committed = Committed::default();
        let (last, before) = said.split_last().expect("something is said");
        before.iter().for_each(|said| committed.observe(said).expect("nothing is wrong yet"));
        assert_eq!(invariant(committed.observe(last)), expected, "{said:?}");
    }
}

#[test]
fn another_disk_is_not_bound() {
    let mut committed = Committed::default();
    committed.observe(&Observation::Stands(stand())).expect("it stands");
    committed.observe(&Observation::Voted { member: ONE, term: 5, candidate: ONE }).expect("it votes");
    committed.forget(ONE);
    committed.observe(&Observation::Voted { member: ONE, term: 1, candidate: ONE }).expect("anew");
    committed.observe(&Observation::Stands(Stand { term: 1, applied: 0, snapshot: 0, ..stand() })).expect("anew");
    assert_eq!((committed.last(), committed.entry(1)), (None, None));
}
