//! How Cubic's window grows while nothing tells of congestion.

use std::time::{Duration, Instant};

/// What is left of the window after congestion (RFC 9438, section 4.6).
pub(super) const BETA: f64 = 0.7;
/// How fast it grows, in segments per second cubed (RFC 9438, section 5.1).
const C: f64 = 0.4;
/// How much Reno would grow for each window acknowledged, were it cut by [`BETA`] as well (RFC 9438, section 4.3).
const ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);
/// The most that a window may grow in a round trip (RFC 9438, section 4.2).
const STEEPEST: f64 = 1.5;

/// RFC 9438's function of the time since the last congestion. Bytes throughout.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    start: Option<Instant>,
    /// The plateau: the window at which there was congestion.
    plateau: f64,
    /// When the plateau is reached, in seconds after the start.
    k: f64,
    /// What Reno's window would be.
    reno: f64,
}

impl Curve {
    /// Starts at the plateau: what is beyond it is unknown, and searched for slowly at first.
    pub(super) fn begin(&mut self, now: Instant, window: f64) {
        *self = Self { start: Some(now), plateau: window, k: 0.0, reno: window };
    }

    /// Congestion at `window`: what is left of it.
    pub(super) fn cut(&mut self, now: Instant, window: f64, mtu: f64) -> f64 {
        // Who shrinks leaves room for those who came later (RFC 9438, section 4.7).
        let plateau = if window < self.plateau { window * (1.0 + BETA) / 2.0 } else { window };
        let left = window * BETA;
        let k = ((plateau - left).max(0.0) / mtu / C).cbrt();
        *self = Self { start: Some(now), plateau, k, reno: left };
        left
    }

    /// Time in which there was nothing to send does not count (RFC 9438, section 5.8).
    pub(super) fn skip(&mut self, idle: Duration) {
        self.start = self.start.and_then(|start| start.checked_add(idle));
    }

    /// The window after `acked` bytes more of it have arrived.
    pub(super) fn grow(&mut self, now: Instant, window: f64, acked: f64, path: (Duration, f64)) -> f64 {
        let (round_trip, mtu) = path;
        let since = now.saturating_duration_since(*self.start.get_or_insert(now));
        let t = (since + round_trip).as_secs_f64() - self.k;
        let target = (C * t.powi(3) * mtu + self.plateau).clamp(window, window * STEEPEST);
        let share = (acked / window).min(1.0);
        self.reno += ALPHA * mtu * share;
        (window + (target - window) * share).max(self.reno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: f64 = 1_000.0;
    const PATH: (Duration, f64) = (Duration::from_millis(100), MTU);

    /// The window after so many seconds of acknowledged windows.
    fn after(curve: &mut Curve, mut window: f64, from: Instant, seconds: f64) -> f64 {
        for round in 1_u32..=(seconds * 10.0) as u32 {
            window = curve.grow(from + PATH.0 * round, window, window, PATH);
        }
        window
    }

    #[test]
    fn the_plateau_is_reached_after_k_and_left_behind_slowly_and_then_fast() {
        let (now, mut curve) = (tokio::time::Instant::now().into_std(), Curve::default());
        curve.begin(now, 500.0 * MTU);
        let left = curve.cut(now, 500.0 * MTU, MTU);
        assert!((left - 350.0 * MTU).abs() < 1.0, "{left}");
        // K is the cube root of 150 / 0.4, 7.2 seconds.
        for (seconds, least, most) in
            [(1.0, 400.0, 460.0), (4.0, 480.0, 497.0), (7.0, 498.0, 501.0), (9.0, 501.0, 505.0), (14.0, 600.0, 700.0)]
        {
            let segments = after(&mut curve.clone(), left, now, seconds) / MTU;
            assert!((least..=most).contains(&segments), "{segments} segments after {seconds} s");
        }
    }

    #[test]
    fn a_small_window_grows_no_slower_than_renos() {
        let (now, mut curve) = (tokio::time::Instant::now().into_std(), Curve::default());
        curve.begin(now, 4.0 * MTU);
        let left = curve.cut(now, 4.0 * MTU, MTU);
        let segments = after(&mut curve, left, now, 2.0) / MTU;
        assert!(segments >= 2.8 + 20.0 * ALPHA * 0.99, "{segments} segments");
    }

    #[test]
    fn who_is_cut_below_the_last_plateau_gives_way_further() {
        let (now, mut curve) = (tokio::time::Instant::now().into_std(), Curve::default());
        curve.begin(now, 100.0 * MTU);
        let left = curve.cut(now, 80.0 * MTU, MTU);
        assert!((left - 56.0 * MTU).abs() < 1.0 && (curve.plateau - 68.0 * MTU).abs() < 1.0, "{left} {curve:?}");
    }

    #[test]
    fn idle_time_does_not_make_a_burst() {
        let (now, hour) = (tokio::time::Instant::now().into_std(), Duration::from_secs(3600));
        let (mut skipped, mut counted) = (Curve::default(), Curve::default());
        skipped.begin(now, 10.0 * MTU);
        counted.begin(now, 10.0 * MTU);
        skipped.skip(hour);
        let (idle, grown) = (skipped.grow(now + hour, 10.0 * MTU, MTU, PATH), counted.grow(now + hour, 10.0 * MTU, 10.0 * MTU, PATH));
        assert!(idle < 10.2 * MTU, "{idle}");
        assert!((grown - 15.0 * MTU).abs() < 1.0, "{grown}: never more than half as much again in a round trip");
    }
}
