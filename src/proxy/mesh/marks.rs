//! Whose wish to be driven where control is, is heeded. Pure.
//!
//! The mark is in a dialler's first packet and anybody can set it. Handshakes that come to nothing must not keep Raft's thread busy: after a few of those, only
//! the marks of machines are heeded from which a control connection has come. Who is not heeded is served all the same, among everything else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Marked handshakes within [`WHILE`] that may come to nothing: a cluster that is started anew has some.
const FEW: usize = 32;
/// How long they count.
const WHILE: Duration = Duration::from_secs(60);
/// Most machines that are remembered: whoever is remembered has shown the certificate of a proxy.
const MOST: usize = 1024;

/// What has become of marks.
#[derive(Debug)]
pub(super) struct Marks {
    kept: BTreeMap<IpAddr, Instant>,
    broken: usize,
    since: Instant,
}

impl Marks {
    /// None has come.
    pub(super) fn new(now: Instant) -> Self {
        Self { kept: BTreeMap::new(), broken: 0, since: now }
    }

    /// Whether a mark from there is heeded.
    pub(super) fn heeds(&self, from: IpAddr, now: Instant) -> bool {
        self.broken < FEW || now >= self.since + WHILE || self.kept.contains_key(&from.to_canonical())
    }

    /// What it said was so.
    pub(super) fn keep(&mut self, from: IpAddr, now: Instant) {
        self.kept.insert(from.to_canonical(), now);
        if self.kept.len() > MOST {
            let oldest = self.kept.iter().min_by_key(|(_, at)| **at).map(|(from, _)| *from);
            oldest.and_then(|oldest| self.kept.remove(&oldest));
        }
    }

    /// It came to nothing, or to something else.
    pub(super) fn broke(&mut self, now: Instant) {
        if now >= self.since + WHILE {
            (self.broken, self.since) = (0, now);
        }
        self.broken += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn strangers_are_heeded_until_too_many_lied() {
        let now = Instant::now();
        let mut marks = Marks::new(now);
        marks.keep("::ffff:10.0.0.1".parse().expect("an address"), now);
        for _ in 0..FEW {
            assert!(marks.heeds(ip(7), now));
            marks.broke(now);
        }
        assert!(!marks.heeds(ip(7), now + WHILE / 2));
        assert!(marks.heeds("10.0.0.1".parse().expect("an address"), now), "a peer that was here is heeded whatever strangers do");
        assert!(marks.heeds(ip(7), now + WHILE));
        marks.broke(now + WHILE);
        assert!(marks.heeds(ip(7), now + WHILE), "those of another minute do not count");
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let now = Instant::now();
        let mut marks = Marks::new(now);
        for (number, after) in (0..2_000).zip(0..) {
            marks.keep(ip(number), now + Duration::from_millis(after));
        }
        assert_eq!(marks.kept.len(), MOST);
        assert!(marks.kept.contains_key(&ip(1_999)) && !marks.kept.contains_key(&ip(0)));
    }
}
