//! Signals: TERM and INT end a process in good order, a second one at once; HUP is no reason to die.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;

/// The signals of this process, caught from now on.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
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

    /// Waits for the next TERM or INT.
    pub(super) async fn stop(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => tracing::info!("nothing can be reloaded yet: a changed configuration takes a restart"),
            }
        }
    }
}
