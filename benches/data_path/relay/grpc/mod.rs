//! A tunnel as others build it on gRPC: a bidirectional stream per connection on one HTTP/2 connection over mutual TLS per pair of relays.
//!
//! The first message of a stream asks for the connection, the second one, against its direction, says that it stands (`ConnectionEstablished` in Teleport's RFD 69); what follows is data,
//! 16 KiB to a message. A relay in the middle hands the messages on as they are; no byte is copied by code of ours.

mod frame;
mod outgoing;
mod service;

use anyhow::Context;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Server, ServerTlsConfig};
use tonic::{Request, Status, Streaming};

use self::frame::{Frame, Frames};
use self::outgoing::Outgoing;
use self::service::{Next, Relay};
use super::authority::NAME;
use super::{Identity, Protocol, Role, Settings};

/// The method of a connection.
const METHOD: &str = "/bench.Relay/Connect";
/// Of [`Protocol::GrpcWide`]: what one stream may have under way, and all of a connection together.
const WIDE: (u32, u32) = (4 << 20, 16 << 20);
/// Of [`Protocol::GrpcWide`]: an HTTP/2 frame.
const WIDE_FRAME: u32 = 64 << 10;

impl Protocol {
    /// Bytes of data in a message.
    fn message(self) -> usize {
        if self == Self::GrpcWide { 32 << 10 } else { 16 << 10 }
    }
}

/// The other side of the next leg.
#[derive(Clone)]
struct Client(Channel);

impl Client {
    /// Connects.
    async fn new(settings: &Settings) -> anyhow::Result<Self> {
        let Identity { certificate, key, authority } = &settings.identity;
        let tls = ClientTlsConfig::new()
            .domain_name(NAME)
            .ca_certificate(Certificate::from_pem(authority))
            .identity(tonic::transport::Identity::from_pem(certificate, key));
        let mut endpoint = Endpoint::from_shared(format!("https://{}", settings.next))?.tls_config(tls)?.tcp_nodelay(true);
        if settings.protocol == Protocol::GrpcWide {
            endpoint = endpoint.initial_stream_window_size(WIDE.0).initial_connection_window_size(WIDE.1).max_frame_size(WIDE_FRAME);
        }
        Ok(Self(endpoint.connect().await.context("no connection to the next relay")?))
    }

    /// Opens a stream.
    async fn connect(&self, messages: impl tokio_stream::Stream<Item = Frame> + Send + 'static) -> Result<Streaming<Frame>, Status> {
        let mut grpc = tonic::client::Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let answer = grpc.streaming(Request::new(messages), PathAndQuery::from_static(METHOD), Frames).await?;
        Ok(answer.into_inner())
    }
}

/// Accepts clients, and opens a stream for each.
pub(super) async fn enter(listener: TcpListener, settings: &Settings) -> anyhow::Result<()> {
    let (client, tracker, message) = (Client::new(settings).await?, TaskTracker::new(), settings.protocol.message());
    loop {
        let (near, _) = listener.accept().await?;
        let client = client.clone();
        tracker.spawn(async move {
            // Both ends see how it ended.
            let _ = pump(near, &client, message).await;
        });
    }
}

async fn pump(near: TcpStream, client: &Client, message: usize) -> anyhow::Result<()> {
    near.set_nodelay(true)?;
    let (read, write) = near.into_split();
    let (established, stands) = oneshot::channel();
    let mut incoming = client.connect(Outgoing::new(Frame::Dial, read, message).after(stands)).await?;
    anyhow::ensure!(matches!(incoming.message().await?, Some(Frame::Established)), "data before the connection stands");
    // Whoever waits for it has gone only with the stream.
    let _ = established.send(());
    deliver(incoming, write).await
}

/// Writes what comes until it ends.
async fn deliver(mut incoming: Streaming<Frame>, mut write: OwnedWriteHalf) -> anyhow::Result<()> {
    while let Some(frame) = incoming.message().await? {
        if let Frame::Data(bytes) = frame {
            write.write_all(&bytes).await?;
        }
    }
    Ok(write.shutdown().await?)
}

/// Accepts streams of the relay before, and hands each on.
pub(super) async fn serve(listener: TcpListener, settings: &Settings) -> anyhow::Result<()> {
    let next = match settings.role {
        Role::Agent => Next::Target(settings.next, settings.protocol.message(), TaskTracker::new()),
        Role::Entry | Role::Proxy => Next::Relay(Client::new(settings).await?),
    };
    let Identity { certificate, key, authority } = &settings.identity;
    let tls = ServerTlsConfig::new()
        .identity(tonic::transport::Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(authority));
    let mut server = Server::builder().tls_config(tls)?;
    if settings.protocol == Protocol::GrpcWide {
        server = server.initial_stream_window_size(WIDE.0).initial_connection_window_size(WIDE.1).max_frame_size(WIDE_FRAME);
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(server.add_service(Relay { next }).serve_with_incoming(incoming).await?)
}
