//! What carries packets between two packet sockets, when and whether a [`Path`] says so.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{SockAddr, Socket};
use tokio::time::Instant;

use super::checksum;
use super::link::{Count, Path, Shape};

/// The largest frame on an Ethernet.
pub(super) const ETHERNET: usize = 1_514;
/// Its header, which is no part of the packet.
const HEADER: usize = 14;
/// How long it waits for nothing.
const LOOK: Duration = Duration::from_millis(100);

/// A cable's end: what comes out of it, and the address by which packets go in.
pub(super) type Cable = (Socket, SockAddr);

/// Carries packets in both directions, until it is dropped.
#[derive(Debug)]
pub(super) struct Carrier {
    ways: [Arc<Way>; 2],
    threads: Vec<JoinHandle<()>>,
}

/// One direction.
#[derive(Debug)]
struct Way {
    path: Mutex<Path>,
    start: Instant,
    is_over: AtomicBool,
}

/// Packets and when they arrive.
type Due = (Duration, Vec<u8>);

impl Carrier {
    /// What comes out of either cable goes into the other one.
    pub(super) fn start(cables: [Cable; 2], paths: [Path; 2]) -> io::Result<Self> {
        let start = Instant::now();
        let ways = paths.map(|path| Arc::new(Way { path: Mutex::new(path), start, is_over: AtomicBool::new(false) }));
        let mut made = Self { ways, threads: Vec::new() };
        for (index, way) in made.ways.clone().into_iter().enumerate() {
            let (from, (into, address)) = (cables[index].0.try_clone()?, (cables[1 - index].0.try_clone()?, cables[1 - index].1.clone()));
            let (sender, receiver) = mpsc::channel();
            let taking = way.clone();
            made.threads.push(thread::spawn(move || taking.take(from, &sender)));
            made.threads.push(thread::spawn(move || way.give(&receiver, (&into, &address))));
        }
        Ok(made)
    }

    /// From now on both directions are like this.
    pub(super) fn change(&self, shape: Shape) {
        self.ways.iter().for_each(|way| way.path().change(way.start.elapsed(), shape));
    }

    /// What became of the packets of each direction.
    pub(super) fn counts(&self) -> [Count; 2] {
        self.ways.each_ref().map(|way| way.path().count())
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.ways.iter().for_each(|way| way.is_over.store(true, Ordering::Relaxed));
        for thread in self.threads.drain(..) {
            // What went wrong there has been shown there.
            let _ = thread.join();
        }
    }
}

impl Way {
    fn path(&self) -> MutexGuard<'_, Path> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes packets out of a cable. The socket's time-out lets it see the end.
    fn take(&self, mut from: Socket, due: &Sender<Due>) {
        let mut frame = [0; ETHERNET];
        while !self.is_over.load(Ordering::Relaxed) {
            let Ok(length) = from.read(&mut frame) else { continue };
            let arrival = self.path().send(self.start.elapsed(), length.saturating_sub(HEADER));
            if let Some(arrival) = arrival {
                let mut frame = frame[..length].to_vec();
                checksum::complete(&mut frame);
                if due.send((arrival, frame)).is_err() {
                    return;
                }
            }
        }
    }

    /// Puts packets into the other cable when they are due.
    fn give(&self, due: &Receiver<Due>, (into, address): (&Socket, &SockAddr)) {
        let (mut waiting, mut number) = (BTreeMap::new(), 0_u64);
        loop {
            let now = self.start.elapsed();
            while let Some(entry) = waiting.first_entry().filter(|entry: &Entry<'_>| entry.key().0 <= now) {
                // A machine that goes away takes its cable with it.
                let _ = into.send_to(&entry.remove(), address);
            }
            let wait = waiting.first_key_value().map_or(LOOK, |((at, _), _)| at.saturating_sub(self.start.elapsed()));
            match due.recv_timeout(wait) {
                Ok((at, frame)) => {
                    number += 1;
                    waiting.insert((at, number), frame);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// What waits: by when it is due, and in the order in which it came.
type Entry<'a> = std::collections::btree_map::OccupiedEntry<'a, (Duration, u64), Vec<u8>>;
