//! Who votes in a running group: a voter that is gone for long is replaced, and comes back without a vote.

mod network;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use network::{Network, PATIENCE, config, enroll, first, has_lease, open, start, token, until};
use tokio::time::Instant;
use warren_raft::command::ProxyStart;
use warren_raft::{MemoryDisk, ProxyId, RoutingStore, StoreConfig, TokenRole};

const PROMOTE_AFTER: Duration = Duration::from_secs(1);
/// How long a voter must have been down to be replaced: three times that.
const GRACE: Duration = Duration::from_secs(3);

/// Slow enough that a busy machine takes nobody's vote by accident.
fn patient(id: u64, seeds: &[u64]) -> StoreConfig {
    StoreConfig {
        heartbeat: Duration::from_millis(100),
        election_timeout: Duration::from_millis(600),
        lease: Duration::from_millis(2_400),
        promote_after: PROMOTE_AFTER,
        max_voters: 3,
        ..config(id, seeds)
    }
}

/// A group with a member for each of these zones, the first three of which vote.
async fn grown(network: &Network, zones: &[&str]) -> Vec<RoutingStore> {
    let one = first(network, patient(1, &[]), Arc::new(MemoryDisk::default())).await;
    one.live(in_zone(1, zones[0]));
    let proxies = token(&one, TokenRole::Proxy, 10).await;
    let mut all = vec![one];
    for (id, zone) in (1..).zip(zones).skip(1) {
        assert_eq!(enroll(&all[0], TokenRole::Proxy, proxies, &format!("proxy-{id}"), id).await, Some(ProxyId(id.into())));
        let store = open(network, patient(id.into(), &[1]), Arc::new(MemoryDisk::default())).await;
        store.live(in_zone(id.into(), zone));
        has_lease(&store).await;
        all.push(store);
        // No change is begun before the last is finished: once there is a fourth member the three are a settled configuration.
        if id == 3 {
            until(&all[0], |store| voters(store).len() == 3).await;
        }
    }
    all
}

fn in_zone(id: u64, zone: &str) -> ProxyStart {
    ProxyStart { zone: zone.to_owned(), ..start(id) }
}

fn voters(store: &RoutingStore) -> BTreeSet<ProxyId> {
    store.status().voters.into_iter().collect()
}

async fn stop(all: Vec<RoutingStore>, network: &Network) {
    for (store, id) in all.iter().zip(1..) {
        network.unplug(id);
        store.shutdown().await;
    }
}

/// A voter, the leader or another one, is cut off, is replaced, and comes back.
async fn replaced(is_leader: impl Fn(ProxyId, ProxyId) -> bool) {
    let network = Network::default();
    let all = grown(&network, &[""; 5]).await;
    for store in &all {
        until(store, |store| store.status().learners.len() == 2).await;
    }
    let before = voters(&all[0]);
    let leader = all[0].status().leader.expect("a leader");
    let dropped = *before.iter().find(|id| is_leader(**id, leader)).expect("such a voter");
    let lonely = all.iter().find(|store| store.status().id == dropped).expect("it runs");
    let other = all.iter().find(|store| store.status().id != dropped).expect("another");

    let cut_at = Instant::now();
    network.cut(dropped.0);
    until(other, |store| voters(store).len() == 3 && !voters(store).contains(&dropped)).await;
    assert!(cut_at.elapsed() >= GRACE, "it had its grace");
    let after = voters(other);
    assert_eq!(after.intersection(&before).count(), 2, "one seat has changed hands: {before:?} {after:?}");
    assert!(other.status().learners.contains(&dropped), "it is a member still");

    network.mend(dropped.0);
    has_lease(lonely).await;
    until(lonely, |store| store.status().learners.contains(&dropped)).await;
    lonely.confirm(PATIENCE).await.expect("it reaches the leader");
    assert_eq!(voters(lonely).len(), 3);
    stop(all, &network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_is_gone_is_replaced_and_comes_back_as_a_learner() {
    replaced(|id, leader| id != leader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_a_leader() {
    replaced(|id, leader| id == leader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_are_spread_over_zones() {
    let network = Network::default();
    let all = grown(&network, &["a", "a", "a", "b", "c"]).await;
    let zones_of_voters = |store: &RoutingStore| {
        let table = store.table();
        let zones = voters(store).into_iter().filter_map(|id| Some(table.proxies().find(|(known, _)| *known == id)?.1.zone.clone()));
        zones.collect::<BTreeSet<_>>()
    };
    for store in &all {
        until(store, |store| voters(store).len() == 3 && zones_of_voters(store).len() == 3).await;
    }
    stop(all, &network).await;
}
