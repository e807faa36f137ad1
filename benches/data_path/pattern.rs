//! The bytes that are sent, and whether what arrives is them.

use std::sync::OnceLock;

/// The bytes repeat after so many: a prime, so that no buffer, frame or packet that is lost, doubled or misplaced leaves them in step.
const PERIOD: u64 = 131_071;
/// The most bytes that are looked at together.
pub(crate) const MOST: usize = 64 * 1024;

/// How far a stream has come. Streams that begin elsewhere have other bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u64);

impl Place {
    /// That of a stream which begins at `start`.
    pub(crate) fn new(start: u32) -> Self {
        Self(u64::from(start))
    }

    /// The next bytes, at most [`MOST`] of them.
    pub(crate) fn next(self) -> &'static [u8] {
        let from = usize::try_from(self.0 % PERIOD).expect("less than the period");
        &bytes()[from..from + MOST]
    }

    /// Goes on.
    pub(crate) fn advance(&mut self, count: usize) {
        self.0 += count as u64;
    }

    /// Goes on by what arrived.
    ///
    /// # Errors
    /// It is not what was sent.
    pub(crate) fn check(&mut self, arrived: &[u8]) -> anyhow::Result<()> {
        for part in arrived.chunks(MOST) {
            anyhow::ensure!(part == &self.next()[..part.len()], "other bytes arrived than were sent, after {}", self.0);
            self.advance(part.len());
        }
        Ok(())
    }
}

fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        // A multiplicative hash of a counter: cheap, and nothing that compression or luck could hide in.
        let byte = |place: u64| ((place % PERIOD + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        (0..PERIOD + MOST as u64).map(byte).collect()
    })
}
