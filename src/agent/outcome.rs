//! What the supervisor makes of the end of a tunnel, and what it tells of the tunnels that are left.

use rand::Rng;
use tokio::time::Instant;
use warren_raft::Sequence;

use super::events::End;
use super::placement::{Meeting, State};
use super::supervisor::{AgentStatus, Running, Supervisor};
use super::ways::HELD;
use crate::wire::Progress;

impl Supervisor {
    /// Takes in the end of a tunnel: when its way is worth another try, and what people are told.
    pub(super) fn ended(&mut self, sequence: Sequence, end: End, now: Instant, rng: &mut impl Rng) {
        self.knowledge.ended(sequence);
        let Some(running) = self.running.remove(&sequence) else { return };
        match end {
            End::Retired => tracing::info!(proxy = running.proxy.map(tracing::field::display), "retired tunnel closed"),
            End::NotNeeded(Meeting::Held) if running.aim.is_none() => {
                self.ways.failed(None, (HELD, None), now, rng);
            }
            End::NotNeeded(meeting) => tracing::debug!(%sequence, ?meeting, "not needed"),
            End::Failed { reason, address, retry_after } => {
                self.log_failure(&running, &reason, address.as_deref());
                let reason = if running.aim.is_some() { advertised(&reason, address.as_deref()) } else { reason };
                self.failed(&running, (&reason, retry_after), now, rng);
            }
            End::Removed { reason, address } => {
                self.log_failure(&running, &reason, address.as_deref());
                self.failed(&running, (&reason, None), now, rng);
                // A proxy that alone says so may be of another time, as one beside a restored cluster.
                if self.knowledge.tunnels.values().all(|held| held.state != State::Up) {
                    self.ways.removed(now, rng);
                }
            }
        }
        if self.knowledge.waiting() == 0 {
            self.ways.none_waits();
        }
    }

    fn failed(&mut self, running: &Running, why: (&str, Option<std::time::Duration>), now: Instant, rng: &mut impl Rng) {
        if running.welcomed.is_none() {
            self.ways.tried_in_vain(now, rng);
        }
        match (running.proxy, running.welcomed) {
            (Some(proxy), Some(welcomed)) => {
                // A way that worked is tried again soon, one that never did less and less often.
                self.ways.lived(Some(proxy), now - welcomed);
                self.ways.failed(Some(proxy), why, now, rng);
            }
            (Some(proxy), None) => {
                self.ways.failed(Some(proxy), why, now, rng);
                if running.aim != Some(proxy) {
                    if why.1.is_some() {
                        self.recall();
                    }
                    // Others may be behind the same way, unless it is the only address there is.
                    let why = if self.has_one_address() { why } else { (why.0, None) };
                    self.ways.failed(running.aim, why, now, rng);
                }
            }
            (None, _) => self.ways.failed(running.aim, why, now, rng),
        }
    }

    fn log_failure(&self, running: &Running, reason: &str, address: Option<&str>) {
        let proxy = running.proxy.or(running.aim);
        let name = proxy.map(|proxy| self.name(proxy)).filter(|name| !name.is_empty());
        let proxy = proxy.map(tracing::field::display);
        if running.welcomed.is_some() {
            tracing::info!(proxy, name, address, reason, "tunnel lost");
        } else {
            tracing::info!(proxy, name, address, reason, "no tunnel");
        }
    }

    /// Tells everybody who wants to know how far the agent is.
    pub(super) fn report(&self, now: Instant) {
        let up = self.knowledge.tunnels.iter().filter(|(_, held)| held.state == State::Up);
        let status = AgentStatus { tunnels: up.map(|(proxy, _)| *proxy).collect() };
        self.status.send_if_modified(|known| std::mem::replace(known, status.clone()) != status);
        let progress = self.progress(now);
        self.tunnels.progress.send_if_modified(|told| std::mem::replace(told, progress.clone()) != progress);
    }

    fn progress(&self, now: Instant) -> Progress {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (wanted, up) = (self.knowledge.wanted(), self.knowledge.up(now));
        let beyond = self.knowledge.tunnels.len().saturating_sub(wanted.max(up));
        Progress {
            wanted: number(wanted),
            held: number(up.min(wanted)),
            retiring: number(self.knowledge.retiring.len() + beyond),
            obstacles: if up < wanted { self.ways.obstacles() } else { Vec::new() },
        }
    }
}

/// A reason that ends with the address it happened at, which a proxy tells of itself.
fn advertised(reason: &str, address: Option<&str>) -> String {
    let is_last = address.is_some_and(|address| reason.ends_with(address));
    if is_last { format!("{reason}, which it advertises") } else { reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_a_proxy_advertises_is_told() {
        let address = "127.0.0.1:13999";
        assert_eq!(advertised("no answer from 127.0.0.1:13999", Some(address)), "no answer from 127.0.0.1:13999, which it advertises");
        for reason in ["`127.0.0.1:13999` does not resolve: timed out", "refused: busy"] {
            assert_eq!(advertised(reason, Some(address)), reason);
        }
        assert_eq!(advertised("no sign of life", None), "no sign of life");
    }
}
