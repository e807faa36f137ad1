//! The same question without the rest of warren: its endpoints, settings and mutual TLS, and streams on a pool of connections beside a connection for each dial.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use quinn::{ClientConfig, Connection, Endpoint};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use warren::identity::policy::AdmitAll;
use warren::identity::tls::SERVER_NAME;
use warren::identity::{Authority, ClientTls, Credentials, CredentialsHandle, Identity, MachineKey, ServerTls};
use warren::net::Env;
use warren::net::quic::{self, Port, Profile};
use warren_raft::{ClusterId, ProxyId};

use crate::bench::Bench;
use crate::report::{Better, Chart, Report};
use crate::shared::Usage;

const CLUSTER: ClusterId = ClusterId([1; 16]);
const SECRET: [u8; 32] = [9; 32];
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Who dials at the same time.
const CLIENTS: usize = 16;
/// Bytes there and back.
const ECHO: usize = 64;
/// How long one dial may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How dials get their streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Each on one of so many connections that are there.
    Pool(usize),
    /// Each on a connection of its own.
    PerDial,
}

impl Way {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Pool(1), "QUIC, pool of 1"),
        (Self::Pool(2), "QUIC, pool of 2"),
        (Self::Pool(4), "QUIC, pool of 4"),
        (Self::Pool(8), "QUIC, pool of 8"),
        (Self::PerDial, "QUIC, a connection per dial"),
    ];
}

/// Two ends in this process.
struct Ends {
    client: Endpoint,
    config: ClientConfig,
    server: SocketAddr,
}

/// Measures.
pub(super) fn run(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut rate = Chart::new("pools-raw", "Dials over bare QUIC, 64 B there and back", "per second", Better::More);
    let mut cost = Chart::new("pools-raw-cpu", "Processor time of both ends for a dial over bare QUIC", "us", Better::Less);
    let window = bench.options.effort.pick(Duration::from_millis(200), Duration::from_millis(1_500));
    for _ in 0..bench.options.repeat {
        for (way, name) in Way::ALL {
            let (per_second, micros) = bench.runtime.block_on(dials(way, window)).with_context(|| name.to_owned())?;
            rate.add("16 clients", name, per_second);
            cost.add("16 clients", name, micros);
        }
    }
    [rate, cost].into_iter().try_for_each(|chart| report.chart(chart))
}

/// Dials per second, and the microseconds of processor time for each.
async fn dials(way: Way, window: Duration) -> anyhow::Result<(f64, f64)> {
    let (ends, mut tasks) = ends()?;
    let mut pool = Vec::new();
    if let Way::Pool(count) = way {
        for _ in 0..count {
            pool.push(ends.connect().await?);
        }
    }
    let (ends, pool) = (Arc::new(ends), Arc::new(pool));
    let (begun, cpu) = (Instant::now(), Usage::of(std::process::id())?.cpu);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (ends, pool) = (ends.clone(), pool.clone());
        clients.spawn(async move {
            let mut count = 0_usize;
            while begun.elapsed() < window || count == 0 {
                let own = if pool.is_empty() { Some(ends.connect().await?) } else { None };
                let connection = own.as_ref().unwrap_or_else(|| &pool[(client + count) % pool.len()]);
                timeout(PATIENCE, exchange(connection)).await.context("nothing came back in time")??;
                if let Some(own) = own {
                    own.close(0_u32.into(), b"done");
                }
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    while let Some(counted) = clients.join_next().await {
        count += counted??;
    }
    let (elapsed, cpu) = (begun.elapsed(), Usage::of(std::process::id())?.cpu - cpu);
    tasks.shutdown().await;
    Ok((count as f64 / elapsed.as_secs_f64(), cpu.as_secs_f64() * 1e6 / count as f64))
}

async fn exchange(connection: &Connection) -> anyhow::Result<()> {
    let (mut send, mut recv) = connection.open_bi().await?;
    send.write_all(&[7; ECHO]).await?;
    send.finish()?;
    let back = recv.read_to_end(ECHO).await?;
    ensure!(back == [7; ECHO], "other bytes came back than were sent");
    Ok(())
}

impl Ends {
    async fn connect(&self) -> anyhow::Result<Connection> {
        Ok(self.client.connect_with(self.config.clone(), self.server, SERVER_NAME)?.await?)
    }
}

fn ends() -> anyhow::Result<(Ends, JoinSet<()>)> {
    let env = Env::real();
    let authority = Authority::create(CLUSTER, "bench", &env)?;
    let (near, far) = (credentials(&env, &authority, 1)?, credentials(&env, &authority, 2)?);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let tls = ServerTls::peer_port(&far, Arc::new(AdmitAll), &env);
    let config = quic::server_config(tls, &env, &SECRET, Port::Peer.accepting(&env.quic));
    let server = quic::Endpoint::build(&env, any, &SECRET, Some(config))?;
    let client = quic::Endpoint::build(&env, any, &SECRET, None)?;
    let address = server.local_addr()?;
    let transport = Profile::PeerBulk.dialling(address, &env.quic);
    let config = quic::client_config(ClientTls::peer(&near, ProxyId(2), &env), &env, transport);
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(server));
    Ok((Ends { client, config, server: address }, tasks))
}

fn credentials(env: &Env, authority: &Authority, id: u64) -> anyhow::Result<CredentialsHandle> {
    let key = MachineKey::generate(&env.entropy);
    let issued = authority.issue(&key.csr(), &Identity::proxy(CLUSTER, ProxyId(id)), DAY, env)?;
    let credentials = Credentials::new(issued.certificate, authority.certificate_der().clone(), key)?;
    Ok(CredentialsHandle::new(credentials)?)
}

/// Gives back what comes on each stream of each connection.
async fn serve(endpoint: Endpoint) {
    let mut connections = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            let Ok(connection) = incoming.await else { return };
            connection.set_max_concurrent_bi_streams(8192_u32.into());
            let mut streams = JoinSet::new();
            while let Ok((mut send, mut recv)) = connection.accept_bi().await {
                while streams.try_join_next().is_some() {}
                streams.spawn(async move {
                    if let Ok(bytes) = recv.read_to_end(ECHO).await {
                        // Who has asked may have gone.
                        let _ = send.write_all(&bytes).await;
                        let _ = send.finish();
                    }
                });
            }
        });
    }
}
