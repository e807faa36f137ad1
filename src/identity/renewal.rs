//! When a machine asks for its next certificate. Pure: the caller brings the time and the randomness.
//!
//! It asks at two thirds of its certificate's life, a little later by chance, so that machines that were enrolled together do not ask together; what
//! failed is asked again, by chance too, until it succeeds; and when another authority issues by now, it asks early. All of it goes by the wall clock, which certificates
//! go by: the clock of timers stands still while a machine sleeps.

use std::time::Duration;

use rand::Rng;
use warren_raft::Timestamp;

use super::credentials::Credentials;

/// The longest pause after a try that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The shortest one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// Within which part of its life, and time, a certificate of an authority that is about to go is renewed.
const EARLY_PART: u32 = 20;
const LONGEST_EARLY: Duration = Duration::from_secs(60);
/// By which part of its life a renewal comes later than it might, at most.
const LATE_PART: u32 = 60;

/// The longest that a timer is relied on.
const LOOK: Duration = Duration::from_secs(30);

/// When a certificate is to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due(Timestamp);

impl Due {
    /// At two thirds of its life, and up to a sixtieth of it later.
    pub fn by_age(credentials: &Credentials, rng: &mut impl Rng) -> Self {
        let late = (credentials.lifetime() / LATE_PART).mul_f64(rng.random());
        Self(later(credentials.renew_at(), late))
    }

    /// The same, or a moment from now where another authority issues.
    pub fn of(credentials: &Credentials, now: Timestamp, rng: &mut impl Rng) -> Self {
        let Self(due) = Self::by_age(credentials, rng);
        if credentials.is_of_issuing_authority() { Self(due) } else { Self(due.min(later(now, early(credentials, rng)))) }
    }

    /// So long after now, whatever the certificate.
    pub fn after(pause: Duration, now: Timestamp) -> Self {
        Self(later(now, pause))
    }

    /// Whether it is time.
    pub fn is_over(self, now: Timestamp) -> bool {
        self.0 <= now
    }

    /// After how long to look again: no longer than the clock of timers can be relied on.
    pub fn wait(self, now: Timestamp) -> Duration {
        Duration::from_millis(self.0.0.saturating_sub(now.0)).min(LOOK)
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

/// How long after a try that failed the next one is due: as a machine's whole last third is there for it, some minutes of it are not missed.
pub fn pause(credentials: &Credentials, rng: &mut impl Rng) -> Duration {
    let longest = (credentials.lifetime() / 3 / LATE_PART).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    longest.mul_f64(rng.random_range(0.5..=1.0))
}

/// How long a machine waits before it renews early because another authority issues by now: all machines are told at the same moment.
fn early(credentials: &Credentials, rng: &mut impl Rng) -> Duration {
    (credentials.lifetime() / EARLY_PART).min(LONGEST_EARLY).mul_f64(rng.random())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use warren_raft::{ClusterId, ProxyId};

    use super::*;
    use crate::identity::{Authority, Identity, MachineKey};
    use crate::net::Env;

    fn living(lifetime: Duration) -> (Credentials, Timestamp) {
        let env = Env::real();
        let id = Identity::proxy(ClusterId([1; 16]), ProxyId(1));
        let authority = Authority::create(id.cluster, "lab", &env).expect("created");
        let key = MachineKey::generate(&env.entropy);
        let issued = authority.issue(&key.csr(), &id, lifetime, &env).expect("issued");
        let begins = Timestamp(issued.not_after.0 - u64::try_from(lifetime.as_millis()).expect("small"));
        (Credentials::new(issued.certificate, authority.certificate_der().clone(), key).expect("credentials"), begins)
    }

    #[test]
    fn renewals_are_spread_within_bounds_whatever_the_life() {
        for lifetime in [5, 60, 3_600, 24 * 3_600, 30 * 24 * 3_600].map(Duration::from_secs) {
            let (credentials, begins) = living(lifetime);
            let mut rng = StdRng::seed_from_u64(7);
            for _ in 0..100 {
                let due = Duration::from_millis(Due::of(&credentials, begins, &mut rng).0.0 - begins.0);
                // A certificate counts in whole seconds.
                assert!(due + Duration::from_secs(1) >= lifetime * 2 / 3 && due <= lifetime * 7 / 10 + Duration::from_secs(1), "{due:?}");
                let next = pause(&credentials, &mut rng);
                assert!(next >= SHORTEST_PAUSE / 2 && next <= LONGEST_PAUSE && next <= lifetime / 15, "{lifetime:?}: {next:?}");
                let soon = early(&credentials, &mut rng);
                assert!(soon <= LONGEST_EARLY && soon <= lifetime / EARLY_PART, "{soon:?}");
            }
        }
    }

    #[test]
    fn two_machines_do_not_ask_together() {
        let (credentials, begins) = living(Duration::from_secs(24 * 3_600));
        let mut rng = StdRng::seed_from_u64(7);
        let times: std::collections::BTreeSet<_> = (0..100).map(|_| Due::of(&credentials, begins, &mut rng).0.0 / 60_000).collect();
        assert!(times.len() > 10, "{times:?}");
    }

    #[test]
    fn a_machine_that_slept_sees_that_it_is_time_when_it_looks_again() {
        let (credentials, begins) = living(Duration::from_secs(24 * 3_600));
        let due = Due::of(&credentials, begins, &mut StdRng::seed_from_u64(7));
        assert_eq!((due.wait(begins), due.is_over(begins)), (LOOK, false));
        let awake = Timestamp(begins.0 + 20 * 3_600_000);
        assert_eq!((due.wait(awake), due.is_over(awake)), (Duration::ZERO, true));
        let again = Due::after(Duration::from_secs(5), awake);
        assert_eq!((again.wait(awake), again.is_over(awake)), (Duration::from_secs(5), false));
    }
}
