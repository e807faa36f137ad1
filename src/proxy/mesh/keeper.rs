//! The loop that keeps one connection to one peer.

use std::mem;
use std::time::Duration;

use tokio::time::sleep;

use super::dialer::{DialError, Dialer};
use super::lane::Lane;
use super::link::Link;
use super::slot::dials;
use crate::net::{Backoff, Budget};

/// How long the side that need not dial waits for the other one to do so.
const PATIENCE: Duration = Duration::from_millis(1500);
/// The same when it has just started.
const FIRST_PATIENCE: Duration = Duration::from_millis(100);
/// The waits between tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Keeps the connection of this lane until the link is cancelled.
pub(super) async fn keep(link: &Link, lane: Lane, dialer: &Dialer) {
    let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
    let mut rng = dialer.env.entropy.split("mesh backoff").split(&link.peer.to_string()).split(&lane.to_string()).rng();
    let slot = link.slot(lane);
    // The other one may be in the middle of a try that began while this proxy was not there, or wait for its next.
    let mut patience = FIRST_PATIENCE;
    let mut is_told = false;
    loop {
        if slot.live().is_some() {
            backoff.reset();
            tokio::select! {
                () = slot.down() => continue,
                () = link.cancel.cancelled() => return,
            }
        }
        slot.connecting();
        if !dials(link.me, link.peer) {
            tokio::select! {
                () = slot.up() => continue,
                () = sleep(patience) => {}
                () = link.cancel.cancelled() => return,
            }
        }
        patience = PATIENCE;
        let dialled = tokio::select! {
            dialled = dial(link, lane, dialer) => dialled,
            () = slot.up() => continue,
            () = link.cancel.cancelled() => return,
        };
        let Err(error) = dialled else { continue };
        tracing::debug!(peer = %link.peer, %lane, %error, "peer not reached");
        if lane == Lane::Control && error.is_by_another() && !mem::replace(&mut is_told, true) {
            tracing::warn!(
                peer = %link.peer,
                address = link.address(),
                "another proxy of the cluster answers at the address of a peer: if the cluster was restored from a snapshot, this proxy is of the one before and stays alone; \
                 stop it, empty its `data_dir` and `warren join` with a new token"
            );
        }
        slot.failed(error.to_string());
        tokio::select! {
            () = slot.up() => {}
            () = sleep(backoff.next(&mut rng)) => {}
            () = link.cancel.cancelled() => return,
        }
    }
}

/// Dials. The round trip of the control connection decides what the streams of the others may have unread, so that one is waited for.
async fn dial(link: &Link, lane: Lane, dialer: &Dialer) -> Result<(), DialError> {
    if lane != Lane::Control {
        let _ = Budget::new(PATIENCE).run(link.slot(Lane::Control).up()).await;
    }
    dialer.dial(link, lane).await
}
