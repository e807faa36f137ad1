//! The program of a machine with agents: what `warren agent` does, several times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use warren::agent::{Agent, RunningAgent, TokenFrom};
use warren::net::Env;
use warren::net::quic::Paths;
use warren::net::stalled::{Readers, StalledBudget};
use warren_raft::{Service, ServiceKind};

use super::Order;
use super::proxy::PUBLIC;
use super::services::ports;
use super::stage::Stage;
use crate::network::HostId;
use crate::plan::{Seats, Settings, Topology};
use crate::world::{Exit, Life, Program};

/// How long a supervisor waits before it starts an agent again that did not start.
const AGAIN: Duration = Duration::from_secs(1);

/// The program of a machine with agents.
pub fn farm(stage: Stage, host: HostId, topology: Topology, settings: Settings) -> Program<Order> {
    let (topology, budget) = (Arc::new(topology), settings.stalled_budget());
    Arc::new(move |life| {
        let (stage, topology) = (stage.clone(), topology.clone());
        Box::pin(async move { run(life, stage, host, (&topology, budget)).await })
    })
}

async fn run(life: Life<Order>, stage: Stage, host: HostId, (topology, budget): (&Topology, StalledBudget)) -> Exit {
    let Life { env, mut orders, number } = life;
    let mine: Vec<u16> = topology.agents().filter(|(_, at)| *at == host).map(|(agent, _)| agent).collect();
    let (mut starting, mut running) = (JoinSet::new(), BTreeMap::new());
    let proxies: Vec<_> = (0..topology.proxies).map(|proxy| format!("{}:{PUBLIC}", Seats::proxy(proxy).ip())).collect();
    let begin = |starting: &mut JoinSet<_>, agent: u16| {
        starting.spawn(start(stage.clone(), host, agent, proxies.clone(), own(&env, agent, number, budget)));
    };
    for agent in mine {
        begin(&mut starting, agent);
    }
    loop {
        tokio::select! {
            biased;
            Some(Ok((agent, started))) = starting.join_next() => {
                let started: RunningAgent = started;
                stage.agent_runs(agent, started.status());
                running.insert(agent, started);
            }
            order = orders.recv() => match order {
                Some(Order::StopAgent(agent)) => {
                    stage.agent_stopped(agent);
                    if let Some(stopping) = running.remove(&agent) {
                        stopping.shutdown().await;
                        stage.agent_ended(agent);
                    }
                }
                Some(Order::StartAgent(agent)) if !running.contains_key(&agent) => begin(&mut starting, agent),
                Some(Order::Stop) | None => return Exit::Done,
                Some(_) => {}
            },
        }
    }
}

/// What an agent has for itself, as every process has.
fn own(env: &Env, agent: u16, number: u64, budget: StalledBudget) -> Env {
    Env {
        entropy: env.entropy.split(&format!("agent {agent} {number}")),
        paths: Paths::new(&env.quic),
        readers: Readers::new(budget),
        ..env.clone()
    }
}

async fn start(stage: Stage, host: HostId, agent: u16, proxies: Vec<String>, env: Env) -> (u16, RunningAgent) {
    stage.agent_starts(agent);
    loop {
        match try_start(&stage, host, agent, &proxies, &env).await {
            Ok(running) => return (agent, running),
            Err(error) => stage.trace().event(format_args!("agent {agent} does not start: {error}")),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn try_start(stage: &Stage, host: HostId, agent: u16, proxies: &[String], env: &Env) -> anyhow::Result<RunningAgent> {
    let dir = stage.home(host).join(format!("agent-{agent}"));
    let token = match stage.secrets().agent {
        Some(token) => {
            let file = stage.home(host).join("agent.token");
            stage.write_secret(env, &file, &token)?;
            TokenFrom::File(file)
        }
        None => TokenFrom::Nowhere,
    };
    let (works, nobody) = ports(agent);
    let service = |name: &str, target: std::net::SocketAddr| {
        Ok::<_, anyhow::Error>(Service { name: name.parse()?, target: target.to_string(), kind: ServiceKind::Tcp })
    };
    let services = vec![service("work", works)?, service("nobody", nobody)?, service("secret", works)?];
    let agent =
        Agent { name: format!("agent-{agent}").parse()?, proxies: proxies.to_vec(), services, told: BTreeSet::new(), data_dir: dir, token };
    Ok(agent.start(env.clone()).await?)
}
