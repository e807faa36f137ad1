//! Where routing stores are kept.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use warren_raft::{SledVolume, Tuning, Volume};

/// Gives a proxy the disk of its routing store.
pub trait Stores: Debug + Send + Sync + 'static {
    /// The disk in this directory. Nothing is looked at yet.
    fn volume(&self, dir: &Path) -> Arc<dyn Volume>;

    /// How the store on it is driven, and when it takes snapshots.
    fn tuning(&self) -> Tuning {
        Tuning::default()
    }
}

/// A sled database in each directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct SledStores;

impl Stores for SledStores {
    fn volume(&self, dir: &Path) -> Arc<dyn Volume> {
        Arc::new(SledVolume::new(dir))
    }
}
