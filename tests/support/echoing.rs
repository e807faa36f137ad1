//! Streams that stay open and are used while something else happens.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Forward, random_bytes, wait_for};

/// What is sent at once.
const BLOCK: usize = 1_000;
/// The time between two blocks: it is the streams that are tested, and not how much fits through.
const PAUSE: Duration = Duration::from_millis(10);

/// Long streams to echos: each sends a block, waits until it is back, and goes on.
#[derive(Debug)]
pub(crate) struct Echoing {
    stopped: Arc<AtomicBool>,
    rounds: Vec<Arc<AtomicUsize>>,
    streams: Vec<JoinHandle<Result<(), String>>>,
}

impl Echoing {
    /// A stream through each of these, all of them open and in use.
    pub(crate) fn start(forwards: &[Forward]) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let rounds: Vec<_> = forwards.iter().map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let streams = forwards.iter().zip(&rounds).zip(0..).map(|((forward, rounds), number)| {
            let (stream, stopped, rounds) = (forward.connect(), stopped.clone(), rounds.clone());
            thread::spawn(move || {
                echo(stream, &stopped, &rounds)
                    .map_err(|error| format!("stream {number}, round {}: {error}", rounds.load(Ordering::SeqCst)))
            })
        });
        let echoing = Self { streams: streams.collect(), stopped, rounds };
        echoing.wait_for_more(1);
        echoing
    }

    /// Waits until so many more blocks have come back on each that has not failed.
    pub(crate) fn wait_for_more(&self, count: usize) {
        let before: Vec<_> = self.rounds();
        let goes_on = |number: usize, rounds: usize| rounds >= before[number] + count || self.streams[number].is_finished();
        wait_for("streams go on", || self.rounds().into_iter().enumerate().all(|(number, rounds)| goes_on(number, rounds)).then_some(()));
    }

    /// How many blocks have come back.
    pub(crate) fn total(&self) -> usize {
        self.rounds().iter().sum()
    }

    /// Ends all of them in order, and tells which were cut, and where.
    pub(crate) fn failures(mut self) -> Vec<String> {
        self.stop()
    }

    fn rounds(&self) -> Vec<usize> {
        self.rounds.iter().map(|rounds| rounds.load(Ordering::SeqCst)).collect()
    }

    fn stop(&mut self) -> Vec<String> {
        self.stopped.store(true, Ordering::SeqCst);
        self.streams.drain(..).filter_map(|stream| stream.join().expect("a stream").err()).collect()
    }
}

impl Drop for Echoing {
    fn drop(&mut self) {
        self.stop();
    }
}

fn echo(mut stream: std::net::TcpStream, stopped: &AtomicBool, rounds: &AtomicUsize) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    while !stopped.load(Ordering::SeqCst) {
        let sent = random_bytes(rounds.load(Ordering::SeqCst) as u64, BLOCK);
        let mut back = vec![0; BLOCK];
        stream.write_all(&sent).and_then(|()| stream.read_exact(&mut back)).map_err(told)?;
        if back != sent {
            return Err("other bytes came back".to_owned());
        }
        rounds.fetch_add(1, Ordering::SeqCst);
        thread::sleep(PAUSE);
    }
    let mut rest = Vec::new();
    stream.shutdown(std::net::Shutdown::Write).and_then(|()| stream.read_to_end(&mut rest)).map_err(told)?;
    if rest.is_empty() { Ok(()) } else { Err("more came back than was sent".to_owned()) }
}
