//! Makes a store's files be read from the disk and not from the page cache.
//!
//! After a failed `fsync` Linux marks the pages that were not written as clean: reads go on to show them as if they were on the disk, and
//! the next `fsync` finds nothing to do (PostgreSQL's affair of 2018). An opening that trusted the cache would build on what a loss of power takes
//! away. So each opening first writes out what can be written, and then has the kernel forget the rest. It costs reading the store from
//! the disk once.

use std::fs::File;
use std::io;
use std::path::Path;

/// Syncs every file in `directory` and below, and drops its cached pages.
pub(super) fn forget_cached(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            forget_cached(&entry.path())?;
        } else if kind.is_file() {
            let file = File::open(entry.path())?;
            file.sync_data()?;
            forget(&file)?;
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn forget(file: &File) -> io::Result<()> {
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn forget(_: &File) -> io::Result<()> {
    Ok(())
}
