//! The handing over of one proxy without connections and tasks: the production's cores, for a model (`crate::model`).

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use warren_raft::ProxyId;

use super::asked::{Asked, Elsewhere, Held, Order};
use super::choose::{Place, Places};
use super::pace::Pace;
use super::{level, leveller};

/// How long an agent that was asked for the sake of the level counts as on its way.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of whom.
#[derive(Debug)]
pub(crate) struct ModelledHandover {
    draining: Option<(Asked, Pace)>,
    levelling: Asked,
    /// The proxies that took tunnels when it looked last.
    known: Vec<ProxyId>,
    rng: StdRng,
}

/// The tunnels of a proxy, and where else agents are.
pub(crate) type Tunnels<'a> = (&'a [Held], Elsewhere<'a>);

/// Another proxy that takes tunnels.
#[derive(Clone, Debug)]
pub(crate) struct There {
    /// Which.
    pub(crate) id: ProxyId,
    /// Its zone.
    pub(crate) zone: String,
    /// How many it has.
    pub(crate) load: u64,
}

impl ModelledHandover {
    /// Nobody was asked yet.
    pub(crate) fn new(seed: u64) -> Self {
        Self { draining: None, levelling: Asked::default(), known: Vec::new(), rng: StdRng::seed_from_u64(seed) }
    }

    /// Drains from now on, within `timeout`.
    pub(crate) fn drain(&mut self, tunnels: usize, timeout: Duration, now: Instant) {
        self.draining = Some((Asked::default(), Pace::for_drain(tunnels, timeout, now)));
    }

    /// Drains no more.
    pub(crate) fn resume(&mut self) {
        self.draining = None;
    }

    /// What is asked now of which tunnels, by position: to go there, or wherever to.
    pub(crate) fn hand_over(&mut self, (held, elsewhere): Tunnels<'_>, there: &[There], now: Instant) -> Vec<(usize, Option<ProxyId>)> {
        let Some((asked, pace)) = &mut self.draining else { return Vec::new() };
        let mut places = places(there);
        asked.gone(held);
        asked.promise(held, elsewhere, &mut places);
        let orders = asked.next(held, elsewhere, &mut places, (pace, now)).into_iter();
        orders.map(|(position, order)| (position, if let Order::Move(to) = order { Some(to) } else { None })).collect()
    }

    /// Whether proxies that hold so many tunnels leave it at that.
    pub(crate) fn is_level(loads: &[u64]) -> bool {
        !level::is_skewed(loads)
    }

    /// Which tunnels of a proxy in `zone`, by position, are asked to go where for the sake of the level.
    pub(crate) fn level(&mut self, zone: &str, (held, elsewhere): Tunnels<'_>, there: &[There], now: Instant) -> Vec<(usize, ProxyId)> {
        let mut places = places(there);
        self.levelling.gone(held);
        self.levelling.forget(PATIENCE, now);
        let known = std::mem::replace(&mut self.known, places.ids());
        if known != self.known {
            return Vec::new();
        }
        let idle = vec![true; held.len()];
        leveller::orders(&mut self.levelling, &leveller::Here { zone, held, idle: &idle, elsewhere }, &mut places, now, &mut self.rng)
    }
}

fn places(there: &[There]) -> Places {
    there.iter().map(|proxy| (proxy.id, Place { zone: proxy.zone.clone(), load: proxy.load })).collect()
}
