//! From a running member to pieces.

use std::fmt;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::store::state::Image;
use crate::store::state::codec::Encoder;

/// One version of a running member's state, on its way out. It shares the table's structure and holds nobody up.
pub struct Export {
    image: Image,
}

impl Export {
    pub(crate) fn new(image: Image) -> Self {
        Self { image }
    }

    /// Makes the pieces one by one, each when there is room for it, and ends early when nobody takes them any more.
    pub async fn pour(self, into: mpsc::Sender<Bytes>) {
        for piece in Encoder::new(&self.image) {
            if into.send(piece.into()).await.is_err() {
                return;
            }
            // Making a piece takes about a millisecond: others have their turn in between.
            tokio::task::yield_now().await;
        }
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Export(up to entry {})", self.image.last_applied.map_or(0, |last| last.index))
    }
}
