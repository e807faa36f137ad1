//! The applied state: the table in memory, and its snapshots on the disk.

mod builder;
pub(crate) mod codec;
mod draft;
mod image;
mod known_level;
mod let_go;
mod machine;
mod published;
mod shelf;
mod snapshot_data;
mod stored;

pub use codec::SnapshotError;
pub(crate) use draft::{Draft, name as snapshot_name};
pub(crate) use image::Image;
pub(crate) use known_level::KnownLevel;
#[cfg(test)]
pub(crate) use let_go::STEP;
pub(crate) use let_go::let_go;
pub(crate) use machine::StateMachine;
pub(crate) use published::Published;
pub(crate) use shelf::Shelf;
pub(crate) use snapshot_data::SnapshotData;
pub(crate) use stored::Stored;
