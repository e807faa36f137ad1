//! Signals: TERM and INT end a process in good order, a second one at once; HUP has a service read its configuration again, and ends a verb whose terminal is gone.

use std::fs;

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
    /// Whether the process is to outlive its terminal.
    stays: bool,
}

impl Signals {
    /// Catches them.
    pub(super) fn new() -> Result<Self, CliError> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        // As long as nobody catches it here. Where the system does not tell, the process stays.
        let stays = fs::read_to_string("/proc/self/status").map_or(true, |status| ignores_hang_up(&status));
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hang_up: catch(SignalKind::hangup())?,
            stays,
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

    /// Waits for the next TERM or INT, or HUP unless it was ignored when the process began (`nohup`), for a verb that runs until it is told to end.
    pub(super) async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {}
            }
            if !self.stays {
                return;
            }
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

/// Whether HUP is ignored, by `/proc/self/status`: the first bit of the mask.
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ignores_hang_ups_is_known() {
        let status = |mask: &str| format!("Name:\twarren\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0000000000000001\n");
        assert!(ignores_hang_up(&status("0000000000001001")));
        assert!(!ignores_hang_up(&status("0000000000001000")), "only others are ignored");
        assert!(ignores_hang_up("Name:\twarren\n") && ignores_hang_up(&status("x")), "nobody tells");
    }
}
