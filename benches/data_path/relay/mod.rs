//! The hops of the sides that are not warren's: this program as a process of its own that accepts one leg and dials the next.

mod authority;
mod grpc;
mod tcp;

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};

pub(crate) use authority::{Authority, Identity};

use super::shared::say;

/// Connections that wait to be accepted: 1,000 come at once.
const BACKLOG: u32 = 4_096;

/// What is spoken between two relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protocol {
    /// A TCP connection per connection.
    Tcp,
    /// A stream per connection, on one HTTP/2 connection, with tonic's windows.
    Grpc,
    /// The same with larger windows and frames.
    GrpcWide,
}

/// Where a relay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Where clients connect by TCP.
    Entry,
    /// Between two others.
    Proxy,
    /// What connects to the target by TCP.
    Agent,
}

/// What a relay begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// What it speaks.
    pub(crate) protocol: Protocol,
    /// Where it stands.
    pub(crate) role: Role,
    /// The address on which it listens.
    pub(crate) host: Ipv4Addr,
    /// Where it dials.
    pub(crate) next: SocketAddr,
    /// Who it is, where that is asked.
    pub(crate) identity: Identity,
}

/// What a relay says when it is ready.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// Relays until standard input ends.
pub(crate) fn run(settings: &str) -> anyhow::Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    // As many threads as there are cores, as `warren` has.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let listener = listen(settings.host)?;
        say(Ok(Ready { address: listener.local_addr()? }))?;
        tokio::select! {
            served = serve(listener, settings) => served,
            _ = wait_for_end() => Ok(()),
        }
    });
    // Connections that still run are cut: nobody waits for them.
    runtime.shutdown_background();
    outcome
}

async fn serve(listener: TcpListener, settings: Settings) -> anyhow::Result<()> {
    match (settings.protocol, settings.role) {
        (Protocol::Tcp, _) => tcp::relay(listener, settings.next).await,
        (Protocol::Grpc | Protocol::GrpcWide, Role::Entry) => grpc::enter(listener, &settings).await,
        (Protocol::Grpc | Protocol::GrpcWide, Role::Proxy | Role::Agent) => grpc::serve(listener, &settings).await,
    }
}

fn listen(host: Ipv4Addr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((host, 0).into())?;
    socket.listen(BACKLOG)
}

async fn wait_for_end() {
    let mut orders = Vec::new();
    // An error is an end too.
    let _ = tokio::io::stdin().read_to_end(&mut orders).await;
}
