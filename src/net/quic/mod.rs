//! QUIC endpoints and their settings: every number and every source of randomness that quinn would otherwise choose by itself.
//!
//! Read in this order: [`settings`] (what an operator sets), [`profile`] (what a connection is for, and what follows), [`endpoint`] (a socket with its keys),
//! [`config`] (TLS and settings put together).

mod cids;
pub mod config;
mod congestion;
pub mod endpoint;
pub mod profile;
pub mod settings;

pub use config::{client_config, server_config};
pub use endpoint::{Endpoint, dialling_endpoint};
pub use profile::{Port, Profile, Side, send_window};
pub use settings::{CongestionControl, Settings};
