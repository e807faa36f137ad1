//! The frame of a piece.

use super::SnapshotError;

/// Bytes of a whole piece; only the last one is shorter.
pub(crate) const PIECE_BYTES: usize = 128 * 1024;
/// Bytes before the body: number and length.
pub(crate) const HEAD_BYTES: usize = 8;
/// Bytes behind the body: the checksum.
const TAIL_BYTES: usize = 4;
/// Bytes of the body of a whole piece.
pub(crate) const BODY_BYTES: usize = PIECE_BYTES - HEAD_BYTES - TAIL_BYTES;
/// Most pieces of one snapshot, 8 GiB: some 60 million agents, far beyond what fits into the memory that a table needs.
pub(crate) const MAX_PIECES: u32 = 64 * 1024;

/// The length of the whole piece that begins with `head`.
///
/// # Errors
/// [`SnapshotError::Piece`] for a length that no piece has.
pub(crate) fn piece_length(head: [u8; HEAD_BYTES]) -> Result<usize, SnapshotError> {
    let (number, length) = read_head(head);
    match usize::try_from(length) {
        Ok(length @ 1..=BODY_BYTES) => Ok(HEAD_BYTES + length + TAIL_BYTES),
        Ok(_) | Err(_) => Err(SnapshotError::Piece { number, reason: "no piece has its length" }),
    }
}

/// Makes the piece `number` of the snapshot whose first piece has the checksum `first`; with its own checksum.
pub(super) fn seal(number: u32, first: u32, body: &[u8]) -> (Vec<u8>, u32) {
    let length = u32::try_from(body.len()).expect("a body has at most BODY_BYTES");
    let mut piece = Vec::with_capacity(HEAD_BYTES + body.len() + TAIL_BYTES);
    piece.extend_from_slice(&number.to_be_bytes());
    piece.extend_from_slice(&length.to_be_bytes());
    piece.extend_from_slice(body);
    let checksum = checksum(first, &piece);
    piece.extend_from_slice(&checksum.to_be_bytes());
    (piece, checksum)
}

/// Any stream as pieces that fit their checksums.
pub(crate) fn sealed(stream: &[u8]) -> Vec<Vec<u8>> {
    let (mut pieces, mut first) = (Vec::new(), 0);
    for (number, body) in (0..).zip(stream.chunks(BODY_BYTES)) {
        let (piece, checksum) = seal(number, first, body);
        first = if number == 0 { checksum } else { first };
        pieces.push(piece);
    }
    pieces
}

/// The body and the checksum of a piece that must be `number` of the snapshot whose first piece has the checksum `first`.
pub(super) fn open(piece: &[u8], number: u32, first: u32) -> Result<(&[u8], u32), SnapshotError> {
    let damaged = |reason| SnapshotError::Piece { number, reason };
    let head = *piece.first_chunk().ok_or(damaged("it is cut short"))?;
    if piece_length(head)? != piece.len() {
        return Err(damaged("it has not the length that it states"));
    }
    if read_head(head).0 != number {
        return Err(damaged("another piece is in its place"));
    }
    let (sealed, stored) = piece.split_last_chunk::<TAIL_BYTES>().ok_or(damaged("it is cut short"))?;
    let checksum = checksum(first, sealed);
    if checksum != u32::from_be_bytes(*stored) {
        return Err(damaged("it does not fit its checksum"));
    }
    Ok((&sealed[HEAD_BYTES..], checksum))
}

fn read_head(head: [u8; HEAD_BYTES]) -> (u32, u32) {
    let [n0, n1, n2, n3, l0, l1, l2, l3] = head;
    (u32::from_be_bytes([n0, n1, n2, n3]), u32::from_be_bytes([l0, l1, l2, l3]))
}

fn checksum(first: u32, sealed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(first);
    hasher.update(sealed);
    hasher.finalize()
}
