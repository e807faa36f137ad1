//! The disk under the store: ordered keys, atomic batches, and a flush that reaches the platter.
/// To be filled.
pub trait Disk: Send + Sync + 'static {}
