//! The program of a machine with a proxy: what `warren proxy` does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use warren::limits::Limits;
use warren::net::Env;
use warren::proxy::{Joining, Proxy, RaftSettings, Reloads, RunningProxy};
use warren_raft::{Strategy, StrategyKind};

use super::stage::{Member, Stage};
use super::{Order, operator, reader};
use crate::network::HostId;
use crate::plan::{Seats, Settings, Topology};
use crate::world::{Exit, Life, Program};

/// The peer port.
const PEER: u16 = 3021;
/// The public port.
pub(super) const PUBLIC: u16 = 3024;

/// The program of a proxy's machine.
pub fn proxy(stage: Stage, host: HostId, topology: Topology, settings: Settings) -> Program<Order> {
    let (topology, settings) = (Arc::new(topology), Arc::new(settings));
    Arc::new(move |life| {
        let (stage, topology, settings) = (stage.clone(), topology.clone(), settings.clone());
        Box::pin(async move { run(life, stage, host, (&topology, &settings)).await })
    })
}

async fn run(life: Life<Order>, stage: Stage, host: HostId, (topology, settings): (&Topology, &Settings)) -> Exit {
    let Life { env, mut orders, .. } = life;
    let proxy = match wanted(&stage, host, &env, (topology, settings)) {
        Ok(proxy) => proxy,
        Err(error) => return Exit::Failed(error.to_string()),
    };
    let admin = proxy.admin_socket.clone();
    let tasks = TaskTracker::new();
    let started = tokio::select! {
        biased;
        started = proxy.start(env.clone()) => started,
        () = told_to_stop(&mut orders) => return Exit::Done,
    };
    let running = match started {
        Ok(running) => running,
        Err(error) => return Exit::Failed(error.to_string()),
    };
    stage.trace().event(format_args!("{} runs as proxy {}", host.0, running.id()));
    if stage.secrets().proxy.is_none() {
        // The first of all: the others wait for its tokens.
        running.ready().await;
        operator::tokens(&stage, &env, &admin).await;
    }
    stage.member_runs(host, Member { id: running.id(), store: running.store().clone() });
    tasks.spawn(reader::read(stage.clone(), host, running.store().clone()));
    let exit = serve(running, &mut orders, |operation| {
        tasks.spawn(operator::operate(stage.clone(), env.clone(), (admin.clone(), host), operation));
    });
    exit.await
}

async fn told_to_stop(orders: &mut mpsc::UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        if matches!(order, Order::Stop) {
            return;
        }
    }
}

async fn serve(running: RunningProxy, orders: &mut mpsc::UnboundedReceiver<Order>, operate: impl Fn(crate::plan::Operation)) -> Exit {
    loop {
        tokio::select! {
            biased;
            reason = running.failed() => {
                running.give_up().await;
                return Exit::Failed(reason);
            }
            () = running.removed() => {
                // That it could not be noted is seen when it starts again: the peers refuse it.
                let _ = running.retire(std::future::pending()).await;
                return Exit::Done;
            }
            order = orders.recv() => match order {
                Some(Order::Operate(operation)) => operate(operation),
                Some(Order::Stop) => {
                    running.drain(std::future::pending()).await;
                    return Exit::Done;
                }
                Some(_) => {}
                None => std::future::pending().await,
            },
        }
    }
}

/// What the configuration says.
fn wanted(stage: &Stage, host: HostId, env: &Env, (topology, settings): (&Topology, &Settings)) -> anyhow::Result<Proxy> {
    let dir = stage.home(host).join("proxy");
    let public = SocketAddr::new(host.ip(), PUBLIC);
    Ok(Proxy {
        name: format!("proxy-{}", host.0).parse()?,
        admin_socket: dir.join("admin.sock"),
        zone: if topology.zones > 1 { format!("zone-{}", host.0 % topology.zones) } else { String::new() },
        drain_timeout: Duration::from_millis(settings.drain_ms),
        peer_listen: SocketAddr::new(host.ip(), PEER),
        peer_advertise: None,
        data_connections: settings.data_connections,
        public_listen: public,
        public_advertise: Vec::new(),
        cluster_name: "simulated".to_owned(),
        strategy: strategy(settings.connections),
        join: joining(stage, host, env)?,
        raft: RaftSettings {
            heartbeat: Duration::from_millis(settings.heartbeat_ms),
            election_timeout: Duration::from_millis(settings.election_ms),
            max_voters: 5,
            promote_after: Duration::from_millis(settings.promote_after_ms),
            lease: Duration::from_millis(settings.lease_ms),
        },
        certificate_lifetime: warren::identity::LIFETIME,
        streams_per_agent: settings.streams_per_agent,
        dial_timeout: Duration::from_secs(10),
        limits: Limits::default(),
        http_listen: None,
        reloads: Reloads::default(),
        ingress: Vec::new(),
        data_dir: dir,
    })
}

/// How agents are to hold their tunnels: 0 is one to every proxy.
pub(super) fn strategy(connections: u32) -> Strategy {
    match connections {
        0 => Strategy { kind: StrategyKind::AgentMesh, ..Strategy::default() },
        agent_connection_count => Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count },
    }
}

/// The first proxy makes the cluster, unless it was given a token since.
fn joining(stage: &Stage, host: HostId, env: &Env) -> anyhow::Result<Option<Joining>> {
    let Some(token) = stage.secrets().proxy else { return Ok(None) };
    let file = stage.home(host).join("proxy.token");
    stage.write_secret(env, &file, &token)?;
    let others = (0..8).map(Seats::proxy).filter(|other| *other != host);
    Ok(Some(Joining { addresses: others.map(|other| format!("{}:{PUBLIC}", other.ip())).collect(), token: Some(file) }))
}
