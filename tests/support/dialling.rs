//! Dials that go on while something else happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tokio::time::Instant;

use super::{Forward, exchange, random_bytes, wait_for};

/// One dial after the other through a forward to an echo.
#[derive(Debug)]
pub(crate) struct Dialling {
    state: Arc<State>,
    dialler: Option<JoinHandle<Vec<String>>>,
}

#[derive(Debug, Default)]
struct State {
    stopped: AtomicBool,
    succeeded: AtomicUsize,
    slowest_ms: AtomicUsize,
}

impl Dialling {
    /// Dials until it is dropped or asked for its failures.
    pub(crate) fn start(forward: Forward) -> Self {
        Self::rotating(vec![forward])
    }

    /// The same through each of these in turn.
    pub(crate) fn rotating(forwards: Vec<Forward>) -> Self {
        let state = Arc::new(State::default());
        let shared = state.clone();
        let dialler = thread::spawn(move || {
            let mut failures = Vec::new();
            for (number, forward) in (0..).zip(forwards.iter().cycle()) {
                if shared.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let begun = Instant::now();
                let dialled = dial(forward, number);
                shared.slowest_ms.fetch_max(usize::try_from(begun.elapsed().as_millis()).expect("not for ever"), Ordering::SeqCst);
                match dialled {
                    Ok(()) => _ = shared.succeeded.fetch_add(1, Ordering::SeqCst),
                    Err(error) => failures.push(format!("{error}: {}", forward.last_words())),
                }
            }
            failures
        });
        let dialling = Self { state, dialler: Some(dialler) };
        dialling.wait_for_more(1);
        dialling
    }

    /// Waits for so many more dials that succeed.
    pub(crate) fn wait_for_more(&self, count: usize) {
        let before = self.succeeded();
        wait_for("further dials succeed", || (self.succeeded() >= before + count).then_some(()));
    }

    /// How many have succeeded.
    pub(crate) fn succeeded(&self) -> usize {
        self.state.succeeded.load(Ordering::SeqCst)
    }

    /// How long the slowest took, in milliseconds, since it was asked last: those that have ended.
    pub(crate) fn slowest_ms(&self) -> usize {
        self.state.slowest_ms.swap(0, Ordering::SeqCst)
    }

    /// Stops, and tells every failure there was.
    pub(crate) fn failures(mut self) -> Vec<String> {
        self.stop()
    }

    fn stop(&mut self) -> Vec<String> {
        self.state.stopped.store(true, Ordering::SeqCst);
        self.dialler.take().map(|dialler| dialler.join().expect("a dialler")).unwrap_or_default()
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Dials once and compares what comes back.
fn dial(forward: &Forward, number: u64) -> Result<(), String> {
    let bytes = random_bytes(number, 1000);
    let back = forward.try_connect().and_then(|stream| exchange(&stream, &bytes)).map_err(|error| format!("dial {number}: {error}"))?;
    if back == bytes { Ok(()) } else { Err(format!("dial {number}: {} of {} bytes came back", back.len(), bytes.len())) }
}
