//! Keeps a panic of sled from being one of the process.
//!
//! The program ends at the first panic of any thread, since it may have left anything half done. What sled was doing when it
//! panicked is known: nothing that was acknowledged depends on it. So the program's panic hook asks [`contains_panic`]: a panic on the
//! disk's thread inside of sled is caught there and becomes a [`DiskError`](super::DiskError) or an [`OpenError`](super::OpenError), and one
//! on a thread of sled's own, where sled catches it, fails every later use of a disk. Neither is gone on with: the store reports it and
//! the process ends in order.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::sync::watch;

/// How sled names its threads.
const SLED_THREAD: &str = "sled-io-";

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a thread of sled's own has panicked.
static SLED_FAILED: std::sync::LazyLock<watch::Sender<bool>> = std::sync::LazyLock::new(|| watch::Sender::new(false));

/// Whether a panic of this thread is dealt with where it happens. For the program's panic hook, which must not end the process then.
pub fn contains_panic() -> bool {
    let of_sled = thread::current().name().is_some_and(|name| name.starts_with(SLED_THREAD));
    if of_sled {
        SLED_FAILED.send_replace(true);
    }
    of_sled || CONTAINED.get()
}

/// Runs `work`; its panic is returned, as text.
pub(super) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    if *SLED_FAILED.borrow() {
        return Err("a thread of sled has panicked".to_owned());
    }
    let before = CONTAINED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(before);
    outcome.map_err(|panic| text(panic.as_ref()))
}

/// Returns when a thread of sled's own has panicked: what waits for it would wait for good.
pub(super) async fn sled_has_panicked() {
    // The sender is never dropped.
    let _ = SLED_FAILED.subscribe().wait_for(|failed| *failed).await;
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    // In its own words only for whoever looks closer: they are of its source, and not of the files.
    tracing::debug!(text, "sled has panicked");
    "the database `sled` gave up on its files".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_is_an_error_and_outside_is_not_contained() {
        assert!(!contains_panic());
        assert_eq!(contain(contains_panic), Ok(true));
        let panicking = contain(|| -> () { panic!("disk on fire") });
        assert_eq!(panicking, Err("the database `sled` gave up on its files".to_owned()));
        assert!(!contains_panic(), "it ends with the work");
    }
}
