//! How members reach each other: the store's only door to the network.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::ids::ProxyId;

/// Carries one request to a member and its answer back.
///
/// In production each call is one QUIC stream on the control connection to the peer; the bytes are the store's own and
/// mean nothing to the transport. The peer hands them to [`RoutingStore::handle`](crate::RoutingStore::handle).
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` to the member `target`, last known at `address` (`HOST:PORT`), and waits for its answer.
    ///
    /// # Errors
    /// [`TransportError`] when no answer came within `deadline`. The request may or may not have been processed.
    async fn call(&self, target: ProxyId, address: &str, request: Bytes, deadline: Duration) -> Result<Bytes, TransportError>;
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// There is no connection to the member and none could be made: the request was not sent.
    #[error("proxy {target} is unreachable: {reason}")]
    Unreachable {
        /// Who.
        target: ProxyId,
        /// Why, as a fragment.
        reason: String,
    },
    /// The request was sent, or may have been, and no whole answer came.
    #[error("no answer from proxy {target}: {reason}")]
    Lost {
        /// Who.
        target: ProxyId,
        /// Why, as a fragment.
        reason: String,
    },
    /// The deadline passed.
    #[error("no answer from proxy {target} within {:?}", crate::store::in_millis(*.deadline))]
    Deadline {
        /// Who.
        target: ProxyId,
        /// How long it was waited for.
        deadline: Duration,
    },
}
