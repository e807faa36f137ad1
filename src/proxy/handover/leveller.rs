//! Fills up a proxy that holds fewer tunnels than the others: one that was added, or has come back.

use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;
use tokio::time::{Instant, sleep};
use warren_raft::{LeaseState, ProxyId, Strategy, StrategyKind, Table};

use super::asked::{Asked, Elsewhere, Held, Order};
use super::choose::Places;
use super::level;
use super::runner::Handover;

/// How long from one decision to the next, at least and at most: what was decided before is seen by then.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2_500), Duration::from_millis(3_500));
/// How long an agent that was asked counts as on its way.
const PATIENCE: Duration = Duration::from_secs(30);

/// Levels for as long as it runs.
pub(super) struct Leveller<'a> {
    handover: &'a Handover,
    asked: Asked,
    /// The proxies that took tunnels when it looked last: agents that have just lost one are about to come by themselves.
    known: Vec<ProxyId>,
}

impl<'a> Leveller<'a> {
    /// For this proxy.
    pub(super) fn new(handover: &'a Handover) -> Self {
        Self { handover, asked: Asked::default(), known: Vec::new() }
    }

    /// Decides every few seconds, for ever.
    pub(super) async fn run(mut self) {
        let mut rng = self.handover.env.entropy.split("level").rng();
        loop {
            sleep(rng.random_range(PAUSE.0..PAUSE.1)).await;
            self.decide(&mut rng);
        }
    }

    fn decide(&mut self, rng: &mut impl Rng) {
        let Handover { store, me, zone, metrics, .. } = self.handover;
        let (tunnels, held) = self.handover.held();
        let (table, now) = (store.table(), Instant::now());
        metrics.tunnels().levelled.inc_by(self.asked.gone(&held) as u64);
        self.asked.forget(PATIENCE, now);
        let mut places = Places::new(&table, *me);
        let known = std::mem::replace(&mut self.known, places.ids());
        if known != self.known || matches!(*store.lease().borrow(), LeaseState::Lost) || !may_level(&table, &places) {
            return;
        }
        let idle = tunnels.iter().map(|tunnel| tunnel.streams() == 0).collect::<Vec<_>>();
        let here = Here { zone, held: &held, idle: &idle, elsewhere: &self.handover.elsewhere(&table) };
        let orders = orders(&mut self.asked, &here, &mut places, now, rng);
        for (position, target) in &orders {
            tunnels[*position].ask(Order::Move(*target));
        }
        if !orders.is_empty() {
            tracing::info!(tunnels = orders.len(), of = held.len(), "levelling");
        }
    }
}

/// What a proxy has.
pub(super) struct Here<'a> {
    /// Its zone.
    pub(super) zone: &'a str,
    /// Its tunnels.
    pub(super) held: &'a [Held],
    /// For each whether nothing runs over it.
    pub(super) idle: &'a [bool],
    /// Where else agents are.
    pub(super) elsewhere: Elsewhere<'a>,
}

/// Which of the tunnels here, by position, are to go where now. Pure.
pub(super) fn orders(
    asked: &mut Asked,
    Here { zone, held, idle, elsewhere }: &Here<'_>,
    places: &mut Places,
    now: Instant,
    rng: &mut impl Rng,
) -> Vec<(usize, ProxyId)> {
    asked.promise(held, elsewhere, places);
    // Those that carry nothing first: they need not be kept beside the new one.
    let mut positions: Vec<_> = (0..held.len()).filter(|position| !asked.is_asked(&held[*position])).collect();
    let targets = level::moves(positions.len() as u64, &places.loads(), rng);
    if targets.is_empty() {
        return Vec::new();
    }
    positions.shuffle(rng);
    positions.sort_by_key(|position| !idle[*position]);
    let mut orders = Vec::new();
    for target in targets {
        let fits = |position: &usize| places.keeps_zones_apart(zone, &elsewhere(&held[*position].agent), target);
        let Some(place) = positions.iter().position(fits) else { continue };
        let position = positions.remove(place);
        asked.note(&held[position], Order::Move(target), now);
        orders.push((position, target));
    }
    orders
}

/// Whether agents choose among the proxies at all, and nothing moves for another reason.
fn may_level(table: &Table, places: &Places) -> bool {
    let strategy = table.cluster().map(|cluster| cluster.strategy).unwrap_or_default();
    let Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count } = strategy else { return false };
    let is_choice = usize::try_from(agent_connection_count).is_ok_and(|count| count <= places.ids().len());
    let loads = table.routes_by_proxy();
    is_choice && loads.keys().all(|proxy| !table.is_draining(*proxy))
}
