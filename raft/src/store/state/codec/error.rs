//! Why bytes are not a snapshot.

use super::piece::MAX_PIECES;
use crate::table::SectionError;

/// Why bytes are not a snapshot, or not a whole one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Something else altogether.
    #[error("it is not a snapshot of warren")]
    Foreign,
    /// A later version of warren wrote it.
    #[error("it has format {found}; this version reads formats up to {known}")]
    Format {
        /// Its format.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// A piece is not what was written, or not the one that belongs here.
    #[error("piece {number} is damaged: {reason}")]
    Piece {
        /// Which piece, from 0.
        number: u32,
        /// What does not fit.
        reason: &'static str,
    },
    /// It ends before its end.
    #[error("it is incomplete: it ends after {pieces} pieces")]
    Incomplete {
        /// How many pieces there are.
        pieces: u32,
    },
    /// The pieces fit and what they make up does not.
    #[error("its content is damaged: {0}")]
    Content(&'static str),
    /// A record does not belong into the table.
    #[error(transparent)]
    Section(#[from] SectionError),
    /// More pieces than any snapshot has.
    #[error("it has more than {MAX_PIECES} pieces")]
    TooLarge,
}
