//! What may happen to a message on its way: it is late, lost, or there twice, and an old one may come again. Drawn from a seed.

use std::time::Duration;

use bytes::Bytes;
use warren_raft::ProxyId;

/// Most old requests that may come again.
const MAX_OLD: usize = 64;

/// How bad it is. Calm by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Storm {
    /// Of 100 requests so many are lost, and of 100 answers too.
    pub(crate) lost: u64,
    /// Of 100 requests so many arrive twice at once.
    pub(crate) twice: u64,
    /// With so many of 100 requests an old one comes again.
    pub(crate) again: u64,
    /// A request and its answer take up to this long each.
    pub(crate) delay: Duration,
}

/// What becomes of one request.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) delays: [Duration; 2],
    pub(crate) request_lost: bool,
    pub(crate) answer_lost: bool,
    pub(crate) twice: bool,
    /// From whom, to whom, and what.
    pub(crate) again: Option<(ProxyId, ProxyId, Bytes)>,
}

/// The weather of a network.
#[derive(Default)]
pub(crate) struct Weather {
    pub(crate) storm: Storm,
    random: Random,
    old: Vec<(ProxyId, ProxyId, Bytes)>,
}

impl Weather {
    pub(crate) fn seed(&mut self, seed: u64) {
        self.random = Random(seed);
    }

    /// Decides about a request.
    pub(crate) fn fate(&mut self, request: (ProxyId, ProxyId, Bytes)) -> Fate {
        let Storm { lost, twice, again, delay } = self.storm;
        let again = if self.random.of_100(again) { self.any_old() } else { None };
        self.remember(request);
        Fate {
            delays: [self.random.up_to(delay), self.random.up_to(delay)],
            request_lost: self.random.of_100(lost),
            answer_lost: self.random.of_100(lost),
            twice: self.random.of_100(twice),
            again,
        }
    }

    fn any_old(&mut self) -> Option<(ProxyId, ProxyId, Bytes)> {
        let count = u64::try_from(self.old.len()).expect("small");
        let place = usize::try_from(self.random.below(count.max(1))).expect("small");
        self.old.get(place).cloned()
    }

    fn remember(&mut self, request: (ProxyId, ProxyId, Bytes)) {
        if self.old.len() < MAX_OLD {
            self.old.push(request);
        } else {
            let place = usize::try_from(self.random.below(MAX_OLD as u64)).expect("small");
            self.old[place] = request;
        }
    }
}

/// `SplitMix64`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(crate) fn of_100(&mut self, many: u64) -> bool {
        self.below(100) < many
    }

    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(most.as_micros()).expect("short") + 1))
    }
}
