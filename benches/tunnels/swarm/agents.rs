//! The agents of a swarm.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio::time::timeout;
use warren::agent::{Agent, RunningAgent, TokenFrom};
use warren::net::Env;
use warren_raft::{Service, ServiceKind};

use super::journal::Journal;
use crate::order::{Answer, Order, Settings, name};
use crate::shared::complain;

/// Agents that enrol at the same time.
const AT_ONCE: usize = 32;
/// How long one may take to enrol, however often it is started.
const START: Duration = Duration::from_secs(300);
/// How long one that has ended waits to be started again.
const AGAIN: Duration = Duration::from_secs(1);
/// Descriptors of each agent: its socket and the lock of its directory.
const DESCRIPTORS: u64 = 2;
/// Descriptors of the process itself.
const OWN_DESCRIPTORS: u64 = 64;

/// The agents and what is noted of them.
pub(crate) struct Agents {
    settings: Settings,
    running: Vec<RunningAgent>,
    journal: Arc<Journal>,
    /// Those that note what becomes of the agents.
    notes: JoinSet<()>,
}

impl Agents {
    /// None yet.
    pub(crate) fn new(settings: Settings) -> anyhow::Result<Self> {
        let (wanted, limit) = (settings.count * DESCRIPTORS + OWN_DESCRIPTORS, open_files()?);
        ensure!(limit >= wanted, "{} agents in a process need {wanted} open files, of {limit}: `ulimit -n {wanted}`", settings.count);
        let journal = Arc::new(Journal::new(settings.first));
        Ok(Self { settings, running: Vec::new(), journal, notes: JoinSet::new() })
    }

    /// Does what it is told.
    pub(crate) async fn obey(&mut self, order: Order) -> anyhow::Result<Answer> {
        match order {
            Order::Start => self.start().await.map(|()| Answer::Started),
            Order::State => Ok(Answer::State(self.journal.standing())),
            Order::Follow { proxy } => Ok(Answer::Following { affected: self.journal.follow(proxy) }),
            Order::Moves => Ok(Answer::Moves { of: self.journal.moves() }),
        }
    }

    /// Ends all of them.
    pub(crate) async fn stop(mut self) {
        self.notes.shutdown().await;
        let mut stopping: JoinSet<()> = self.running.into_iter().map(RunningAgent::shutdown).collect();
        while stopping.join_next().await.is_some() {}
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        let mut numbers = (0..self.settings.count).map(|place| self.settings.first + place);
        let mut starting = JoinSet::new();
        loop {
            while starting.len() < AT_ONCE
                && let Some(number) = numbers.next()
            {
                let agent = self.agent(number)?;
                starting.spawn(async move {
                    let running = timeout(START, start(agent)).await;
                    running.map(|running| (number, running)).with_context(|| format!("agent {number} has not enrolled in {START:?}"))
                });
            }
            let Some(started) = starting.join_next().await else { return Ok(()) };
            let (number, running) = started??;
            let (mut status, journal) = (running.status(), self.journal.clone());
            self.notes.spawn(async move {
                loop {
                    let tunnels = status.borrow_and_update().tunnels.iter().map(|proxy| proxy.0).collect();
                    journal.note(number, tunnels);
                    if status.changed().await.is_err() {
                        return;
                    }
                }
            });
            self.running.push(running);
        }
    }

    fn agent(&self, number: u64) -> anyhow::Result<Agent> {
        let Settings { directory, proxies, token, target, .. } = &self.settings;
        let service = Service { name: "echo".parse()?, target: target.clone(), kind: ServiceKind::Tcp };
        let (name, data_dir) = (name(number), directory.join(number.to_string()));
        let token = TokenFrom::File(token.clone());
        Ok(Agent { name: name.parse()?, proxies: proxies.clone(), services: vec![service], told: Default::default(), data_dir, token })
    }
}

/// Starts an agent. One that finds every proxy busy ends before it has an identity, and whoever looks after the process starts it again.
async fn start(agent: Agent) -> RunningAgent {
    loop {
        match agent.clone().start(Env::real()).await {
            Ok(running) => return running,
            Err(error) => complain(&format!("  started again: {error}")),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// How many files this process may have open.
fn open_files() -> anyhow::Result<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").context("limits are read from /proc")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).context("no limit of open files")?;
    let soft = line.split_whitespace().next().context("no limit of open files")?;
    Ok(soft.parse().unwrap_or(u64::MAX))
}
