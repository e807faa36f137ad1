//! Makes a connection to a peer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use warren_raft::ProxyId;

use super::PeerConnection;
use super::lane::Lane;
use super::link::Link;
use super::load::Load;

use crate::failure::Printable;
use crate::identity::tls::{Refused, SERVER_NAME, refused};
use crate::identity::{ClientTls, CredentialsHandle};
use crate::net::quic::{self, Profile, SendRoom};
use crate::net::{Budget, Elapsed, Env};
use crate::wire::close::Close;
use crate::wire::{Heard, Hello, LinkKind, Party, PeerHello, TooOld, frame};

/// How long one try may take, with its handshake and hello.
const TRY: Duration = Duration::from_secs(3);

/// Everything a try needs.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) me: ProxyId,
    pub(super) env: Env,
    pub(super) endpoint: quinn::Endpoint,
    pub(super) credentials: CredentialsHandle,
    /// Where made connections go to be served.
    pub(super) made: mpsc::Sender<PeerConnection>,
    /// Rings when the peer refuses this proxy as one that was removed.
    pub(super) refused_as_removed: Arc<Notify>,
}

/// Why a peer was not reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("its address `{address}` does not resolve: {error}")]
    Resolve { address: String, error: std::io::Error },
    #[error("its address `{0}` stands for nothing")]
    NoAddress(String),
    #[error("the dial failed: {0}")]
    Connect(#[from] quinn::ConnectError),
    #[error("the handshake failed: {0}")]
    Handshake(#[from] quinn::ConnectionError),
    #[error("it refuses this proxy: {0}")]
    Refused(Refused),
    #[error("it does not talk to this proxy: {}", Printable(.0))]
    OtherVersion(String),
    #[error(transparent)]
    TooOld(#[from] TooOld),
    #[error("its hello failed: {0}")]
    Hello(#[from] frame::FrameError),
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    #[error("this proxy is stopping")]
    Stopping,
}

impl DialError {
    /// Whether another machine of this cluster answered than the one that was meant.
    pub(super) fn is_by_another(&self) -> bool {
        matches!(self, Self::Handshake(error @ quinn::ConnectionError::TransportError(_)) if refused(error) == Some(Refused::OtherIdentity))
    }
}

impl Dialer {
    /// Dials the peer of `link`, on every address its name stands for until one answers, and hands the connection in.
    pub(super) async fn dial(&self, link: &Link, lane: Lane) -> Result<(), DialError> {
        let address = link.address();
        let found = self.env.net.resolve(&address).await.map_err(|error| DialError::Resolve { address: address.clone(), error })?;
        let mut last = DialError::NoAddress(address);
        for address in found {
            match Budget::new(TRY).run(self.try_one(link, lane, address)).await.map_err(DialError::from).flatten() {
                Ok(connection) => return self.hand_in(link, lane, connection).await,
                Err(error) => {
                    if matches!(error, DialError::Refused(Refused::Revoked)) {
                        self.refused_as_removed.notify_one();
                    }
                    last = error;
                }
            }
        }
        Err(last)
    }

    async fn try_one(&self, link: &Link, lane: Lane, address: std::net::SocketAddr) -> Result<quinn::Connection, DialError> {
        let tls = ClientTls::peer(&self.credentials, link.peer, &self.env);
        let profile = match lane.kind() {
            LinkKind::Control => Profile::PeerControl,
            LinkKind::Bulk => Profile::PeerBulk,
        };
        let transport = profile.dialling_with(self.env.paths.grant(address), address, &self.env.quic_towards(address));
        let config = quic::marked_config(tls, &self.env, transport, profile);
        let connection = self.endpoint.connect_with(config, address, SERVER_NAME)?.await?;
        self.env.paths.met(&connection);
        match greet(&connection, lane).await {
            Ok(()) => Ok(connection),
            // The peer judges this proxy's certificate after the handshake is complete here: then the hello is what breaks off.
            Err(error) => Err(connection.close_reason().as_ref().and_then(why).unwrap_or(error)),
        }
    }

    async fn hand_in(&self, link: &Link, lane: Lane, connection: quinn::Connection) -> Result<(), DialError> {
        let load = Load::over(SendRoom::new(&connection, &self.env.paths));
        let made = PeerConnection { peer: link.peer, lane, connection, load };
        // Before it is used: whoever waits for a connection gives this try up as soon as there is one, and nobody would serve it.
        let place = self.made.reserve().await.map_err(|_| DialError::Stopping)?;
        link.put(&made, self.me);
        if lane == Lane::Control {
            tracing::info!(peer = %link.peer, %lane, "peer connected");
        } else {
            tracing::debug!(peer = %link.peer, %lane, "peer connected");
        }
        place.send(made);
        Ok(())
    }
}

/// What the peer says by closing the connection, if that is more than that it is gone.
fn why(closed: &quinn::ConnectionError) -> Option<DialError> {
    if let quinn::ConnectionError::ApplicationClosed(closed) = closed
        && closed.error_code == Close::VERSION.code()
    {
        return Some(DialError::OtherVersion(String::from_utf8_lossy(&closed.reason).into_owned()));
    }
    refused(closed).map(DialError::Refused)
}

async fn greet(connection: &quinn::Connection, lane: Lane) -> Result<(), DialError> {
    let (mut send, mut recv) = connection.open_bi().await?;
    let hello = PeerHello { hello: Hello::ours(), kind: Heard::Known(lane.kind()), lane: lane.number() };
    frame::write(&mut send, &hello, frame::MAX_MESSAGE).await?;
    let PeerHello { hello, .. } = frame::read(&mut recv, frame::MAX_MESSAGE).await?;
    let agreed = hello.agree(Party::Proxy).inspect_err(|error| Close::VERSION.close_because(connection, error))?;
    tracing::debug!(version = agreed.version, features = agreed.features, software = hello.software(), "hello");
    Ok(())
}
