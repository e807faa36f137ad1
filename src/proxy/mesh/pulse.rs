//! Signs of life between peers: a peer that is silent is tried last by dials, long before its connection times out.
//!
//! Raft's own messages are signs of life enough; where there are none, a question is asked. Suspicion only orders: what cuts a connection is QUIC's idle time-out,
//! or the peer's removal.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::PeerConnection;
use super::lane::Lane;
use super::link::Link;
use super::links::ask;
use crate::net::Budget;
use crate::wire::ControlRequest;

/// How long nothing need be acknowledged before the peer is asked, for each [`FEW`] peers.
const QUIET: Duration = Duration::from_millis(250);
/// Questions cost: with more peers each is asked less often.
const FEW: usize = 8;
/// The longest pause between two questions.
const MAX_QUIET: Duration = Duration::from_secs(1);
/// How long an answer may take from a peer nearby; from one further away four round trips.
const ANSWER: Duration = Duration::from_millis(600);

/// How long nothing need be acknowledged before a peer is asked where there are so many.
pub(crate) fn quiet(peers: usize) -> Duration {
    let parts = u32::try_from(1 + peers / FEW).unwrap_or(u32::MAX);
    QUIET.saturating_mul(parts).min(MAX_QUIET)
}

/// Notes whether the peer is silent until the link is cancelled. `peers` says how many there are.
pub(super) async fn watch(link: &Link, peers: impl Fn() -> usize) {
    let slot = link.slot(Lane::Control);
    loop {
        let Some(PeerConnection { connection, .. }) = slot.live() else {
            match link.cancel.run_until_cancelled(slot.up()).await {
                Some(()) => continue,
                None => return,
            }
        };
        let acknowledged = || connection.stats().frame_rx.acks;
        let before = acknowledged();
        if link.cancel.run_until_cancelled(sleep(quiet(peers()))).await.is_none() {
            return;
        }
        link.weigh(Instant::now());
        link.tidy(Instant::now());
        if acknowledged() > before {
            link.heard();
            continue;
        }
        let budget = Budget::new(ANSWER.max(connection.rtt() * 4));
        match link.cancel.run_until_cancelled(ask(link, &ControlRequest::Ping, budget)).await {
            Some(Err(_)) if acknowledged() == before => link.silent(),
            Some(_) => link.heard(),
            None => return,
        }
    }
}
