//! QUIC endpoints and their settings: every number and every source of randomness that quinn would otherwise choose by itself.
//!
//! Read in this order: [`settings`] (what an operator sets), [`profile`] (what a connection is for, and what follows), [`window`] and [`paths`] (what a
//! stream may have unread), [`send_room`] (what a connection may have unacknowledged), [`priority`] (who goes first on a connection), [`endpoint`] (a socket with its
//! keys), [`config`] (TLS and settings put together).

mod cids;
pub mod config;
mod congestion;
pub mod endpoint;
pub mod paths;
pub mod priority;
pub mod profile;
pub mod send_room;
pub mod settings;
pub mod window;

pub use cids::is_marked_as_control;
pub use config::{Door, client_config, marked_config, server_config};
pub use endpoint::{Endpoint, VERSION, dialling_endpoint};
pub use paths::Paths;
pub use priority::Priority;
pub use profile::{Port, Profile, Side};
pub use send_room::{SendRoom, Sending};
pub use settings::{CongestionControl, Settings};
pub use window::StreamWindow;
