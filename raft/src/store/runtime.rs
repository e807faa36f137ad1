//! openraft on tokio, with randomness that comes from a seed.
//!
//! openraft asks its runtime for a random number generator by a function without arguments, so the generator travels with the
//! task: [`scope`] gives one to a future, and each task that openraft spawns inherits its parent's.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use openraft::{AsyncRuntime, OptionalSend, TokioRuntime};
use rand_core06::{Error, RngCore, impls};

tokio::task_local! {
    static RANDOMNESS: Cell<u64>;
}

/// Runs `future`, and whatever openraft spawns in it, with randomness from `seed`.
pub(crate) fn scope<F: Future>(seed: u64, future: F) -> impl Future<Output = F::Output> {
    RANDOMNESS.scope(Cell::new(seed), future)
}

/// The next random number of the task, and the step to the next.
///
/// `SplitMix64` (Steele, Lea, Flood 2014): election timeouts need to differ, not to be secret.
fn draw(state: &Cell<u64>) -> u64 {
    let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    state.set(next);
    let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number between 0 and `below`, from the randomness of the task.
pub(crate) fn jitter(below: Duration) -> Duration {
    let fraction = TaskRandomness.next_u32();
    below.mul_f64(f64::from(fraction) / f64::from(u32::MAX))
}

/// The generator of the running task.
pub(crate) struct TaskRandomness;

impl RngCore for TaskRandomness {
    fn next_u32(&mut self) -> u32 {
        // The upper half: it is the better mixed one.
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        // Outside of a scope only openraft's own test suite runs.
        RANDOMNESS.try_with(draw).unwrap_or(0x5eed)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        impls::fill_bytes_via_next(self, bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// tokio, but for its randomness.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SeededRuntime;

impl AsyncRuntime for SeededRuntime {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <TokioRuntime as AsyncRuntime>::Sleep;
    type Instant = <TokioRuntime as AsyncRuntime>::Instant;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = TaskRandomness;
    type OneshotSender<T: OptionalSend> = <TokioRuntime as AsyncRuntime>::OneshotSender<T>;
    type OneshotReceiver<T: OptionalSend> = <TokioRuntime as AsyncRuntime>::OneshotReceiver<T>;
    type OneshotReceiverError = <TokioRuntime as AsyncRuntime>::OneshotReceiverError;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        let mut parent = TaskRandomness;
        TokioRuntime::spawn(scope(parent.next_u64(), future))
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: Self::Instant, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(error)
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        TaskRandomness
    }

    fn oneshot<T: OptionalSend>() -> (Self::OneshotSender<T>, Self::OneshotReceiver<T>) {
        TokioRuntime::oneshot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a task draws, one that it spawns, and itself again.
    async fn drawn(seed: u64) -> [u64; 3] {
        scope(seed, async {
            let before = SeededRuntime::thread_rng().next_u64();
            let child = SeededRuntime::spawn(async { SeededRuntime::thread_rng().next_u64() }).await.expect("it ends");
            [before, child, SeededRuntime::thread_rng().next_u64()]
        })
        .await
    }

    #[tokio::test]
    async fn a_seed_decides_what_is_drawn() {
        let [first, second, third] = drawn(7).await;
        assert_eq!(drawn(7).await, [first, second, third]);
        assert_ne!(drawn(8).await, [first, second, third]);
        assert!(first != second && second != third, "each task draws its own");
    }

    #[tokio::test]
    async fn jitter_stays_below_its_bound() {
        scope(1, async {
            let most = Duration::from_millis(10);
            assert!((0..1_000).all(|_| jitter(most) <= most));
            assert_ne!(jitter(most), jitter(most));
        })
        .await;
    }
}
