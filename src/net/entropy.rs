//! Randomness, from the operating system or from a seed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// A source of randomness fit for secrets. Clones draw from the same stream; [`split`](Self::split) gives a stream of its own to each
/// purpose, so that a draw more in one place does not change what another one gets.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    Os(SystemRandom),
    Seeded(Arc<Seeded>),
}

/// HMAC-SHA256 in counter mode.
struct Seeded {
    key: hmac::Key,
    drawn: AtomicU64,
}

impl Entropy {
    /// The operating system's source.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn os() -> Self {
        Self(Source::Os(SystemRandom::new()))
    }

    /// A source that repeats itself: the same seed gives the same bytes. For simulations and tests.
    pub fn seeded(seed: u64) -> Self {
        Self::keyed(&seed.to_be_bytes())
    }

    /// The stream of one purpose. The same label split twice from the same seeded source is the same stream.
    #[must_use]
    pub fn split(&self, label: &str) -> Self {
        match &self.0 {
            Source::Os(_) => self.clone(),
            Source::Seeded(seeded) => Self::keyed(hmac::sign(&seeded.key, &tagged(b's', label.as_bytes())).as_ref()),
        }
    }

    /// Fills `out`.
    pub fn fill(&self, out: &mut [u8]) {
        match &self.0 {
            Source::Os(system) => system.fill(out).expect("a booted kernel always gives randomness"),
            Source::Seeded(seeded) => seeded.fill(out),
        }
    }

    /// `N` fresh bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A fast generator of its own, seeded with a fresh draw.
    pub fn rng(&self) -> StdRng {
        StdRng::from_seed(self.bytes())
    }

    /// Whether the source repeats itself. Where a library insists on the system's randomness, a seeded run needs another way.
    pub fn repeats(&self) -> bool {
        matches!(self.0, Source::Seeded(_))
    }

    fn keyed(key: &[u8]) -> Self {
        Self(Source::Seeded(Arc::new(Seeded { key: hmac::Key::new(hmac::HMAC_SHA256, key), drawn: AtomicU64::new(0) })))
    }
}

impl Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::Relaxed);
            let block = hmac::sign(&self.key, &tagged(b'd', &number.to_be_bytes()));
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
    }
}

/// Keeps the inputs of splits and of draws apart.
fn tagged(tag: u8, rest: &[u8]) -> Vec<u8> {
    let mut input = vec![tag];
    input.extend_from_slice(rest);
    input
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.repeats() { "Entropy(seeded)" } else { "Entropy(os)" })
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let (a, b) = (Entropy::seeded(7), Entropy::seeded(7));
        assert_eq!(a.bytes::<100>(), b.bytes::<100>());
        assert_eq!(a.rng().random::<u64>(), b.rng().random::<u64>());
        assert_ne!(a.bytes::<32>(), a.bytes::<32>());
        assert_ne!(Entropy::seeded(8).bytes::<32>(), Entropy::seeded(7).bytes::<32>());
    }

    #[test]
    fn a_split_does_not_depend_on_what_was_drawn_before() {
        let (a, b) = (Entropy::seeded(7), Entropy::seeded(7));
        let _: [u8; 5] = a.bytes();
        assert_eq!(a.split("x").bytes::<32>(), b.split("x").bytes::<32>());
        assert_ne!(a.split("x").bytes::<32>(), a.split("y").bytes::<32>());
        assert_ne!(a.split("x").split("y").bytes::<32>(), a.split("y").split("x").bytes::<32>());
    }

    #[test]
    fn the_system_never_repeats_itself() {
        let os = Entropy::os();
        assert_ne!(os.split("x").bytes::<32>(), os.split("x").bytes::<32>());
    }
}
