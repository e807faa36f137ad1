//! Handshakes: how many per second of one core, both ends of them together; in full, and resumed.
//!
//! warren resumes none. What it would gain is shown by a pair of endpoints with TLS of the benchmark's own, which is measured in turn with warren's.

mod resumable;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, timeout};
use warren::identity::policy::AdmitAll;
use warren::identity::tls::{Expected, SERVER_NAME};
use warren::identity::{Alpn, Authority, ClientTls, Credentials, CredentialsHandle, Identity, MachineKey, ServerTls};
use warren::net::Env;
use warren::net::quic::{Endpoint, Port, Profile, client_config, server_config};
use warren_raft::{ClusterId, ProxyId};

use crate::bench::Bench;
use crate::report::{Better, Chart, Report};
use crate::shared::complain;
use resumable::Resumable;

/// One that is not over by then fails the run.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the certificates are valid.
const DAY: Duration = Duration::from_secs(86_400);
const SECRET: [u8; 32] = [7; 32];
/// The one case.
const CASE: &str = "both ends";
const WARREN: &str = "warren, full";
const FULL: &str = "the benchmark's TLS, full";
const RESUMED: &str = "the benchmark's TLS, resumed";

/// A server and who dials it.
struct Ends {
    server: quinn::Endpoint,
    client: quinn::Endpoint,
    config: quinn::ClientConfig,
}

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let batch = bench.options.effort.pick(20, 400);
    // One thread does both ends, so that its clock tells what they take.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rate = Chart::new(
        "handshakes",
        "Handshakes with certificates of both sides, and a byte there and back",
        "per core and second",
        Better::More,
    );
    runtime.block_on(async {
        let env = Env::real();
        let ours = ours(&env)?;
        let resumable = Resumable::new()?;
        let full = resumable.ends(&env, resumable::Kind::Full)?;
        let resumed = resumable.ends(&env, resumable::Kind::Resumed)?;
        // The first of those that are resumed brings the ticket.
        ours.shake(1).await?;
        resumed.shake(1).await?;
        for repetition in 0..bench.options.repeat {
            complain(&format!("  {}", repetition + 1));
            rate.add(CASE, WARREN, ours.shake(batch).await?);
            for (ends, name, judged) in [(&full, FULL, batch), (&resumed, RESUMED, 0)] {
                let before = resumable.judged();
                rate.add(CASE, name, ends.shake(batch).await.context(name)?);
                let found = resumable.judged() - before;
                ensure!(found == judged, "{name}: {found} certificates of clients were judged in {batch} handshakes");
            }
        }
        anyhow::Ok(())
    })?;
    let gain = rate.ratio(CASE, (RESUMED, FULL)).median();
    report.remark(format!("Resumption would make {gain:.2} x as many handshakes of the same processor time."));
    report.chart(rate)
}

impl Ends {
    /// So many handshakes one after another: how many a core can do in a second.
    async fn shake(&self, times: u64) -> anyhow::Result<f64> {
        let (begun, before) = (Instant::now(), spent());
        for _ in 0..times {
            timeout(PATIENCE, self.once()).await.with_context(|| format!("a handshake took longer than {PATIENCE:?}"))??;
        }
        let taken = spent() - before;
        ensure!(taken <= begun.elapsed() + Duration::from_millis(50), "a thread cannot work for longer than it was there");
        Ok(times as f64 / taken.as_secs_f64())
    }

    /// A handshake, and a byte there and back: a ticket comes with it.
    async fn once(&self) -> anyhow::Result<()> {
        let connecting = self.client.connect_with(self.config.clone(), self.server.local_addr()?, SERVER_NAME)?;
        let accepting = async { anyhow::Ok(self.server.accept().await.context("it is closed")?.await?) };
        let connecting = async { anyhow::Ok(connecting.await?) };
        let (near, far) = tokio::try_join!(connecting, accepting)?;
        let asked = async {
            let (mut send, mut recv) = near.open_bi().await?;
            send.write_all(b"?").await?;
            send.finish()?;
            anyhow::Ok(recv.read_to_end(1).await?)
        };
        let answered = async {
            let (mut send, mut recv) = far.accept_bi().await?;
            let asked = recv.read_to_end(1).await?;
            send.write_all(&asked).await?;
            anyhow::Ok(send.finish()?)
        };
        let (echo, ()) = tokio::try_join!(asked, answered)?;
        ensure!(echo == b"?", "other bytes came back than were sent");
        near.close(0_u32.into(), b"");
        far.closed().await;
        Ok(())
    }
}

/// The time that this thread has been on a processor.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// An agent and the public port, as they are in production but for the table.
fn ours(env: &Env) -> anyhow::Result<Ends> {
    let cluster = ClusterId([1; 16]);
    let authority = Authority::create(cluster, "bench", env)?;
    let credentials = |identity: Identity| {
        let key = MachineKey::generate(&env.entropy);
        let issued = authority.issue(&key.csr(), &identity, DAY, env)?;
        let credentials = Credentials::new(issued.certificate, authority.certificate_der().clone(), key)?;
        anyhow::Ok(CredentialsHandle::new(credentials)?)
    };
    let (proxy, agent) = (credentials(Identity::proxy(cluster, ProxyId(1)))?, credentials(Identity::agent(cluster, &"bench".parse()?))?);
    let port = ServerTls::public_port(&proxy, Arc::new(AdmitAll), env);
    let tls = ClientTls::proxy(&agent, Alpn::Agent, Expected::AnyProxy, env);
    ends(env, port, tls)
}

/// Two endpoints with this TLS, and otherwise as a tunnel's.
fn ends(
    env: &Env,
    server: impl Into<Arc<dyn quinn::crypto::ServerConfig>>,
    client: impl Into<Arc<dyn quinn::crypto::ClientConfig>>,
) -> anyhow::Result<Ends> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = server_config(server, env, &SECRET, Port::Public.accepting(&env.quic));
    let server = Endpoint::build(env, any, &SECRET, Some(config))?;
    let transport = Profile::Tunnel.dialling(server.local_addr()?, &env.quic);
    Ok(Ends { server, client: Endpoint::build(env, any, &SECRET, None)?, config: client_config(client, env, transport) })
}
