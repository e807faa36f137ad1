//! What is known of a direction while it runs.

use bytes::Bytes;

use crate::net::stalled::Teller;

/// How much has moved in one direction, and whether its reader holds it back.
#[derive(Debug)]
pub(super) struct Flow {
    moved_bytes: u64,
    is_blocked: bool,
    teller: Teller,
}

impl Flow {
    /// One of which `teller` tells those who look after streams that stand still.
    pub(super) fn new(teller: Teller) -> Self {
        Self { moved_bytes: 0, is_blocked: false, teller }
    }

    /// So many bytes were taken by the reader's side.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved_bytes += bytes as u64;
        self.is_blocked = false;
        self.teller.moved(self.moved_bytes);
    }

    /// The reader's side takes nothing now, and there is something for it.
    pub(super) fn blocked(&mut self, waiting: &[Bytes]) {
        if !std::mem::replace(&mut self.is_blocked, true) {
            self.teller.waits(waiting.iter().map(Bytes::len).sum());
        }
    }

    /// How many bytes have been taken by the reader's side.
    pub(super) fn moved_bytes(&self) -> u64 {
        self.moved_bytes
    }
}
