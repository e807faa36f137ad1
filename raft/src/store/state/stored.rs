//! A snapshot as it lies on the disk.

use std::sync::Arc;

use super::codec::PIECE_BYTES;
use crate::disk::writer::Writer;
use crate::disk::{DiskError, KeptFile};
use crate::store::types::SnapshotMeta;

/// A snapshot as it lies on the disk. It can be read for as long as somebody holds it, also when a newer one has its place.
#[derive(Clone)]
pub(crate) struct Stored {
    meta: SnapshotMeta,
    bytes: u64,
    file: Arc<dyn KeptFile>,
    writer: Writer,
}

impl Stored {
    pub(super) fn new(meta: SnapshotMeta, bytes: u64, file: Arc<dyn KeptFile>, writer: Writer) -> Self {
        Self { meta, bytes, file, writer }
    }

    /// openraft's words for it.
    pub(crate) fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many pieces it has.
    pub(crate) fn pieces(&self) -> u32 {
        // No file has more pieces than a decoder takes, which is far below.
        u32::try_from(self.bytes.div_ceil(PIECE_BYTES as u64)).unwrap_or(u32::MAX)
    }

    /// Reads one piece.
    pub(crate) async fn piece(&self, number: u32) -> Result<Vec<u8>, DiskError> {
        let file = Arc::clone(&self.file);
        self.writer.read(move |_| file.read(u64::from(number) * PIECE_BYTES as u64, PIECE_BYTES)).await
    }
}
