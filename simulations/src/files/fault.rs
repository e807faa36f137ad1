//! How the files of a machine can fail.

use std::io;
use std::path::{Path, PathBuf};

/// An error of the device, as Linux numbers it.
pub(super) const EIO: i32 = 5;
/// No room.
const ENOSPC: i32 = 28;

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// For one call.
    Once,
    /// Until [`SimFiles::mend`](super::SimFiles::mend).
    UntilMended,
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// The device: whatever is read or written (EIO).
    Device,
    /// Room: whatever is written (ENOSPC).
    Full,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It looks.
    Reading,
    /// It changes something.
    Writing,
}

impl FileFault {
    /// What the system says of a call that it hits.
    fn error(self, doing: Doing) -> Option<io::Error> {
        match (self, doing) {
            (Self::Device, _) => Some(io::Error::from_raw_os_error(EIO)),
            (Self::Full, Doing::Writing) => Some(io::Error::from_raw_os_error(ENOSPC)),
            (Self::Full, Doing::Reading) => None,
        }
    }
}

/// The faults that are there.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(FileFault, Lasting, PathBuf)>);

impl Faults {
    /// Calls for what is at `below`, or in it, fail.
    pub(super) fn add(&mut self, fault: FileFault, lasting: Lasting, below: &Path) {
        self.0.push((fault, lasting, below.to_owned()));
    }

    /// There are none any more.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What a call for `path` fails with, if it does.
    pub(super) fn hit(&mut self, path: &Path, doing: Doing) -> Option<io::Error> {
        let hit = self.0.iter().position(|(fault, _, below)| path.starts_with(below) && fault.error(doing).is_some())?;
        let (fault, lasting, _) = &self.0[hit];
        let error = fault.error(doing);
        if *lasting == Lasting::Once {
            self.0.remove(hit);
        }
        error
    }
}
