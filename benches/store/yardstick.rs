//! What the disk does by itself: a small write and `fdatasync`, again and again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::Instant;

/// About the size of a small log entry on disk.
const BYTES: [u8; 512] = [7; 512];
/// A file of whose bytes each was written once: as large as a segment of sled's log.
const WHOLE: u64 = 512 * 1024;

/// Flushes per second, on the file system of `directory`.
pub(crate) struct Flushes {
    /// Of bytes within a file, as in sled's log but for its first round: the file's metadata stay.
    pub(crate) within: f64,
    /// Of bytes at the end of a file, which grows.
    pub(crate) appended: f64,
}

/// Measures both, half of the turn each.
pub(crate) fn flushes_per_second(directory: &Path, turn: Duration) -> anyhow::Result<Flushes> {
    let file = File::create(directory.join("yardstick"))?;
    file.write_all_at(&vec![0; usize::try_from(WHOLE)?], 0)?;
    file.sync_all()?;
    let within = rate(turn / 2, |count| write(&file, count * BYTES.len() as u64 % WHOLE))?;
    let appended = rate(turn / 2, |count| write(&file, WHOLE + count * BYTES.len() as u64))?;
    Ok(Flushes { within, appended })
}

fn write(file: &File, at: u64) -> io::Result<()> {
    file.write_all_at(&BYTES, at)?;
    file.sync_data()
}

fn rate(turn: Duration, work: impl Fn(u64) -> io::Result<()>) -> anyhow::Result<f64> {
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < turn {
        work(count)?;
        count += 1;
    }
    ensure!(count > 0, "the disk has flushed nothing");
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}
