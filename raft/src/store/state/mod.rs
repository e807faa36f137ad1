//! The applied state: the table in memory, and its snapshots on the disk.

pub(crate) mod codec;
mod image;
mod known_level;
mod machine;
mod published;
pub(crate) mod snapshots;

pub use codec::SnapshotError;
#[cfg(test)]
pub(crate) use image::Description;
pub(crate) use image::Image;
pub(crate) use known_level::KnownLevel;
pub(crate) use machine::StateMachine;
pub(crate) use published::Published;
pub(crate) use snapshots::MAX_SNAPSHOT_BYTES;
