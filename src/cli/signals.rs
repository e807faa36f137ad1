//! Signals: TERM and INT end a process in good order, a second one at once; HUP has a service read its configuration again.

use anyhow::Context;
use tokio::signal::unix::{self, SignalKind, signal};

use super::CliError;

/// What a service is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// TERM or INT: to end in good order, or at once if it does so already.
    Stop,
    /// HUP: to read its configuration again.
    Reload,
}

/// The signals of this process, caught from now on.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    /// Catches them.
    pub(super) fn new() -> Result<Self, CliError> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hang_up: catch(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal of any kind, for a verb that ends with its caller: ssh hangs up on a `ProxyCommand` that it is done with.
    pub(super) async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    /// Waits for the next TERM or INT. A HUP that comes meanwhile waits for [`next`](Self::next).
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the next signal of a service.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }

    /// Waits for the next TERM or INT while the process goes away already.
    pub(super) async fn hurry(&mut self) {
        while self.next().await == Signal::Reload {
            tracing::info!("the configuration is not reloaded: the process is about to end");
        }
    }
}
