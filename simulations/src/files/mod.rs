//! A machine's small files: in memory, outside of its host, so that they survive the host's crash.
//!
//! [`SimFiles`] is given to the production's code in the place of a file system, and keeps what [`StateFiles`](warren::net::StateFiles) promises and no more: what replaces a file
//! is there once the call has returned, and a crash within the call leaves the old file or the new one, as is drawn. It fails as a file system does: full, or with an error
//! of the device, for all files or for some. The errors of wrong use are those of the real one; a test holds both to that.

mod counts;
mod fault;
mod sim_files;
#[cfg(test)]
mod tests;
mod tree;

pub use counts::FileCounts;
pub use fault::{FileFault, Lasting};
pub use sim_files::SimFiles;
