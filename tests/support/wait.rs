//! Waiting for a state.

use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take that is not measured: generous, since the machine may be busy.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Tells how long something took, which no test judges: `cargo test -- --nocapture` shows it.
#[expect(clippy::print_stderr, reason = "how long it took is not judged, and worth knowing")]
pub(crate) fn took(what: &str, since: Instant) {
    eprintln!("{what}: after {:?}", since.elapsed());
}

/// Looks until `look` finds something, for up to [`LONG`].
///
/// # Panics
/// Names `what` was not there in time.
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_up_to(LONG, what, look)
}

/// Looks until `look` finds something, for up to `limit`.
///
/// # Panics
/// Names `what` was not there in time.
pub(crate) fn wait_up_to<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(LOOK);
    }
}
