//! Where routing stores are kept.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use warren_raft::{SledVolume, Tuning, Volume};

/// Gives a proxy the disk of its routing store.
pub trait Stores: Debug + Send + Sync + 'static {
    /// The disk in this directory. Nothing is looked at yet.
    fn volume(&self, dir: &Path) -> Arc<dyn Volume>;

    /// Moves the store that is in `dir`, if there is one, to `aside`, and tells whether there was. It is not open.
    ///
    /// # Errors
    /// Whatever the system says: the store is in one place or the other.
    fn set_aside(&self, dir: &Path, aside: &Path) -> io::Result<SetAside>;

    /// How the store on it is driven, and when it takes snapshots.
    fn tuning(&self) -> Tuning {
        Tuning::default()
    }
}

/// What came of setting a store aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetAside {
    /// It was moved.
    Moved,
    /// There was none.
    Absent,
}

/// A sled database in each directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct SledStores;

impl Stores for SledStores {
    fn volume(&self, dir: &Path) -> Arc<dyn Volume> {
        Arc::new(SledVolume::new(dir))
    }

    fn set_aside(&self, dir: &Path, aside: &Path) -> io::Result<SetAside> {
        match std::fs::rename(dir, aside) {
            Ok(()) => Ok(SetAside::Moved),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(SetAside::Absent),
            Err(error) => Err(error),
        }
    }
}
