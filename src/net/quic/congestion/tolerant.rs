//! Cubic that answers congestion, and not every loss.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::congestion::{Controller, ControllerFactory};

use super::curve::{BETA, Curve};
use super::loss_share::LossShare;
use super::round_trips::RoundTrips;

/// The initial window (RFC 9002, section 7.2).
const INITIAL_WINDOW: u64 = 12_000;
/// Slow start ends when the queue delays by this share of the round trip, within the bounds below (RFC 9406, section 4.2).
const OVERSHOOT: u32 = 8;
const LEAST_OVERSHOOT: Duration = Duration::from_millis(4);
const LARGEST_OVERSHOOT: Duration = Duration::from_millis(16);
/// After so many round trips without a queue and without congestion a line that loses has room to spare, which is not searched for by Cubic's slow
/// steps: it was lost to what looked like congestion.
const CALM_ROUND_TRIPS: u32 = 8;
/// A line loses if so many losses were ignored since the last cut. On any other, others may be about to take the room that all have
/// left together, and being first there would be unfair.
const LOSING: u32 = 2;
/// By what share of what arrives the window grows then.
const REFILL: f64 = 1.0 / 8.0;

/// How the window grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// By what arrives, up to the threshold or until a queue builds.
    SlowStart,
    /// Along Cubic's curve.
    Avoidance,
}

/// Cubic (RFC 9438) that ignores a loss while no queue is building and little is lost: a radio loses packets without being full. Explicit
/// congestion notification and persistent congestion are always answered.
#[derive(Clone, Debug)]
pub(super) struct TolerantCubic {
    window: f64,
    threshold: f64,
    phase: Phase,
    mtu: u16,
    curve: Curve,
    trips: RoundTrips,
    share: LossShare,
    /// What was sent before has been answered for.
    recovery: Option<Instant>,
    /// Since when there has been neither a queue nor congestion.
    calm_since: Option<Instant>,
    /// Losses that were ignored since the last cut.
    ignored: u32,
    /// The shortest round trip of the acknowledgements that are being taken in.
    batch: Option<Duration>,
    last_ack: Option<Instant>,
}

impl TolerantCubic {
    fn new(now: Instant, mtu: u16) -> Self {
        Self {
            window: INITIAL_WINDOW as f64,
            threshold: f64::INFINITY,
            phase: Phase::SlowStart,
            mtu,
            curve: Curve::default(),
            trips: RoundTrips::default(),
            share: LossShare::default(),
            recovery: None,
            calm_since: Some(now),
            ignored: 0,
            batch: None,
            last_ack: None,
        }
    }

    fn least_window(&self) -> f64 {
        2.0 * f64::from(self.mtu)
    }

    fn was_answered(&self, sent: Instant) -> bool {
        self.recovery.is_some_and(|recovery| sent <= recovery)
    }

    /// A packet of `sent` has arrived.
    fn acknowledged(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool) {
        self.take_in(now, sent, bytes);
        if app_limited {
            let idle = self.last_ack.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
            self.curve.skip(idle);
            self.calm_since = Some(now);
        } else if !self.was_answered(sent) {
            self.grow(now, bytes as f64);
        }
        self.last_ack = Some(now);
    }

    /// That was all that arrived at once.
    fn acknowledged_all(&mut self, now: Instant) {
        let Some(round_trip) = self.batch.take() else { return };
        self.trips.sample(now, round_trip);
        if self.trips.is_building() {
            self.calm_since = Some(now);
        }
    }

    /// Counts what arrived, whether or not the window may grow for it.
    fn take_in(&mut self, now: Instant, sent: Instant, bytes: u64) {
        let round_trip = now.saturating_duration_since(sent);
        self.batch = Some(self.batch.map_or(round_trip, |shortest| shortest.min(round_trip)));
        self.share.arrived(bytes, self.mtu.into());
    }

    fn grow(&mut self, now: Instant, bytes: f64) {
        match self.phase {
            Phase::SlowStart => {
                self.window += bytes;
                if self.window >= self.threshold || self.overshoots() {
                    self.avoid(now);
                }
            }
            Phase::Avoidance if self.is_calm(now) => {
                self.window += bytes * REFILL;
                self.curve.begin(now, self.window);
            }
            Phase::Avoidance => {
                let path = (self.trips.current(), f64::from(self.mtu));
                self.window = self.curve.grow(now, self.window, bytes, path);
            }
        }
    }

    fn avoid(&mut self, now: Instant) {
        self.phase = Phase::Avoidance;
        self.curve.begin(now, self.window);
    }

    fn overshoots(&self) -> bool {
        self.trips.queue() > (self.trips.least() / OVERSHOOT).clamp(LEAST_OVERSHOOT, LARGEST_OVERSHOOT)
    }

    fn is_calm(&self, now: Instant) -> bool {
        let enough = self.trips.current() * CALM_ROUND_TRIPS;
        self.ignored >= LOSING && self.calm_since.is_some_and(|since| now.saturating_duration_since(since) >= enough)
    }

    fn cut(&mut self, now: Instant) {
        self.recovery = Some(now);
        self.calm_since = Some(now);
        self.ignored = 0;
        self.phase = Phase::Avoidance;
        self.window = self.curve.cut(now, self.window, self.mtu.into()).max(self.least_window());
    }

    /// Nothing has arrived for a long time: the window begins anew (RFC 9002, section 7.6).
    fn collapse(&mut self) {
        self.recovery = None;
        self.phase = Phase::SlowStart;
        self.threshold = (self.window * BETA).max(self.least_window());
        self.window = self.least_window();
    }
}

impl Controller for TolerantCubic {
    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, _rtt: &quinn_proto::RttEstimator) {
        self.acknowledged(now, sent, bytes, app_limited);
    }

    fn on_end_acks(&mut self, now: Instant, _in_flight: u64, _app_limited: bool, _largest: Option<u64>) {
        self.acknowledged_all(now);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent_congestion: bool, lost_bytes: u64) {
        self.share.lost(lost_bytes);
        if self.was_answered(sent) {
            return;
        }
        // Explicit notification loses nothing.
        let is_certain = is_persistent_congestion || lost_bytes == 0;
        let is_too_much = self.share.is_large(self.mtu.into());
        if !(is_certain || is_too_much || self.trips.is_building()) {
            self.ignored = self.ignored.saturating_add(1);
            return;
        }
        if is_too_much {
            self.share.forget();
        }
        self.cut(now);
        if is_persistent_congestion {
            self.collapse();
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu;
        self.window = self.window.max(self.least_window());
    }

    fn window(&self) -> u64 {
        self.window as u64
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        INITIAL_WINDOW
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Makes [`TolerantCubic`] for each connection.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::net::quic) struct TolerantCubicConfig;

impl ControllerFactory for TolerantCubicConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(TolerantCubic::new(now, current_mtu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: u64 = 1_200;
    const TRIP: Duration = Duration::from_millis(20);

    /// A controller, and the time.
    struct Scene {
        controller: TolerantCubic,
        now: Instant,
    }

    impl Scene {
        /// After so many round trips of a path without a queue.
        fn after(round_trips: u32) -> Self {
            let now = tokio::time::Instant::now().into_std();
            let mut scene = Self { controller: TolerantCubic::new(now, MTU as u16), now };
            (0..round_trips).for_each(|_| scene.round_trip(TRIP));
            scene
        }

        /// A window that arrives, after so long each.
        fn round_trip(&mut self, trip: Duration) {
            let packets = (self.controller.window() / MTU).clamp(10, 400);
            for _ in 0..packets {
                self.now += trip / u32::try_from(packets).expect("few");
                self.controller.acknowledged(self.now, self.now - trip, MTU, false);
                self.controller.acknowledged_all(self.now);
            }
        }

        /// Loses a packet that has just been sent: what is left of the window.
        fn lose(&mut self, is_persistent: bool, bytes: u64) -> f64 {
            let before = self.controller.window;
            self.controller.on_congestion_event(self.now + TRIP, self.now, is_persistent, bytes);
            self.now += TRIP;
            self.controller.window / before
        }
    }

    #[test]
    fn a_loss_counts_where_a_queue_builds_and_not_else() {
        for (trip, expected) in [(20_000, 1.0), (20_600, 1.0), (21_000, BETA), (23_000, BETA), (40_000, BETA)] {
            let mut scene = Scene::after(5);
            scene.round_trip(Duration::from_micros(trip));
            let left = scene.lose(false, MTU);
            assert!((left - expected).abs() < 0.001, "{left} after {trip} us");
        }
    }

    #[test]
    fn explicit_notification_persistent_congestion_and_many_losses_always_count() {
        assert!((Scene::after(5).lose(false, 0) - BETA).abs() < 0.001);
        let mut persistent = Scene::after(5);
        persistent.lose(true, MTU);
        assert_eq!(persistent.controller.window(), 2 * MTU);
        assert_eq!(persistent.controller.phase, Phase::SlowStart);
        assert!((Scene::after(5).lose(false, 100 * MTU) - BETA).abs() < 0.001);
    }

    #[test]
    fn one_congestion_is_answered_once() {
        let mut scene = Scene::after(5);
        let sent = scene.now;
        scene.lose(false, 0);
        let window = scene.controller.window();
        scene.controller.on_congestion_event(scene.now, sent, false, 0);
        scene.controller.acknowledged(scene.now, sent, MTU, false);
        assert_eq!(scene.controller.window(), window);
    }

    #[test]
    fn slow_start_ends_when_the_queue_grows_and_before_it_overflows() {
        let mut scene = Scene::after(4);
        assert_eq!(scene.controller.phase, Phase::SlowStart);
        assert_eq!(scene.controller.window(), INITIAL_WINDOW * 16);
        scene.round_trip(Duration::from_millis(26));
        assert_eq!(scene.controller.phase, Phase::Avoidance);
        assert!(scene.controller.window() < INITIAL_WINDOW * 18, "{}", scene.controller.window());
    }

    #[test]
    fn room_on_a_line_that_loses_is_taken_soon_and_on_another_by_cubics_steps() {
        let growth = |losses: u32| {
            let mut scene = Scene::after(5);
            scene.lose(false, 0);
            scene.round_trip(TRIP);
            for _ in 0..losses {
                scene.lose(false, MTU);
            }
            let before = scene.controller.window();
            (0..20).for_each(|_| scene.round_trip(TRIP));
            scene.controller.window() as f64 / before as f64
        };
        let (losing, clean) = (growth(2), growth(0));
        assert!(losing > 2.0 * clean && clean < 1.4, "{losing} and {clean}");
    }

    #[test]
    fn who_has_nothing_to_send_does_not_grow() {
        let mut scene = Scene::after(5);
        let window = scene.controller.window();
        for _ in 0..1_000 {
            scene.now += TRIP;
            scene.controller.acknowledged(scene.now, scene.now - TRIP, MTU, true);
            scene.controller.acknowledged_all(scene.now);
        }
        assert_eq!(scene.controller.window(), window);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_told_the_window_stays_within_what_was_sent_and_two_packets(
            told in proptest::collection::vec((0..5_u8, 1..200_u64, 1..400_u64), 0..500),
        ) {
            let (mut scene, mut arrived) = (Scene::after(0), INITIAL_WINDOW);
            for (what, trip, packets) in told {
                let (sent, bytes) = (scene.now, packets * MTU);
                scene.now += Duration::from_millis(trip);
                match what {
                    0 => scene.controller.on_congestion_event(scene.now, sent, false, bytes),
                    1 => scene.controller.on_congestion_event(scene.now, sent, packets > 300, bytes),
                    _ => {
                        scene.controller.acknowledged(scene.now, sent, bytes, what == 2);
                        scene.controller.acknowledged_all(scene.now);
                        arrived += bytes;
                    }
                }
                let window = scene.controller.window();
                // Reno's estimate may add a packet for each window that arrives.
                proptest::prop_assert!((2 * MTU..=2 * arrived + 2 * MTU).contains(&window), "{window} of {arrived}");
            }
        }
    }

    #[test]
    fn the_window_is_never_below_two_packets() {
        let mut scene = Scene::after(0);
        for _ in 0..100 {
            scene.lose(false, 0);
        }
        assert_eq!(scene.controller.window(), 2 * MTU);
        scene.controller.on_mtu_update(6_500);
        assert_eq!(scene.controller.window(), 13_000);
    }
}
