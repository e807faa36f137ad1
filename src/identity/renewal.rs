//! When a machine asks for its next certificate. Pure: the caller brings the time and the randomness.
//!
//! It asks at two thirds of its certificate's life, a little later by chance, so that machines that were enrolled together do not ask together; what
//! failed is asked again, by chance too, until it succeeds; and when another authority issues by now, it asks early.

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

/// How long until these credentials should be renewed: at two thirds of their life, and up to a sixtieth of it later.
pub fn renew_in(credentials: &Credentials, now: Timestamp, rng: &mut impl Rng) -> Duration {
    let due = Duration::from_millis(credentials.renew_at().0.saturating_sub(now.0));
    due + (credentials.lifetime() / LATE_PART).mul_f64(rng.random())
}

/// How long after a try that failed the next one is due: as a machine's whole last third is there for it, some minutes of it are not missed.
pub fn pause(credentials: &Credentials, rng: &mut impl Rng) -> Duration {
    let longest = (credentials.lifetime() / 3 / LATE_PART).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    longest.mul_f64(rng.random_range(0.5..=1.0))
}

/// How long a machine waits before it renews early because another authority issues by now: all machines are told at the same moment.
pub fn early(credentials: &Credentials, rng: &mut impl Rng) -> Duration {
    (credentials.lifetime() / EARLY_PART).min(LONGEST_EARLY).mul_f64(rng.random())
}

/// Whether so little of a certificate's life is left that its renewal has failed for a good while: less than a third, and some tries.
pub fn is_overdue(credentials: &Credentials, now: Timestamp) -> bool {
    credentials.remaining(now) < credentials.lifetime() * 3 / 10
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
                let due = renew_in(&credentials, begins, &mut rng);
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
        let times: std::collections::BTreeSet<_> = (0..100).map(|_| renew_in(&credentials, begins, &mut rng).as_secs() / 60).collect();
        assert!(times.len() > 10, "{times:?}");
    }

    #[test]
    fn it_is_overdue_when_a_renewal_ought_to_have_happened() {
        let (credentials, begins) = living(Duration::from_secs(1_000));
        let at = |seconds: u64| is_overdue(&credentials, Timestamp(begins.0 + seconds * 1000));
        assert_eq!([0, 666, 690, 710, 2_000].map(at), [false, false, false, true, true]);
    }
}
