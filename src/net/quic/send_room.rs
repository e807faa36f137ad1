//! How much a connection may have sent that is not acknowledged, and written that is not sent.

use std::sync::{Arc, Mutex, PoisonError};

use super::paths::Paths;
use super::window::StreamWindow;

/// The least. Writers who wait for room are woken last in, first out: where there is less than all live streams can use, some of them move nothing.
pub(super) const MIN_SEND_WINDOW: u64 = 64 << 20;
/// The most: what one connection can make this machine hold.
const MAX_SEND_WINDOW: u64 = 1 << 30;

/// The room of one connection, which follows the number of its live streams. Cheap to clone.
///
/// Each stream is held to what its reader allows. This is for readers that allow more than warren's do, so that a stream of theirs takes no more than any other.
#[derive(Clone, Debug)]
pub struct SendRoom {
    connection: quinn::Connection,
    received: StreamWindow,
    count: Arc<Mutex<Count>>,
}

#[derive(Debug)]
struct Count {
    live: u64,
    window: u64,
}

impl SendRoom {
    /// The room of a connection without streams, which was made with what [`super::Paths`] tell.
    pub fn new(connection: &quinn::Connection, paths: &Paths) -> Self {
        let received = paths.granted(connection);
        Self { connection: connection.clone(), received, count: Arc::new(Mutex::new(Count { live: 0, window: MIN_SEND_WINDOW })) }
    }

    /// Makes room for one more stream, until what this returns is dropped.
    pub fn enter(&self) -> Sending {
        self.change(|live| live + 1);
        Sending(self.clone())
    }

    /// Whether it has no stream now.
    pub fn is_idle(&self) -> bool {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).live == 0
    }

    /// The connection.
    pub fn connection(&self) -> &quinn::Connection {
        &self.connection
    }

    fn change(&self, change: impl FnOnce(u64) -> u64) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.live = change(count.live);
        if let Some(window) = changed(count.window, count.live) {
            count.window = window;
            // Under the lock, so that the last word is that of the last change.
            self.connection.set_send_window(window);
        }
    }
}

/// The room of one stream.
#[derive(Debug)]
pub struct Sending(SendRoom);

impl Sending {
    /// What the stream may have unread on this side.
    pub fn received(&self) -> StreamWindow {
        self.0.received
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.change(|live| live.saturating_sub(1));
    }
}

/// The window for that many streams, if it is to be another one. It grows by doubling and shrinks once a quarter would do.
fn changed(window: u64, live: u64) -> Option<u64> {
    let wanted = live.saturating_mul(StreamWindow::MOST.bytes().into()).clamp(MIN_SEND_WINDOW, MAX_SEND_WINDOW);
    let changed = if wanted > window || wanted <= window / 4 { wanted.next_power_of_two() } else { window };
    (changed != window).then_some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_all_live_streams_up_to_a_bound() {
        let mut window = MIN_SEND_WINDOW;
        let table = [
            (0, 64),
            (16, 64),
            (17, 128),
            (32, 128),
            (16, 128),
            (8, 128),
            (33, 256),
            (17, 256),
            (16, 64),
            (256, 1024),
            (100_000, 1024),
            (65, 1024),
            (64, 256),
            (u64::MAX, 1024),
            (0, 64),
        ];
        for (live, expected) in table {
            window = changed(window, live).unwrap_or(window);
            assert_eq!(window >> 20, expected, "MiB for {live} streams");
        }
    }
}
