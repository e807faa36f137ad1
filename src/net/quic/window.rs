//! How much of a stream may be on its way and unread. Pure.
//!
//! A window is a promise of memory: a reader that stops holds one at every hop. It caps what a single stream can move, too, at a window per round trip.
//! quinn fixes it for all streams of a connection when that is made, so it is chosen by the path: as much as the path can use, and no more.

use std::net::SocketAddr;
use std::time::Duration;

/// The windows, each with the longest round trip that it is good for. The last is for whatever takes longer.
///
/// A connection is driven by one task, some 0.5 GB/s at the most, so 1 MiB at 2 ms limits nobody, and 2 MiB at 10 ms (1.6 Gbit/s) hardly anybody; 200 Mbit/s
/// need 2.5 MB at 100 ms. Readers return what they have read by eighths, so that seven of eight are of use.
const WINDOWS: [(Duration, u32); 3] = [(Duration::from_millis(2), 1 << 20), (Duration::from_millis(10), 2 << 20), (Duration::MAX, 4 << 20)];

/// What one stream may have on its way and unread, at the side that receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamWindow(u32);

impl StreamWindow {
    /// Where a message is all that a stream carries.
    pub const MESSAGE: Self = Self(256 << 10);
    /// Within a machine, a rack or a data centre.
    pub const LEAST: Self = Self(WINDOWS[0].1);
    /// Across the internet, and where nothing is known.
    pub const MOST: Self = Self(WINDOWS[WINDOWS.len() - 1].1);

    /// For a path with this round trip.
    pub fn over(round_trip: Duration) -> Self {
        WINDOWS.into_iter().find(|(longest, _)| round_trip <= *longest).map_or(Self::MOST, |(_, bytes)| Self(bytes))
    }

    /// For a path of which nothing is known but where it leads: what does not leave this machine is short.
    pub fn towards(remote: SocketAddr) -> Self {
        if remote.ip().to_canonical().is_loopback() { Self::LEAST } else { Self::MOST }
    }

    /// The same, where an operator wants no more than `most` bytes, and as many on the longest paths.
    #[must_use]
    pub fn within(self, most: u32) -> Self {
        if self == Self::MOST { Self(most) } else { Self(self.0.min(most)) }
    }

    /// In bytes.
    pub fn bytes(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fits_its_path() {
        let table = [
            (0, 1 << 20),
            (100, 1 << 20),
            (2_000, 1 << 20),
            (2_001, 2 << 20),
            (10_000, 2 << 20),
            (10_001, 4 << 20),
            (100_000, 4 << 20),
            (60_000_000, 4 << 20),
        ];
        for (round_trip, expected) in table {
            assert_eq!(StreamWindow::over(Duration::from_micros(round_trip)).bytes(), expected, "{round_trip} us");
        }
    }

    #[test]
    fn a_stream_gets_what_its_path_carries() {
        // Round trip in milliseconds, megabits per second.
        for (round_trip, rate) in [(1, 4_000), (2, 3_500), (10, 1_400), (30, 900), (100, 200), (140, 200)] {
            let window = u64::from(StreamWindow::over(Duration::from_millis(round_trip)).bytes()) * 7 / 8;
            let moved = window * 8 / round_trip / 1000;
            assert!(moved >= rate, "{moved} Mbit/s at {round_trip} ms");
        }
    }

    #[test]
    fn an_operator_has_the_last_word() {
        for (most, least, longest) in [(64 << 10, 64 << 10, 64 << 10), (4 << 20, 1 << 20, 4 << 20), (16 << 20, 1 << 20, 16 << 20)] {
            assert_eq!(StreamWindow::LEAST.within(most).bytes(), least);
            assert_eq!(StreamWindow::MOST.within(most).bytes(), longest);
        }
    }

    #[test]
    fn what_is_not_known_is_far_unless_it_is_this_machine() {
        for (remote, expected) in [
            ("127.0.0.1:1", StreamWindow::LEAST),
            ("[::1]:1", StreamWindow::LEAST),
            ("[::ffff:127.0.0.1]:1", StreamWindow::LEAST),
            ("10.0.0.1:1", StreamWindow::MOST),
            ("192.0.2.1:1", StreamWindow::MOST),
        ] {
            assert_eq!(StreamWindow::towards(remote.parse().expect("an address")), expected, "{remote}");
        }
    }
}
