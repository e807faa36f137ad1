//! Addresses by which a machine tried to enter a cluster in vain, and what that means for whoever asked.

use std::fmt::Display;

use quinn::ConnectionError;

use super::tls::refused;
use crate::failure::{Code, Failure, Stage};

/// An address that led nowhere.
#[derive(Debug)]
pub(crate) struct Closed {
    reason: String,
    /// Whether somebody was there who is not of the cluster, or did not want this machine.
    is_refusal: bool,
}

impl Closed {
    /// Nobody answered at `address`.
    pub(crate) fn silent(address: &str, reason: impl Display) -> Self {
        Self { reason: format!("`{address}`: {reason}"), is_refusal: false }
    }

    /// Whether trying again would be no use.
    pub(crate) fn is_refusal(&self) -> bool {
        self.is_refusal
    }

    /// The handshake at `address` failed.
    pub(crate) fn by(address: &str, error: &ConnectionError) -> Self {
        match refused(error) {
            Some(refused) => Self { reason: format!("`{address}`: {refused}"), is_refusal: true },
            None => Self::silent(address, error),
        }
    }
}

/// What to tell whoever asked, with a cause for each address: `denied` where each is of another cluster, else `peer_unreachable`: one that is silent may be back.
pub(crate) fn failure(closed: impl IntoIterator<Item = Closed>, unreachable: &str, denied: &str) -> Failure {
    let closed: Vec<_> = closed.into_iter().collect();
    let failure = if !closed.is_empty() && closed.iter().all(|closed| closed.is_refusal) {
        Failure::new(Code::Denied, Stage::Local, denied).with_hint(
            "check that the address is of the cluster that this machine belongs to; if the cluster has replaced its authority while this machine was away, enrol it again with a new token (`warren enroll`)",
        )
    } else {
        Failure::new(Code::PeerUnreachable, Stage::Local, unreachable)
            .with_hint("check the address, that its port is the one for agents and clients (3024 by default), and that UDP gets through")
    };
    closed.into_iter().fold(failure, |failure, closed| failure.with_cause(closed.reason))
}
