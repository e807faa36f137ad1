//! From what an agent is to be to one that runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::{Sequence, Service, ServiceName};

use super::asleep::Asleep;
use super::enrollment::{self, AgentError, StartError};
use super::publishing::{Offer, Publishing, Verdict};
use super::settings::Agent;
use super::supervisor::{AgentStatus, Orders, Supervisor};
use super::tunnel::Tunnels;
use crate::failure::Failure;
use crate::identity::CredentialsHandle;
use crate::net::{Budget, DirLock, Drained, Env};
use crate::wire::frame::FrameError;
use crate::wire::{AgentHello, Hello, Progress, frame};

/// Events that wait for the supervisor.
const EVENTS: usize = 64;
/// How long a proxy may take to record what is published: as long as it waits for a quorum, and a moment.
const PUBLISHED: Duration = Duration::from_secs(12);
/// How long the last packets may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// An agent that runs.
#[derive(Debug)]
pub struct RunningAgent {
    status: watch::Receiver<AgentStatus>,
    orders: watch::Sender<Orders>,
    tunnels: Arc<Tunnels>,
    /// Cancelled once it has given up every tunnel.
    left: CancellationToken,
    cancel: CancellationToken,
    tasks: TaskTracker,
    endpoint: quinn::Endpoint,
    /// Held as long as the agent runs: two that share an identity would take each other's tunnels away.
    _lock: DirLock,
}

impl Agent {
    /// Enrols the agent if it has no identity yet, and starts it.
    ///
    /// # Errors
    /// [`StartError`]: no identity and none to be had, or no socket. Once it runs, nothing ends it but [`RunningAgent::shutdown`].
    pub async fn start(self, env: Env) -> Result<RunningAgent, StartError> {
        fit(&self.services)?;
        let lock = env.files.lock_dir(&self.data_dir)?;
        let endpoint = enrollment::endpoint(&env)?;
        let (store, credentials, sequence) = enrollment::identity(&self, &env, &endpoint).await?;
        let (events, received) = mpsc::channel(EVENTS);
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let credentials = CredentialsHandle::new(credentials).map_err(AgentError::from)?;
        let tunnels = Arc::new(Tunnels {
            env: env.clone(),
            endpoint: endpoint.clone(),
            credentials: credentials.clone(),
            publishing: Publishing::new(Offer { services: self.services.clone(), told: self.told.clone() }),
            connecting: Arc::default(),
            events,
            progress: watch::Sender::new(Progress::default()),
            tasks: tasks.clone(),
            cancel: cancel.clone(),
        });
        let (tell, status) = watch::channel(AgentStatus::default());
        let asleep = Asleep {
            agent: self.clone(),
            env: env.clone(),
            endpoint: endpoint.clone(),
            store: store.clone(),
            credentials: credentials.clone(),
        };
        tasks.spawn(asleep.watch(cancel.clone()));
        let (orders, ordered) = watch::channel(Orders { entry: self.proxies.clone(), is_leaving: false });
        let supervisor = Supervisor::new(ordered, sequence, tunnels.clone(), (credentials, store), tell);
        tasks.spawn(env.readers.clone().watch(cancel.clone()));
        let (stop, left) = (cancel.clone(), CancellationToken::new());
        let gone = left.clone();
        tasks.spawn(async move {
            supervisor.run(received, env, stop).await;
            gone.cancel();
        });
        Ok(RunningAgent { status, orders, tunnels, left, cancel, tasks, endpoint, _lock: lock })
    }
}

/// Why an agent does not publish something else.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It is more than a proxy takes in.
    #[error("the services do not fit into one message: {0}")]
    Size(#[from] FrameError),
    /// The cluster does not want it.
    #[error("{}", .0.message())]
    Refused(Failure),
}

/// Whether these services fit into a hello: a message that no proxy takes would be sent for ever.
fn fit(services: &[Service]) -> Result<(), FrameError> {
    let hello = AgentHello { hello: Hello::ours(), sequence: Sequence(u64::MAX), services: services.to_vec() };
    frame::encode(&hello, frame::MAX_MESSAGE).map(drop)
}

impl RunningAgent {
    /// What it has now, and whenever that changes.
    pub fn status(&self) -> watch::Receiver<AgentStatus> {
        self.status.clone()
    }

    /// Enters by these proxies from now on. What is held is kept.
    pub fn enter_by(&self, proxies: Vec<String>) {
        self.orders.send_if_modified(|orders| std::mem::replace(&mut orders.entry, proxies.clone()) != proxies);
    }

    /// Publishes these services from now on, of which the targets of `told` are told where a connection comes from, over the tunnels that are there. A stream that runs to one that is not among them runs on.
    ///
    /// Returns when the first proxy has recorded them, or in a while if none has: those that are told later are told then.
    ///
    /// # Errors
    /// [`PublishError`]: everything is as it was.
    pub async fn publish(&self, services: Vec<Service>, told: BTreeSet<ServiceName>) -> Result<(), PublishError> {
        fit(&services)?;
        let (before, offer) = (self.tunnels.publishing.now(), Arc::new(Offer { services, told }));
        if self.status.borrow().tunnels.is_empty() {
            self.tunnels.publishing.change(offer);
            return Ok(());
        }
        match Budget::new(PUBLISHED).run(self.tunnels.publishing.ask(offer)).await {
            Ok(Some(Verdict::Refused(failure))) => {
                self.tunnels.publishing.change(before);
                Err(PublishError::Refused(failure))
            }
            Ok(Some(Verdict::Published | Verdict::NotUnderstood) | None) => Ok(()),
            Err(_) => {
                tracing::warn!("no proxy has taken over yet what is published");
                Ok(())
            }
        }
    }

    /// Goes away in good order: no dial comes any more, and streams run on until `timeout` is over, or `hurry`.
    pub async fn drain(self, timeout: Duration, hurry: impl Future<Output = ()>) {
        self.orders.send_modify(|orders| orders.is_leaving = true);
        match Drained::wait(self.left.cancelled(), hurry, timeout).await {
            Drained::Whole => {}
            Drained::Hurried => tracing::info!("stopping at once"),
            Drained::Late => tracing::warn!("streams are cut that still ran at the deadline"),
        }
        self.shutdown().await;
    }

    /// Closes the tunnels and ends every task.
    pub async fn shutdown(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.endpoint.close(0_u32.into(), b"agent stopped");
        // What is in the socket's queue gets out; a peer that does not answer is not waited for.
        let _ = Budget::new(GOODBYE).run(self.endpoint.wait_idle()).await;
    }
}
