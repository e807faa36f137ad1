//! Small HTTP/1.1: the admin socket for operators, the HTTP address for probes and browsers, and the client of the former.
//!
//! A handler sees whole, bounded [`Request`]s and gives [`Response`]s, whole or piece by piece; hyper stays in here. It must *never* let a peer hold
//! more than one of a bounded number of connections, more than 64 KiB of body, or a connection without end.

mod body;
mod client;
mod download;
mod idle;
mod message;
mod server;
mod socket;
#[cfg(test)]
mod tests;

pub use body::{Body, Poured};
pub use client::{AdminClient, ClientError};
pub use download::Download;
pub use message::{Caller, Request, Response};
pub use server::{Accept, Bounds, Handler, HttpServer};
pub use socket::AdminSocket;

pub use hyper::{Method, StatusCode};
