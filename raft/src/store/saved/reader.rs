//! From a file's bytes to the state.

use std::fmt;

use crate::ids::{ClusterId, Level, ProxyId};
use crate::store::state::codec::{Decoder, HEAD_BYTES, PIECE_BYTES, piece_length};
use crate::store::state::{Image, SnapshotError};
use crate::table::Table;

/// Reads a snapshot from bytes that come in any portions, and checks each piece as soon as it is whole.
#[derive(Default)]
pub struct Reader {
    decoder: Decoder,
    piece: Vec<u8>,
}

/// A snapshot, whole and checked.
pub struct Saved {
    pub(crate) image: Image,
}

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its name.
    pub cluster_name: String,
    /// The term of the last entry it covers.
    pub term: u64,
    /// The index of that entry.
    pub index: u64,
    /// The proxies of that time.
    pub proxies: u64,
    /// Valid routes of that time.
    pub routes: u64,
    /// Agents that were enrolled.
    pub agents: u64,
    /// Clients that were.
    pub clients: u64,
    /// Tokens there were.
    pub tokens: u64,
}

impl Reader {
    /// Takes the next bytes. After an error the reader is of no further use.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), SnapshotError> {
        while !bytes.is_empty() {
            let missing = PIECE_BYTES - self.piece.len();
            let (next, rest) = bytes.split_at(missing.min(bytes.len()));
            self.piece.extend_from_slice(next);
            if self.piece.len() == PIECE_BYTES {
                self.decoder.push(&self.piece)?;
                self.piece.clear();
            }
            bytes = rest;
        }
        Ok(())
    }

    /// The snapshot, once all of its bytes were taken.
    ///
    /// # Errors
    /// [`SnapshotError`], [`SnapshotError::Incomplete`] among them.
    pub fn finish(mut self) -> Result<Saved, SnapshotError> {
        if !self.piece.is_empty() {
            match self.decoder.push(&self.piece) {
                // Whoever reads it is better told that it ends too early.
                Err(SnapshotError::Piece { .. }) if is_cut(&self.piece) => {}
                pushed => pushed?,
            }
        }
        let image = self.decoder.finish()?;
        if image.table.cluster().is_none() || image.last_applied.is_none() {
            return Err(SnapshotError::Content("it holds no cluster"));
        }
        Ok(Saved { image })
    }
}

/// Whether a piece ends before the length that it states.
fn is_cut(piece: &[u8]) -> bool {
    piece.first_chunk::<HEAD_BYTES>().is_none_or(|head| piece_length(*head).is_ok_and(|length| length > piece.len()))
}

impl Saved {
    /// What it says of itself.
    pub fn summary(&self) -> Summary {
        let table = self.table();
        let cluster = table.cluster().expect("the reader refuses snapshots without one");
        let last = self.image.last_applied.expect("the reader refuses snapshots without one");
        Summary {
            cluster: cluster.id,
            cluster_name: cluster.name.clone(),
            term: last.leader_id.term,
            index: last.index,
            proxies: table.proxies().count() as u64,
            routes: table.routes().count() as u64,
            agents: table.agents().count() as u64,
            clients: table.clients().count() as u64,
            tokens: table.tokens().count() as u64,
        }
    }

    /// What it holds.
    pub fn table(&self) -> &Table {
        &self.image.table
    }

    /// The cluster's feature level, and the highest that this version knows if that is lower: then it cannot go on with it.
    pub fn above_known(&self) -> Option<(Level, Level)> {
        let level = self.table().level();
        (level > Level::CURRENT).then_some((level, Level::CURRENT))
    }

    /// The id that the first proxy of a group gets that begins with it.
    pub fn next_proxy(&self) -> ProxyId {
        self.table().next_succession()
    }
}

impl fmt::Debug for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Saved({:?})", self.image.last_applied)
    }
}
