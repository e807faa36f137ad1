//! The seam to the outside: sockets, names, wall time, randomness and disks, so that the production code runs inside a simulation.
//!
//! Nothing else in warren opens a socket, reads the wall clock or asks the system for randomness; `.clippy.toml` holds the code to
//! it. Monotonic time is tokio's own clock, which a simulation can move. This module never knows what travels through a
//! socket.
//!
//! Read in this order: [`Env`] (what a subsystem is given), [`sockets`] (the traits), [`real`] (the operating system behind
//! them), [`wall`], [`entropy`], [`stores`], [`quic`], then what every wait and every stream uses: [`budget`], [`backoff`], [`drained`],
//! [`relay`], [`stalled`].

pub mod backoff;
pub mod budget;
pub mod drained;
pub mod entropy;
pub mod env;
pub mod files;
mod local;
mod process;
pub mod quic;
pub mod real;
pub mod relay;
mod route;
mod shown;
pub mod sockets;
pub mod stalled;
pub mod stores;
pub mod udp;
pub mod wall;

pub use backoff::Backoff;
pub use budget::{Budget, Elapsed};
pub use drained::Drained;
pub use entropy::Entropy;
pub use env::{Env, Threading};
pub use files::{Access, DirLock, FileError, LockError, StateFiles};
pub use local::LocalError;
pub use process::ProcessUsage;
pub use quic::dialling_endpoint;
pub use shown::shown;
pub use sockets::{Listener, LocalListener, LocalPeer, Net, Stream};
pub use stores::{SetAside, Stores};
pub use wall::{Wall, time_provider, time_source};
