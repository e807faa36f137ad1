//! A loss of power while writes are acknowledged: every one of them is there afterwards.
//!
//! The store's directory is on an ext4 file system in a file, mounted through a loop device. The process that writes is stopped, so that nothing
//! moves, and the file is copied, not the mounted directory: what only the page cache of the mounted file system holds is not in the
//! copy, as it would not be on a disk whose machine has lost its power. Mounting the copy replays its journal, and the store is opened on it. What
//! a disk's own cache loses is out of reach here.
//!
//! Each acknowledgement is noted outside of the image before the next write is asked for.

mod network;
mod power;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use network::{Network, config, first, has_lease, open, start, three_with, until};
use power::{Image, Notes, Stopped, Writing};
use warren_raft::disk::Space;
use warren_raft::{AgentName, Disk, RoutingStore, SledDisk, SledVolume, StoreConfig};

/// How often the power fails, for each size of group.
const ROUNDS: u64 = 5;
/// How long another leader is waited for.
const DEPOSED: Duration = Duration::from_secs(8);

#[test]
fn a_group_of_one_keeps_what_it_acknowledged() {
    power::run_apart("a_group_of_one_loses_power");
}

#[test]
fn a_group_of_three_keeps_what_it_acknowledged() {
    power::run_apart("a_group_of_three_loses_power");
}

#[test]
#[ignore = "runs where its mounts are nobody else's, started by a test above"]
fn a_group_of_one_loses_power() {
    if power::ends_with_its_parent() {
        lose_power(1);
    }
}

#[test]
#[ignore = "runs where its mounts are nobody else's, started by a test above"]
fn a_group_of_three_loses_power() {
    if power::ends_with_its_parent() {
        lose_power(3);
    }
}

/// The process whose power fails.
#[test]
#[ignore = "runs in a process of its own, started by a test above"]
fn the_process_whose_power_fails() {
    let Some(writing) = Writing::from_environment().filter(|_| power::ends_with_its_parent()) else { return };
    runtime().block_on(async {
        // Again and again, so that the power fails during elections and openings too.
        loop {
            let (network, all) = open_group(&writing.stores).await;
            depose(&network, &all).await;
            writing.write_for_a_while(&all).await;
            close_group(&network, all).await;
        }
    });
}

fn lose_power(members: u64) {
    let home = tempfile::tempdir().expect("a directory");
    let notes = Notes::new(home.path().join("notes"));
    let mut images: Vec<Image> = (1..=members).map(|id| Image::new(home.path(), id)).collect();
    for round in 1..=ROUNDS {
        let before = notes.read().acknowledged.len();
        let mut writing = Stopped::start("the_process_whose_power_fails", &stores(&images), &notes);
        // Another moment in each round.
        writing.wait_for_notes(&notes, before + 25 + usize::try_from(round * 17 % 40).expect("small"));
        writing.stop();
        images.iter().for_each(Image::copy);
        drop(writing);
        images.iter_mut().for_each(Image::turn_to_the_copy);
        runtime().block_on(check(&stores(&images), &notes, round));
    }
    assert!(members == 1 || notes.read().term > 1, "no leader was ever deposed, so no vote could have been lost");
}

/// Cuts the leader off until another one leads, so that there are votes to lose.
async fn depose(network: &Network, all: &[RoutingStore]) {
    let Some(leader) = all[0].status().leader.filter(|_| all.len() > 1) else { return };
    network.cut(leader.0);
    let deposed = async {
        for store in all.iter().filter(|store| store.status().id != leader) {
            until(store, |store| store.status().leader.is_some_and(|other| other != leader)).await;
        }
    };
    // From two voters to three the way leads over a configuration in which the two have to agree: then nobody can depose one of them.
    let _ = tokio::time::timeout(DEPOSED, deposed).await;
    network.mend(leader.0);
    for store in all {
        has_lease(store).await;
    }
}

/// A majority remembers a vote in the last term that had a leader, and everything that was acknowledged is in the table.
async fn check(stores: &[PathBuf], notes: &Notes, round: u64) {
    let noted = notes.read();
    let terms: Vec<u64> = stores.iter().map(|path| voted_in(path)).collect();
    let remembering = terms.iter().filter(|term| **term >= noted.term).count();
    assert!(remembering * 2 > stores.len(), "round {round}: votes in terms {terms:?}, and term {} had a leader", noted.term);
    let (network, all) = open_group(stores).await;
    for store in &all {
        let table = store.confirm(network::PATIENCE).await.expect("confirmed");
        let lost: Vec<_> = noted.acknowledged.iter().filter(|name| table.agent(name).is_none()).collect();
        assert!(lost.is_empty(), "round {round}: {} of {} acknowledged agents are lost: {lost:?}", lost.len(), noted.acknowledged.len());
        let without = |name: &&AgentName| table.agent(name).is_none_or(|agent| agent.services.is_empty());
        let lost: Vec<_> = noted.published.iter().filter(without).collect();
        assert!(lost.is_empty(), "round {round}: {} of {} acknowledged services are lost: {lost:?}", lost.len(), noted.published.len());
    }
    close_group(&network, all).await;
}

/// The term of the vote on a member's disk, which its record begins with; 0 for none.
fn voted_in(store: &Path) -> u64 {
    let disk = SledDisk::open(store).expect("a store that opens");
    let vote = disk.get(Space::Meta, b"vote").expect("a disk that can be read");
    disk.close();
    vote.map_or(0, |vote| postcard::take_from_bytes(&vote).expect("a term").0)
}

/// Opens the group, or makes it when its stores are empty, and waits until it can be written to.
async fn open_group(stores: &[PathBuf]) -> (Network, Vec<RoutingStore>) {
    let network = Network::default();
    let is_new = !stores[0].exists();
    let disks: Vec<_> = stores.iter().map(|path| Arc::new(SledVolume::new(path))).collect();
    let all = match <[Arc<SledVolume>; 3]>::try_from(disks.clone()) {
        Ok(disks) if is_new => three_with(&network, &disks, adapted).await,
        Err(disks) if is_new => vec![first(&network, adapted(config(1, &[])), disks[0].clone()).await],
        Ok(_) | Err(_) => {
            let mut all = Vec::new();
            for (disk, id) in disks.into_iter().zip(1..) {
                all.push(open(&network, adapted(config(id, &[])), disk).await);
            }
            for (store, id) in all.iter().zip(1..) {
                store.live(start(id));
            }
            all
        }
    };
    for store in &all {
        has_lease(store).await;
    }
    (network, all)
}

/// Snapshots come often enough that the log is purged within a round or two and sled's segments are used again, and nobody is deposed because a busy
/// disk takes its time.
fn adapted(mut config: StoreConfig) -> StoreConfig {
    config.tuning.snapshot_after = 40;
    config.tuning.keep_behind_snapshot = 10;
    config.heartbeat = Duration::from_millis(100);
    config.election_timeout = Duration::from_millis(800);
    config.lease = Duration::from_secs(3);
    config
}

async fn close_group(network: &Network, all: Vec<RoutingStore>) {
    for (store, id) in all.iter().zip(1..) {
        network.unplug(id);
        store.shutdown().await;
    }
}

fn stores(images: &[Image]) -> Vec<PathBuf> {
    images.iter().map(|image| image.directory().join("store")).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
