use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use warren_raft::disk::{Change, Disk, Fault, OpenError, Operation, Space, Volume};

use super::{DiskCounters, Lasting, Lie, SimVolume};

fn volume(seed: u64) -> Arc<SimVolume> {
    Arc::new(SimVolume::new("disk", StdRng::seed_from_u64(seed)))
}

fn open(volume: &Arc<SimVolume>) -> Arc<dyn Disk> {
    Arc::clone(volume).open().expect("it opens")
}

fn put(number: u8) -> [Change; 2] {
    [Change::Put(Space::Log, vec![number], vec![number; 3]), Change::Put(Space::Meta, vec![0], vec![number])]
}

/// The last batch that is on the disk, which must be there whole and with all before it.
fn last(disk: &dyn Disk) -> u8 {
    let last = disk.get(Space::Meta, &[0]).expect("read").map_or(0, |value| value[0]);
    for number in 1..=20 {
        let expected = (number <= last).then(|| vec![number; 3]);
        assert_eq!(disk.get(Space::Log, &[number]).expect("read"), expected, "{number} of {last}");
    }
    assert_eq!(disk.last(Space::Log).expect("read"), (last > 0).then(|| (vec![last], vec![last; 3])));
    last
}

fn write(disk: &dyn Disk, numbers: std::ops::RangeInclusive<u8>) {
    for number in numbers {
        disk.write(&put(number)).expect("written");
    }
}

/// What was flushed is there after a crash, and of the rest a beginning: over some seeds each of them is seen.
#[test]
fn a_crash_leaves_what_was_flushed_and_a_beginning_of_the_rest() {
    let mut seen = [0; 7];
    for seed in 0..60 {
        let volume = volume(seed);
        let disk = open(&volume);
        write(&*disk, 1..=3);
        disk.flush().expect("flushed");
        write(&*disk, 4..=6);
        assert_eq!((last(&*disk), last(&volume.durable())), (6, 3));
        volume.crash();
        assert!(disk.get(Space::Meta, &[0]).is_err() && disk.write(&put(7)).is_err() && disk.flush().is_err(), "it is of the past");
        seen[usize::from(last(&*open(&volume)))] += 1;
        let counters = volume.counters();
        assert_eq!((counters.crashes, counters.writes, counters.flushes, counters.batches_lost + counters.batches_spared), (1, 6, 1, 3));
    }
    assert!(seen[..3] == [0; 3] && seen[3..].iter().all(|times| *times > 3), "{seen:?}");
}

#[test]
fn the_same_seed_loses_the_same() {
    let run = |seed| {
        let volume = volume(seed);
        let lost = (0..10).map(|_| {
            let disk = open(&volume);
            write(&*disk, 1..=20);
            volume.crash();
            let left = last(&*open(&volume));
            volume.wipe();
            left
        });
        lost.collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_disk_that_is_closed_in_order_keeps_all() {
    let volume = volume(1);
    let disk = open(&volume);
    write(&*disk, 1..=4);
    disk.close();
    assert!(disk.write(&put(5)).is_err());
    assert_eq!(last(&*open(&volume)), 4);
}

/// A file is there whole under its name, or it is not there; one that was removed may be back.
#[test]
fn files_are_whole_or_gone() {
    let mut returned = 0;
    for seed in 0..20 {
        let volume = volume(seed);
        let disk = open(&volume);
        let mut file = disk.files().create("snapshot-1").expect("begun");
        file.append(b"whole").expect("written");
        file.keep().expect("kept");
        disk.flush().expect("flushed");
        let mut torn = disk.files().create("snapshot-2").expect("begun");
        torn.append(b"half").expect("written");
        disk.files().remove_others("snapshot", Some("snapshot-2")).expect("removed");
        volume.crash();
        assert!(torn.append(b"more").is_err() && torn.keep().is_err());
        let disk = open(&volume);
        assert!(disk.files().open("snapshot-2").expect("asked").is_none());
        if let Some(back) = disk.files().open("snapshot-1").expect("asked") {
            assert_eq!(back.read(1, 100).expect("read"), b"hole");
            returned += 1;
        }
        assert_eq!(volume.counters().files_torn, 1);
    }
    assert!((1..20).contains(&returned), "{returned}");
}

/// What fails once fails once, and leaves it open what was done.
#[test]
fn what_fails_leaves_a_beginning() {
    for (operation, lasting) in [Operation::Read, Operation::Write, Operation::Flush]
        .into_iter()
        .flat_map(|operation| [(operation, Lasting::Once), (operation, Lasting::ForEver)])
    {
        let volume = volume(7);
        let disk = open(&volume);
        write(&*disk, 1..=2);
        disk.flush().expect("flushed");
        write(&*disk, 3..=3);
        volume.fail(operation, lasting);
        let again = |disk: &dyn Disk| match operation {
            Operation::Write => disk.write(&put(4)).err(),
            Operation::Flush => disk.flush().err(),
            Operation::Read | Operation::Decode => disk.get(Space::Meta, &[0]).err(),
        };
        let error = again(&*disk).expect("it fails");
        assert_eq!((error.operation, error.fault), (operation, Fault::Broken));
        assert_eq!(again(&*disk).is_some(), lasting == Lasting::ForEver, "{operation} {lasting:?}");
        volume.heal();
        disk.close();
        assert!((2..=4).contains(&last(&*open(&volume))));
        let counters = volume.counters();
        assert!(counters.reads_failed + counters.writes_failed + counters.flushes_failed > 0);
    }
}

#[test]
fn a_full_disk_takes_nothing_until_there_is_room() {
    let volume = volume(3);
    let disk = open(&volume);
    write(&*disk, 1..=2);
    disk.flush().expect("flushed");
    volume.fill();
    assert_eq!(disk.write(&put(3)).expect_err("no room").fault, Fault::Full);
    assert_eq!(disk.files().create("x").map(drop).expect_err("no room").fault, Fault::Full);
    disk.close();
    assert!(matches!(Arc::clone(&volume).open().map(drop), Err(OpenError::Disk(error)) if error.fault == Fault::Full));
    volume.make_room();
    assert_eq!(last(&*open(&volume)), 2);
    assert_eq!((volume.counters().writes_without_room, volume.counters().refused), (2, 1));
}

#[test]
fn a_slow_flush_takes_its_time() {
    let volume = volume(5);
    let disk = open(&volume);
    assert_eq!(disk.flush_takes(), Duration::ZERO);
    volume.flush_slowly(Duration::from_millis(100)..Duration::from_secs(2));
    let takes: Vec<_> = (0..20).map(|_| disk.flush_takes().as_millis()).collect();
    assert!(takes.iter().all(|takes| (100..2000).contains(takes)) && takes[0] != takes[1], "{takes:?}");
    volume.heal();
    assert_eq!((disk.flush_takes(), volume.counters().slow_flushes), (Duration::ZERO, 20));
}

fn refuses(volume: &Arc<SimVolume>) -> bool {
    match Arc::clone(volume).open() {
        Err(OpenError::Behind { found, noted, .. }) => found < noted,
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

/// A lie that leaves a note behind is found at the opening, the other one only on the platter.
#[test]
fn a_lying_flush_is_refused_where_it_is_known() {
    for (lie, refused) in [(Lie::Database, true), (Lie::Everything, false)] {
        let volume = volume(5);
        let disk = open(&volume);
        write(&*disk, 1..=1);
        disk.flush().expect("flushed");
        volume.lie(lie);
        write(&*disk, 2..=3);
        disk.flush().expect("it says so");
        assert_eq!((last(&*disk), last(&volume.durable())), (3, 1));
        volume.crash();
        volume.heal();
        assert_eq!(refuses(&volume), refused, "{lie:?}");
        assert_eq!(refuses(&volume), refused, "and again: {lie:?}");
        assert_eq!(last(&volume.durable()), 1);
    }
}

/// A lie that ends before power is lost has done no harm.
#[test]
fn an_honest_flush_makes_up_for_the_lies() {
    let volume = volume(5);
    let disk = open(&volume);
    volume.lie(Lie::Database);
    write(&*disk, 1..=2);
    disk.flush().expect("it says so");
    volume.heal();
    assert_eq!(last(&volume.durable()), 0);
    disk.flush().expect("flushed");
    volume.crash();
    assert_eq!(last(&*open(&volume)), 2);
}

#[test]
fn a_database_that_goes_back_is_refused() {
    let volume = volume(5);
    let disk = open(&volume);
    write(&*disk, 1..=1);
    disk.flush().expect("flushed");
    disk.close();
    let disk = open(&volume);
    write(&*disk, 2..=2);
    disk.flush().expect("flushed");
    volume.revert();
    assert_eq!(last(&volume.durable()), 1);
    assert!(refuses(&volume));
    volume.wipe();
    assert_eq!(last(&*open(&volume)), 0, "another disk has nothing to be behind of");
    assert_eq!(
        volume.counters(),
        DiskCounters { openings: 4, refused: 1, writes: 2, flushes: 2, reverted: 1, wiped: 1, ..DiskCounters::default() }
    );
}

#[test]
fn a_bit_flips_in_a_file() {
    let volume = volume(5);
    let disk = open(&volume);
    assert!(!volume.rot_file("snapshot"));
    let mut file = disk.files().create("snapshot").expect("begun");
    file.append(&[0; 64]).expect("written");
    file.keep().expect("kept");
    assert!(volume.rot_file("snap"));
    let kept = disk.files().open("snapshot").expect("asked").expect("it is there").read(0, 64).expect("read");
    assert_eq!(kept.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
}
