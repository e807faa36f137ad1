//! How long to wait before the next try: full jitter, so that those who failed together do not come back together.

use std::time::Duration;

use rand::Rng;

/// Exponential backoff with full jitter: a wait is drawn evenly between nothing and a bound that doubles up to `cap`
/// (AWS Architecture Blog, "Exponential Backoff And Jitter").
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    tries: u32,
}

impl Backoff {
    /// The first wait is at most `base`, every one at most `cap`.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, tries: 0 }
    }

    /// The next wait.
    pub fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let bound = self.base.saturating_mul(1 << self.tries.min(20)).min(self.cap);
        self.tries = self.tries.saturating_add(1);
        bound.mul_f64(rng.random::<f64>())
    }

    /// Begins anew after a success.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_begin_anew() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));
        for _ in 0..1000 {
            for bound in [100, 200, 400, 800, 1600, 3000, 3000] {
                assert!(backoff.next(&mut rng) <= Duration::from_millis(bound));
            }
            backoff.reset();
        }
        backoff.tries = u32::MAX;
        assert!(backoff.next(&mut rng) <= Duration::from_secs(3));
    }
}
