//! What earlier connections have told of the ways to other machines.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::settings::Settings;
use super::window::StreamWindow;

/// Most machines that are remembered; beyond them, the one that was met least lately is forgotten.
const MOST: usize = 4096;

/// The round trips to machines that were met, by their address. Cheap to clone; the clones know the same.
///
/// A connection's windows are fixed before its handshake, and only the handshake tells its round trip: so it is the connections before it that tell. Of
/// two proxies those for data come after the one for control; agents and clients come back.
#[derive(Clone, Debug)]
pub struct Paths {
    known: Arc<Mutex<Known>>,
    /// What no window exceeds, in bytes.
    most: u32,
}

#[derive(Debug, Default)]
struct Known {
    by_address: BTreeMap<IpAddr, Path>,
    granted: BTreeMap<SocketAddr, Grant>,
    met: u64,
}

#[derive(Clone, Copy, Debug)]
struct Path {
    round_trip: Duration,
    /// When it was last met, in numbers.
    met: u64,
}

/// The window of the last connection with an end of one.
#[derive(Clone, Copy, Debug)]
struct Grant {
    window: StreamWindow,
    met: u64,
}

impl Paths {
    /// Nothing is known yet.
    pub fn new(settings: &Settings) -> Self {
        Self { known: Arc::default(), most: settings.stream_window }
    }

    /// Notes how long the round trip of a connection is, whose handshake is complete.
    pub fn met(&self, connection: &quinn::Connection) {
        self.note(connection.remote_address().ip(), connection.rtt());
    }

    /// The window of the streams of a connection that is made now, by either side.
    pub fn grant(&self, remote: SocketAddr) -> StreamWindow {
        let window = self.window(remote).within(self.most);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.met += 1;
        let met = known.met;
        known.granted.insert(remote, Grant { window, met });
        if known.granted.len() > MOST {
            let oldest = known.granted.iter().min_by_key(|(_, grant)| grant.met).map(|(remote, _)| *remote);
            oldest.and_then(|oldest| known.granted.remove(&oldest));
        }
        window
    }

    /// The window that a connection's streams have here; never less, where that was forgotten.
    pub fn granted(&self, connection: &quinn::Connection) -> StreamWindow {
        let remote = connection.remote_address();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.granted.get(&remote).map_or_else(|| StreamWindow::towards(remote).within(self.most), |grant| grant.window)
    }

    /// The window for a path to this machine.
    fn window(&self, remote: SocketAddr) -> StreamWindow {
        let unknown = StreamWindow::towards(remote);
        if unknown == StreamWindow::LEAST {
            // Here a long round trip tells of nothing but a busy machine.
            return unknown;
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.by_address.get(&remote.ip().to_canonical()).map_or(unknown, |path| StreamWindow::over(path.round_trip))
    }

    fn note(&self, ip: IpAddr, round_trip: Duration) {
        let (mut known, ip) = (self.known.lock().unwrap_or_else(PoisonError::into_inner), ip.to_canonical());
        known.met += 1;
        let met = known.met;
        // Behind one address there may be several machines: the longer way counts, and fades.
        let earlier = known.by_address.get(&ip).map_or(Duration::ZERO, |path| path.round_trip * 3 / 4);
        known.by_address.insert(ip, Path { round_trip: round_trip.max(earlier), met });
        if known.by_address.len() > MOST {
            let oldest = known.by_address.iter().min_by_key(|(_, path)| path.met).map(|(ip, _)| *ip);
            oldest.and_then(|oldest| known.by_address.remove(&oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near() -> SocketAddr {
        "10.0.0.1:3021".parse().expect("an address")
    }

    #[test]
    fn the_next_connection_knows_of_those_before() {
        let paths = Paths::new(&Settings::default());
        assert_eq!(paths.window(near()), StreamWindow::MOST);
        paths.clone().note(near().ip(), Duration::from_micros(300));
        assert_eq!(paths.window(near()), StreamWindow::LEAST);
        paths.note("10.0.0.2".parse().expect("an address"), Duration::from_millis(80));
        assert_eq!(paths.window(near()), StreamWindow::LEAST, "another machine");
        let mapped = "[::ffff:10.0.0.1]:9".parse().expect("an address");
        assert_eq!(paths.window(mapped), StreamWindow::LEAST, "the same machine");
    }

    #[test]
    fn the_longer_of_several_ways_counts_and_fades() {
        let paths = Paths::new(&Settings::default());
        for (round_trip, expected) in [(1, 1 << 20), (40, 4 << 20), (1, 4 << 20), (1, 4 << 20)] {
            paths.note(near().ip(), Duration::from_millis(round_trip));
            assert_eq!(paths.window(near()).bytes(), expected);
        }
        for _ in 0..10 {
            paths.note(near().ip(), Duration::from_millis(1));
        }
        assert_eq!(paths.window(near()), StreamWindow::LEAST);
    }

    #[test]
    fn an_operator_may_want_less() {
        let paths = Paths::new(&Settings { stream_window: 64 << 10, ..Settings::default() });
        assert_eq!(paths.grant(near()).bytes(), 64 << 10);
    }

    #[test]
    fn a_busy_machine_is_not_far_from_itself() {
        let paths = Paths::new(&Settings::default());
        paths.note("127.0.0.1".parse().expect("an address"), Duration::from_millis(500));
        assert_eq!(paths.window("127.0.0.1:1".parse().expect("an address")), StreamWindow::LEAST);
    }

    #[test]
    fn no_crowd_of_strangers_fills_the_memory() {
        let paths = Paths::new(&Settings::default());
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let most = u32::try_from(MOST).expect("few");
        for number in 0..=most {
            paths.note(address(number), Duration::from_millis(1));
        }
        let known = paths.known.lock().expect("not poisoned");
        assert_eq!(known.by_address.len(), MOST);
        assert!(!known.by_address.contains_key(&address(0)) && known.by_address.contains_key(&address(most)));
    }
}
