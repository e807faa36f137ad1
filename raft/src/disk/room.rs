//! How much room there is on a store's file system, so that sled never meets a full one.
//!
//! sled 0.34 does not survive a full disk: when the write of a large value fails, its next flush and its closing hang for good
//! (tried with 8 MiB of tmpfs and 16 MiB of ext4; a failed write of its log alone gives an error and closes). So nothing is handed to it while
//! less than [`LEAST`] would stay free.

use std::fmt;
use std::io;
use std::path::Path;

/// Nothing is written while less than this is free beside twice the write itself. A batch of half a megabyte costs sled a segment of
/// 512 KiB or two, rewritten pages and, at an opening, a new snapshot of its page table (some megabytes at a million records); the same file
/// system holds the proxy's certificates, and often its log.
pub const LEAST: u64 = 32 << 20;
/// Once it was full, it is taken up again when this is free: twice as much, so that it does not swing.
pub(super) const ENOUGH: u64 = 2 * LEAST;
/// Files that must be left, on file systems that bound their number.
const LEAST_FILES: u64 = 64;

/// What is free for an ordinary user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) bytes: u64,
    /// `None` where files are not counted.
    pub(super) files: Option<u64>,
}

/// There is too little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLittle {
    free: Room,
    needed: u64,
}

impl Room {
    /// What is free where `path` is. One system call.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(Self { bytes: stat.f_bavail.saturating_mul(stat.f_frsize), files: (stat.f_files > 0).then_some(stat.f_favail) })
    }

    /// Whether `least` bytes, and files, are free.
    pub(super) fn has(self, least: u64) -> Result<(), TooLittle> {
        let enough = self.bytes >= least && self.files.is_none_or(|files| files >= LEAST_FILES);
        if enough { Ok(()) } else { Err(TooLittle { free: self, needed: least }) }
    }
}

impl fmt::Display for TooLittle {
    /// With what it takes to go on, whichever write was the first that had no room: whoever makes room is told one figure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes >> 20;
        match self.free.files {
            Some(files) if files < LEAST_FILES => write!(f, "no space left: {files} files can be made, {LEAST_FILES} are needed"),
            _ => write!(
                f,
                "no space left: {} MiB are free, {} MiB are needed",
                mib(self.free.bytes),
                mib(self.needed.max(ENOUGH).next_multiple_of(1 << 20))
            ),
        }
    }
}

/// Whether an error says that there is no room.
pub(super) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_is_said_with_figures() {
        let said = |bytes, files, least| Room { bytes, files }.has(least).err().map(|error| error.to_string());
        assert_eq!(said(LEAST, None, LEAST), None);
        assert_eq!(said(LEAST, Some(64), LEAST), None);
        assert_eq!(said(LEAST - 1, None, LEAST).as_deref(), Some("no space left: 31 MiB are free, 64 MiB are needed"));
        let more = ENOUGH + (3 << 20) + 1;
        assert_eq!(said(ENOUGH, None, more).as_deref(), Some("no space left: 64 MiB are free, 68 MiB are needed"));
        assert_eq!(said(1 << 40, Some(63), LEAST).as_deref(), Some("no space left: 63 files can be made, 64 are needed"));
        assert!(Room::at(Path::new("/")).expect("the root").bytes > 0);
    }

    #[test]
    fn the_systems_words_for_it() {
        for (number, full) in [(28, true), (122, true), (5, false), (30, false)] {
            assert_eq!(is_full(io::Error::from_raw_os_error(number).kind()), full, "{number}");
        }
    }
}
