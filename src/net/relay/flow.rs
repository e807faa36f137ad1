//! What is known of a direction while it runs.

use tokio::time::Instant;

/// How much has moved in one direction, and whether its reader holds it back.
#[derive(Debug, Default)]
pub(super) struct Flow {
    moved_bytes: u64,
    blocked_since: Option<Instant>,
}

impl Flow {
    /// So many bytes were taken by the reader's side.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved_bytes += bytes as u64;
        self.blocked_since = None;
    }

    /// The reader's side takes nothing now, and there is something for it.
    pub(super) fn blocked(&mut self) {
        self.blocked_since.get_or_insert_with(Instant::now);
    }

    /// How many bytes have been taken by the reader's side.
    pub(super) fn moved_bytes(&self) -> u64 {
        self.moved_bytes
    }
}
