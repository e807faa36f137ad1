//! A proxy from its start to its end.

use std::time::Duration;

use tokio::sync::mpsc;

use super::launch::Launch;
use super::reloading::{Reloading, not_reloaded};
use crate::api::ReloadView;
use crate::audit::AuditWriter;
use crate::cli::CliError;
use crate::cli::notify::{Notifier, State};
use crate::cli::run::{interrupted, proxy_of, removed};
use crate::cli::signals::{Signal, Signals};
use crate::config::{Config, Role};
use crate::net::{Budget, Env};
use crate::proxy::{Heart, Proxy, Reloads, RunningProxy, Tunable, Wish};
use crate::traces::{self, Resource};

/// How long the last lines of the audit log may take.
const AUDITED: Duration = Duration::from_secs(5);
/// How long the last spans may take.
const EXPORTED: Duration = Duration::from_secs(2);
/// What a proxy may take beyond its drain: for a new leader, its farewell and its last packets.
const BEYOND: Duration = Duration::from_secs(15);

/// Runs a proxy until it is told to stop, or cannot go on.
pub(in crate::cli) async fn proxy(config: Config, launch: Launch) -> Result<(), CliError> {
    let signals = Signals::new()?;
    let mut env = Env::real_with(config.transport.settings()).with_stalled(config.limits.stalled());
    let mut writer = None;
    if let Some(output) = config.audit.output() {
        let opened = AuditWriter::start(output, config.proxy.name.as_str(), env.wall.clone()).map_err(anyhow::Error::from)?;
        env = env.with_audit(opened.0);
        writer = Some(opened.1);
    }
    let resource = Resource { role: "proxy", name: config.proxy.name.to_string() };
    let (traces, exporter) = traces::start(config.telemetry.otlp.as_ref(), resource, &env);
    let env = env.with_traces(traces);
    let (reloads, wishes) = Reloads::new();
    let proxy = Proxy { reloads: reloads.clone(), ..proxy_of(&config)? };
    let Launch { source, logs, notifier } = launch;
    let reloading = Reloading::new(Role::Proxy, source, config, logs);
    let mut service = Service { signals, notifier, wishes, changing: Changing { reloading, reloads, writer } };
    let ended = service.run(proxy, env).await;
    if let Some(writer) = service.changing.writer {
        // Whatever came of it, what happened is written.
        writer.close(Budget::new(AUDITED)).await;
    }
    exporter.close(Budget::new(EXPORTED)).await;
    ended
}

/// A proxy, and all that reaches it from the machine that it runs on.
struct Service {
    signals: Signals,
    notifier: Notifier,
    wishes: mpsc::Receiver<Wish>,
    changing: Changing,
}

/// What takes over a changed configuration.
struct Changing {
    reloading: Reloading,
    reloads: Reloads,
    writer: Option<AuditWriter>,
}

/// Why a proxy ends.
enum End {
    /// Its store cannot go on.
    Failed(String),
    /// It belongs to the cluster no more.
    Removed,
    /// A signal.
    Told,
}

impl Service {
    async fn run(&mut self, proxy: Proxy, env: Env) -> Result<(), CliError> {
        self.notifier.status("starting");
        let running = tokio::select! {
            started = proxy.start(env) => started?,
            () = self.signals.stop() => return Err(interrupted()),
        };
        let config = self.changing.reloading.current();
        tracing::info!(
            proxy = %running.id(), name = %config.proxy.name, public = running.public_addr().ok().map(tracing::field::display),
            peer = running.peer_addr().ok().map(tracing::field::display), http = running.http_addr().map(tracing::field::display),
            admin = %config.admin.socket.display(), "proxy runs"
        );
        self.notifier.status("waiting for a lease");
        let end = self.serve(&running).await;
        self.end(running, end).await
    }

    /// Serves until there is a reason to end.
    async fn serve(&mut self, running: &RunningProxy) -> End {
        let Self { signals, notifier, wishes, changing } = self;
        let heart = running.heart();
        let feeding = notifier.feed(|| heart.beat(), || running.summary());
        tokio::pin!(feeding);
        let mut is_ready = false;
        loop {
            tokio::select! {
                reason = running.failed() => return End::Failed(reason),
                () = running.removed() => return End::Removed,
                signal = signals.next() => match signal {
                    Signal::Stop => return End::Told,
                    Signal::Reload => drop(changing.reload(running, notifier, is_ready)),
                },
                Some(wish) = wishes.recv() => {
                    // Whoever wished it may have gone.
                    let _ = wish.send(changing.reload(running, notifier, is_ready));
                }
                () = running.ready(), if !is_ready => {
                    is_ready = true;
                    notifier.tell(State::Ready, &running.summary());
                }
                () = &mut feeding => {}
            }
        }
    }

    async fn end(&mut self, running: RunningProxy, end: End) -> Result<(), CliError> {
        let heart = running.heart();
        let patience = self.changing.reloading.current().proxy.drain_timeout + BEYOND;
        self.notifier.tell(State::Stopping(patience), "draining");
        self.wishes.close();
        let Self { signals, notifier, .. } = self;
        let ending = async {
            match end {
                End::Failed(reason) => {
                    running.give_up().await;
                    Err(CliError::Store(reason))
                }
                End::Removed => {
                    tracing::warn!("this proxy was removed from the cluster");
                    let dir = running.retire(signals.hurry()).await.map_err(anyhow::Error::from)?;
                    Err(removed(&dir).into())
                }
                End::Told => {
                    let cut_streams = running.drain(signals.hurry()).await;
                    tracing::info!(cut_streams, "proxy stopped");
                    Ok(())
                }
            }
        };
        fed(notifier, &heart, ending).await
    }
}

/// Does something, and has the service manager know meanwhile that it goes on.
async fn fed<T>(notifier: &Notifier, heart: &Heart, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        () = notifier.feed(|| heart.beat(), || "draining".to_owned()) => std::future::pending().await,
    }
}

impl Changing {
    /// Reads the configuration again and takes over what has changed, or nothing of it.
    fn reload(&mut self, running: &RunningProxy, notifier: &Notifier, is_ready: bool) -> ReloadView {
        if is_ready {
            notifier.tell(State::Reloading, "reloading");
        }
        let view = self.take_over(running);
        let failed = not_reloaded(&view);
        notifier.remark(failed.as_ref().map(|failed| format!("not reloaded: {}", failed.reason)));
        self.reloads.note(failed);
        if is_ready {
            notifier.tell(State::Ready, &running.summary());
        }
        view
    }

    fn take_over(&mut self, running: &RunningProxy) -> ReloadView {
        let next = match self.reloading.read() {
            Ok(next) => next,
            Err(refused) => return *refused,
        };
        let tunable = match proxy_of(&next.config) {
            Ok(proxy) => Tunable::from(&proxy),
            Err(error) => return self.reloading.failed(next, &error.to_string()),
        };
        let is_moved = next.config.audit != self.reloading.current().audit;
        if let (Some(writer), Some(output)) = (self.writer.as_ref().filter(|_| is_moved), next.config.audit.output())
            && let Err(error) = writer.redirect(output)
        {
            return self.reloading.failed(next, &error.to_string());
        }
        running.tune(tunable);
        self.reloading.done(next)
    }
}
