//! Snapshots on the disk: bounded pieces, a description that makes them current, and a checksum.

use crate::disk::writer::{Durability, Writer};
use crate::disk::{Change, Disk, DiskError, Space};

use super::codec::{Decoder, Encoder, PIECE_BYTES, SnapshotError};
use super::image::{Description, Image};
use crate::store::records::{SNAPSHOT, damaged, get_meta, piece_key, piece_range, put_meta};
use crate::store::types::SnapshotMeta;

/// Pieces per batch: what waits behind it is an append at worst.
const PIECES_PER_BATCH: usize = 4;
/// The largest snapshot that is accepted from a peer.
pub(crate) const MAX_SNAPSHOT_BYTES: usize = 256 * 1024 * 1024;

/// Replaces the current snapshot: durable when this returns, and either the old or the new one whatever happens on the way.
pub(crate) async fn save(writer: &Writer, meta: SnapshotMeta, bytes: &[u8]) -> Result<(), DiskError> {
    replace(writer, meta, bytes, Vec::new()).await
}

/// Makes a snapshot of the state current, and in the same batch all of `also` true.
pub(crate) async fn save_with(writer: &Writer, image: &Image, also: Vec<Change>) -> Result<(), DiskError> {
    replace(writer, image.meta(), &encode(image), also).await
}

async fn replace(writer: &Writer, meta: SnapshotMeta, bytes: &[u8], also: Vec<Change>) -> Result<(), DiskError> {
    let current = writer.read(|disk| get_meta::<Description>(disk, SNAPSHOT)).await?;
    let generation = current.map_or(0, |current| current.generation + 1);
    // What an interrupted attempt may have left.
    let mut batch = vec![Change::Remove(Space::Snapshot, piece_range(generation, None))];
    let mut pieces = 0;
    for piece in bytes.chunks(PIECE_BYTES) {
        batch.push(Change::Put(Space::Snapshot, piece_key(generation, pieces), piece.to_vec()));
        pieces += 1;
        if batch.len() >= PIECES_PER_BATCH {
            writer.write(std::mem::take(&mut batch), Durability::Written).await?;
        }
    }
    let description = Description { meta, generation, pieces, checksum: crc32fast::hash(bytes) };
    batch.push(put_meta(SNAPSHOT, &description));
    batch.push(Change::Remove(Space::Snapshot, piece_range(0, Some(generation))));
    batch.extend(also);
    writer.write(batch, Durability::Flushed).await
}

/// Reads the current snapshot.
pub(crate) async fn load(writer: &Writer) -> Result<Option<(SnapshotMeta, Vec<u8>)>, DiskError> {
    writer.read(read).await
}

fn read(disk: &dyn Disk) -> Result<Option<(SnapshotMeta, Vec<u8>)>, DiskError> {
    let Some(description) = get_meta::<Description>(disk, SNAPSHOT)? else { return Ok(None) };
    let mut bytes = Vec::new();
    for piece in 0..description.pieces {
        let piece = disk.get(Space::Snapshot, &piece_key(description.generation, piece))?;
        bytes.extend(piece.ok_or_else(|| damaged(disk, "a piece of the snapshot is missing".to_owned()))?);
    }
    if crc32fast::hash(&bytes) != description.checksum {
        return Err(damaged(disk, "the snapshot does not fit its checksum".to_owned()));
    }
    Ok(Some((description.meta, bytes)))
}

/// The bytes of a snapshot.
pub(crate) fn encode(image: &Image) -> Vec<u8> {
    Encoder::new(image).flatten().collect()
}

/// Decodes a snapshot's bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Image, SnapshotError> {
    let mut decoder = Decoder::default();
    bytes.chunks(PIECE_BYTES).try_for_each(|piece| decoder.push(piece))?;
    decoder.finish()
}
