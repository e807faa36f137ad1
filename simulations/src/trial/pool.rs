//! Several at a time.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError, mpsc};

/// Does `work` on all `inputs`, `jobs` at a time, and gives what comes out to `done` as it comes. An input is asked for when there is somebody to work on it.
pub fn each<I: Send, O: Send>(
    jobs: NonZeroUsize,
    inputs: impl Iterator<Item = I> + Send,
    work: impl Fn(I) -> O + Sync,
    mut done: impl FnMut(O),
) {
    let (inputs, work) = (Mutex::new(inputs), &work);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.get() {
            let (sender, inputs) = (sender.clone(), &inputs);
            scope.spawn(move || {
                loop {
                    let next = inputs.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(input) = next else { return };
                    if sender.send(work(input)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver.iter().for_each(&mut done);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_done_whoever_does_them() {
        for jobs in 1..5 {
            let mut squares = Vec::new();
            each(NonZeroUsize::new(jobs).expect("one at least"), 0..100_u64, |n| n * n, |square| squares.push(square));
            squares.sort_unstable();
            assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>());
        }
    }
}
