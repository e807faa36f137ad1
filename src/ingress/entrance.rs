//! What a way in leads to: a proxy's dialler, or the session of a client.

use std::net::SocketAddr;

use async_trait::async_trait;
use warren_raft::{ClientName, KeyHash, Serial};

use crate::failure::Failure;
use crate::net::Stream;
use crate::net::relay::Relayed;
use crate::target::Target;

/// Who has come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// From where, as far as that is known: behind a load balancer by what it says.
    pub from: SocketAddr,
    /// As whom.
    pub who: Who,
}

/// As whom somebody has come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// They have shown nothing.
    Anybody,
    /// A client, by the secret with this hash.
    Password(ClientName, KeyHash),
    /// A client, by its certificate: its key and the certificate's number.
    Certificate(ClientName, KeyHash, Serial),
}

/// Dials for whoever has come in.
#[async_trait]
pub trait Entrance: Send + Sync + 'static {
    /// Who answers, in `Proxy-Status`.
    fn name(&self) -> &str;

    /// Which client this secret belongs to.
    ///
    /// # Errors
    /// What whoever has shown it is told.
    async fn authenticate(&self, from: SocketAddr, name: &str, secret: &str) -> Result<Who, Failure>;

    /// Reaches `target` within the time that a dial may take.
    ///
    /// # Errors
    /// What whoever has asked is told.
    async fn dial(&self, target: Target, visitor: &Visitor) -> Result<Box<dyn Connected>, Failure>;
}

/// A target that has accepted.
#[async_trait]
pub trait Connected: Send {
    /// The dial's number in every hop's log.
    fn trace(&self) -> String;

    /// Carries the bytes of `stream` until both directions have ended; `None` if it was cut.
    async fn carry(self: Box<Self>, stream: Box<dyn Stream>) -> Option<Relayed>;

    /// Nobody is there any more to be carried.
    fn give_up(self: Box<Self>);
}
