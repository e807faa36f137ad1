//! An agent from its start to its end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use warren_raft::{Service as Published, ServiceKind, ServiceName};

use super::door::Door;
use super::launch::Launch;
use super::reloading::{Reloading, one_line};
use crate::agent::{Agent, RunningAgent, TokenFrom};
use crate::api::ReloadView;
use crate::cli::CliError;
use crate::cli::notify::{Notifier, State};
use crate::cli::run::{interrupted, path, texts};
use crate::cli::signals::{Signal, Signals};
use crate::config::{AgentSettings, Announcing, Config, Role, ServiceSettings};
use crate::net::{Budget, Env};
use crate::proxy::Wish;
use crate::traces::{self, Resource};

/// How long the last spans may take.
const EXPORTED: Duration = Duration::from_secs(2);
/// What an agent may take beyond its drain: for the withdrawal of its routes and its last packets.
const BEYOND: Duration = Duration::from_secs(15);

/// Where an agent that keeps its identity in `data_dir` takes orders of operators.
pub(in crate::cli) fn agent_socket(data_dir: &Path) -> PathBuf {
    data_dir.join("agent.sock")
}

/// Runs an agent until it is told to stop.
pub(in crate::cli) async fn agent(config: Config, launch: Launch) -> Result<(), CliError> {
    let settings = AgentSettings::try_from(config.clone())?;
    let mut signals = Signals::new()?;
    let Launch { source, logs, notifier } = launch;
    notifier.status("starting");
    let env = Env::real_with(settings.transport.settings()).with_stalled(settings.limits.stalled());
    let resource = Resource { role: "agent", name: settings.name.to_string() };
    let (traces, exporter) = traces::start(settings.telemetry.otlp.as_ref(), resource, &env);
    let env = env.with_traces(traces);
    let agent = Agent {
        name: settings.name.clone(),
        proxies: texts(&settings.proxies),
        services: settings.services.iter().map(published).collect(),
        told: told(&settings.services),
        data_dir: settings.data_dir.clone(),
        token: settings.token_file.as_ref().map_or(Ok(TokenFrom::Nowhere), |source| path(source).map(TokenFrom::File))?,
    };
    let running = tokio::select! {
        started = agent.start(env.clone()) => started?,
        () = signals.stop() => return Err(interrupted()),
    };
    tracing::info!(agent = %settings.name, "agent runs");
    let (door, wishes) = Door::open(&env, &agent_socket(&settings.data_dir)).await;
    let reloading = Reloading::new(Role::Agent, source, config, logs);
    let mut service = Service { signals, notifier, wishes, reloading };
    service.serve(&running).await;
    door.close().await;
    let timeout = service.reloading.current().agent.drain_timeout;
    service.notifier.tell(State::Stopping(timeout + BEYOND), "draining");
    let Service { signals, notifier, .. } = &mut service;
    tokio::select! {
        () = running.drain(timeout, signals.hurry()) => {}
        () = notifier.feed(|| std::future::ready(()), || "draining".to_owned()) => {}
    }
    exporter.close(Budget::new(EXPORTED)).await;
    tracing::info!("agent stopped");
    Ok(())
}

/// An agent, and all that reaches it from the machine that it runs on.
struct Service {
    signals: Signals,
    notifier: Notifier,
    wishes: mpsc::Receiver<Wish>,
    reloading: Reloading,
}

impl Service {
    /// Serves until it is told to stop.
    async fn serve(&mut self, running: &RunningAgent) {
        let Self { signals, notifier, wishes, reloading } = self;
        let feeding = notifier.feed(|| std::future::ready(()), || summary(running));
        tokio::pin!(feeding);
        let (mut status, mut is_ready) = (running.status(), false);
        notifier.status("looking for a proxy");
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Stop => return,
                    Signal::Reload => drop(reload(reloading, running, notifier, is_ready).await),
                },
                Some(wish) = wishes.recv() => {
                    // Whoever wished it may have gone.
                    let _ = wish.send(reload(reloading, running, notifier, is_ready).await);
                }
                Ok(_) = status.wait_for(|status| !status.tunnels.is_empty()), if !is_ready => {
                    is_ready = true;
                    notifier.tell(State::Ready, &summary(running));
                }
                () = &mut feeding => {}
            }
        }
    }
}

/// What it does, in a few words.
fn summary(running: &RunningAgent) -> String {
    match running.status().borrow().tunnels.len() {
        0 => "no tunnel: looking for a proxy".to_owned(),
        1 => "serving over 1 tunnel".to_owned(),
        tunnels => format!("serving over {tunnels} tunnels"),
    }
}

/// Reads the configuration again and takes over what has changed, or nothing of it.
async fn reload(reloading: &mut Reloading, running: &RunningAgent, notifier: &Notifier, is_ready: bool) -> ReloadView {
    if is_ready {
        notifier.tell(State::Reloading, "reloading");
    }
    let view = take_over(reloading, running).await;
    let failed = view.error.as_deref().map(one_line);
    notifier.remark(failed.map(|failed| format!("not reloaded: {failed}")));
    if is_ready {
        notifier.tell(State::Ready, &summary(running));
    }
    view
}

async fn take_over(reloading: &mut Reloading, running: &RunningAgent) -> ReloadView {
    let next = match reloading.read() {
        Ok(next) => next,
        Err(refused) => return *refused,
    };
    let settings = match AgentSettings::try_from(next.config.clone()) {
        Ok(settings) => settings,
        Err(errors) => return ReloadView { invalid: true, ..reloading.failed(next, &one_line(&errors.to_string())) },
    };
    if settings.services != reloading.current().agent.services
        && let Err(error) = running.publish(settings.services.iter().map(published).collect(), told(&settings.services)).await
    {
        return reloading.failed(next, &error.to_string());
    }
    running.enter_by(texts(&settings.proxies));
    reloading.done(next)
}

/// Those whose targets are told where a connection comes from.
fn told(services: &[ServiceSettings]) -> BTreeSet<ServiceName> {
    let told = services.iter().filter(|service| service.proxy_protocol == Announcing::On);
    told.map(|service| service.name.clone()).collect()
}

fn published(settings: &ServiceSettings) -> Published {
    Published { name: settings.name.clone(), target: settings.target.to_string(), kind: ServiceKind::Tcp }
}
