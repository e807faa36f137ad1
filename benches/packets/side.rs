//! One way to send, measured.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use quinn::{AckFrequencyConfig, MtuDiscoveryConfig, TransportConfig, VarInt};
use rustls::RootCertStore;
use tokio::time::Instant;
use warren::net::Env;
use warren::net::quic::{Endpoint, Settings};

use super::socket::{Counts, Wrapped};

/// What is written at a time.
const PIECE: usize = 256 << 10;
const NAME: &str = "localhost";
/// Before it is measured, the packets grow to their size.
const WARM_UP: usize = 16 << 20;
/// Longer than any transfer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether small sends become large ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    /// Ten packets at most, as quinn gives them.
    AsMade,
    /// As many as the kernel takes.
    Gathered,
}

/// What is measured.
pub(crate) struct Side {
    pub(crate) payload: u16,
    pub(crate) sends: Sends,
    /// After how many packets an acknowledgement is asked for; `None` leaves it to RFC 9000.
    pub(crate) acknowledge_after: Option<u32>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Gigabytes per processor second, both ends together.
    pub(crate) per_cpu: f64,
    /// Gigabytes per second.
    pub(crate) wall: f64,
    pub(crate) mtu: f64,
    pub(crate) lost: f64,
    /// Packets that the kernel handed over as one.
    pub(crate) per_message: f64,
    /// Packets in a call that received any.
    pub(crate) per_receive: f64,
}

impl Side {
    /// One connection that sends so many bytes.
    pub(crate) async fn measure(&self, bytes: usize) -> anyhow::Result<Figure> {
        let counts = Arc::new(Counts::default());
        let mut env = Env::real_with(Settings { max_udp_payload: self.payload, ..Settings::default() });
        env.net = Arc::new(Wrapped { inner: env.net.clone(), sends: self.sends, counts: counts.clone() });
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let certificate = made.cert.der().clone();
        let mut server = quinn::ServerConfig::with_single_cert(
            vec![certificate.clone()],
            made.signing_key.serialize_der().try_into().map_err(anyhow::Error::msg)?,
        )?;
        server.transport_config(self.transport());
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let mut client = quinn::ClientConfig::with_root_certificates(Arc::new(roots))?;
        client.transport_config(self.transport());
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let far = Endpoint::build(&env, any, &[1; 32], Some(server))?;
        let near = Endpoint::build(&env, any, &[2; 32], None)?;
        let connecting = near.connect_with(client, far.local_addr()?, NAME)?;
        let (connection, incoming) =
            tokio::join!(connecting, async { far.accept().await.context("no connection")?.await.map_err(anyhow::Error::from) });
        let (connection, incoming) = (connection?, incoming?);
        transfer(&connection, &incoming, WARM_UP).await?;
        let (before, lost) = (cpu()?, connection.stats().path.lost_packets);
        counts.forget();
        let begun = Instant::now();
        transfer(&connection, &incoming, bytes).await?;
        let (took, used) = (begun.elapsed(), cpu()?.saturating_sub(before));
        let path = connection.stats().path;
        ensure!(!used.is_zero(), "{self} took no time");
        let figure = Figure {
            per_cpu: bytes as f64 / used.as_secs_f64() / 1e9,
            wall: bytes as f64 / took.as_secs_f64() / 1e9,
            mtu: path.current_mtu.into(),
            lost: (path.lost_packets - lost) as f64,
            per_message: counts.per_message(),
            per_receive: counts.per_receive(),
        };
        connection.close(VarInt::from_u32(0), b"");
        near.close(VarInt::from_u32(0), b"");
        far.close(VarInt::from_u32(0), b"");
        Ok(figure)
    }

    fn transport(&self) -> Arc<TransportConfig> {
        let mut discovery = MtuDiscoveryConfig::default();
        discovery.upper_bound(self.payload);
        let mut config = TransportConfig::default();
        config
            .stream_receive_window(VarInt::from_u32(4 << 20))
            .send_window(64 << 20)
            .mtu_discovery_config(Some(discovery))
            .ack_frequency_config(self.acknowledge_after.map(|after| {
                let mut frequency = AckFrequencyConfig::default();
                frequency.ack_eliciting_threshold(VarInt::from_u32(after));
                frequency
            }));
        Arc::new(config)
    }
}

/// Moves so many bytes, all of which have arrived in the end.
async fn transfer(near: &quinn::Connection, far: &quinn::Connection, bytes: usize) -> anyhow::Result<()> {
    let piece = vec![7; PIECE];
    let send = async {
        let mut stream = near.open_uni().await?;
        for _ in 0..bytes / PIECE {
            stream.write_all(&piece).await?;
        }
        stream.finish()?;
        anyhow::Ok(())
    };
    let (sent, received) = tokio::time::timeout(PATIENCE, async { tokio::join!(send, received(far)) }).await?;
    sent?;
    ensure!(received? == bytes, "not all has arrived");
    Ok(())
}

async fn received(connection: &quinn::Connection) -> anyhow::Result<usize> {
    let (mut stream, mut bytes) = (connection.accept_uni().await?, 0);
    let mut chunks = vec![Bytes::new(); 32];
    while let Some(filled) = stream.read_chunks(&mut chunks).await? {
        bytes += chunks[..filled].iter().map(Bytes::len).sum::<usize>();
    }
    Ok(bytes)
}

/// What this process has used of its processors, to the nanosecond where the kernel tells it.
fn cpu() -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += stat.split(' ').next().context("no figure in schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sends = match self.sends {
            Sends::AsMade => "as made",
            Sends::Gathered => "gathered",
        };
        write!(f, "{} B, {sends}", self.payload)?;
        self.acknowledge_after.map_or(Ok(()), |after| write!(f, ", acknowledged after {after}"))
    }
}
