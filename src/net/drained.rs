//! A wait for what still runs before a process goes away.

use std::time::Duration;

use tokio::time::sleep;

/// How such a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing runs any more.
    Whole,
    /// Somebody wants it to end at once.
    Hurried,
    /// It has lasted long enough.
    Late,
}

impl Drained {
    /// Waits until `idle`, for at most `timeout`, unless somebody is in a `hurry`.
    pub async fn wait(idle: impl Future<Output = ()>, hurry: impl Future<Output = ()>, timeout: Duration) -> Self {
        tokio::select! {
            biased;
            () = idle => Self::Whole,
            () = hurry => Self::Hurried,
            () = sleep(timeout) => Self::Late,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whatever_comes_first_ends_it() {
        let second = Duration::from_secs(1);
        assert_eq!(Drained::wait(ready(()), ready(()), second).await, Drained::Whole);
        assert_eq!(Drained::wait(pending(), ready(()), second).await, Drained::Hurried);
        assert_eq!(Drained::wait(pending(), pending(), second).await, Drained::Late);
        assert_eq!(Drained::wait(sleep(second), sleep(2 * second), 3 * second).await, Drained::Whole);
    }
}
