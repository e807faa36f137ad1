//! From what an agent is to be to one that runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warren_raft::Sequence;

use super::asleep::Asleep;
use super::enrollment::{self, AgentError, StartError};
use super::settings::Agent;
use super::supervisor::{AgentStatus, Supervisor};
use super::tunnel::Tunnels;
use crate::identity::CredentialsHandle;
use crate::net::{Budget, DirLock, Env};
use crate::wire::{AgentHello, Hello, Progress, frame};

/// Events that wait for the supervisor.
const EVENTS: usize = 64;
/// How long the last packets may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// An agent that runs.
#[derive(Debug)]
pub struct RunningAgent {
    status: watch::Receiver<AgentStatus>,
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
        // A message that no proxy takes would be sent for ever.
        frame::encode(
            &AgentHello { hello: Hello::ours(), sequence: Sequence(u64::MAX), services: self.services.clone() },
            frame::MAX_MESSAGE,
        )?;
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
            services: Arc::new(self.services.clone()),
            told: Arc::new(self.told.clone()),
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
        let supervisor = Supervisor::new(self.proxies, sequence, tunnels, (credentials, store), tell);
        tasks.spawn(env.readers.clone().watch(cancel.clone()));
        let stop = cancel.clone();
        tasks.spawn(async move { supervisor.run(received, env, stop).await });
        Ok(RunningAgent { status, cancel, tasks, endpoint, _lock: lock })
    }
}

impl RunningAgent {
    /// What it has now, and whenever that changes.
    pub fn status(&self) -> watch::Receiver<AgentStatus> {
        self.status.clone()
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
