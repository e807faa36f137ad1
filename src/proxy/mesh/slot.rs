//! The place of one connection to a peer: what is there now, and waiting for it.

use tokio::sync::watch;
use warren_raft::ProxyId;

use super::PeerConnection;
use crate::net::Budget;

/// The state of a connection to a peer.
#[derive(Clone, Debug)]
enum State {
    /// A try is under way, or about to be.
    Connecting,
    /// There is one.
    Up {
        made: PeerConnection,
        /// Whether the side that ought to dial did.
        preferred: bool,
    },
    /// The last try failed; the next one is waited for.
    Down(String),
}

/// Why a slot has no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoConnection {
    /// The last try failed.
    #[error("{0}")]
    Down(String),
    /// None came about in time.
    #[error("no connection in time")]
    Deadline,
}

/// One connection to a peer, made anew whenever it is lost.
#[derive(Debug)]
pub(super) struct Slot {
    state: watch::Sender<State>,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self { state: watch::Sender::new(State::Connecting) }
    }

    /// The connection, if it is live.
    pub(super) fn live(&self) -> Option<PeerConnection> {
        live(&self.state.borrow())
    }

    /// Takes in a connection. One that was dialled by the preferred side is kept over one that was not, so that both sides agree. Gives back the one of two live ones that is left
    /// without a place.
    pub(super) fn put(&self, made: &PeerConnection, preferred: bool) -> Option<PeerConnection> {
        let mut left = None;
        self.state.send_if_modified(|state| {
            let keep = matches!(state, State::Up { made, preferred: true } if !preferred && made.connection.close_reason().is_none());
            left = if keep { Some(made.clone()) } else { live(state) };
            if !keep {
                *state = State::Up { made: made.clone(), preferred };
            }
            !keep
        });
        left
    }

    /// Notes that a try begins, unless there is a connection.
    pub(super) fn connecting(&self) {
        self.state.send_if_modified(|state| {
            let change = live(state).is_none();
            if change {
                *state = State::Connecting;
            }
            change
        });
    }

    /// Notes that a try failed, unless there is a connection.
    pub(super) fn failed(&self, reason: String) {
        self.state.send_if_modified(|state| {
            let change = live(state).is_none();
            if change {
                *state = State::Down(reason);
            }
            change
        });
    }

    /// Waits for a connection while a try is under way.
    pub(super) async fn get(&self, budget: Budget) -> Result<PeerConnection, NoConnection> {
        let mut state = self.state.subscribe();
        let settled = budget.run(state.wait_for(|state| live(state).is_some() || matches!(state, State::Down(_)))).await;
        match settled {
            Ok(Ok(state)) => match &*state {
                State::Down(reason) => Err(NoConnection::Down(reason.clone())),
                State::Connecting | State::Up { .. } => live(&state).ok_or(NoConnection::Deadline),
            },
            Ok(Err(_)) | Err(_) => Err(NoConnection::Deadline),
        }
    }

    /// Resolves once there is no live connection. What is here now may be replaced meanwhile, and the one that has taken its place may go while it lives on.
    pub(super) async fn down(&self) {
        let mut state = self.state.subscribe();
        loop {
            let Some(made) = live(&state.borrow_and_update()) else { return };
            tokio::select! {
                _ = made.connection.closed() => {}
                // The sender lives as long as `self`.
                _ = state.changed() => {}
            }
        }
    }

    /// Resolves once there is a live connection.
    pub(super) async fn up(&self) {
        // The sender lives as long as `self`.
        let _ = self.state.subscribe().wait_for(|state| live(state).is_some()).await;
    }
}

fn live(state: &State) -> Option<PeerConnection> {
    match state {
        State::Up { made, .. } if made.connection.close_reason().is_none() => Some(made.clone()),
        State::Up { .. } | State::Connecting | State::Down(_) => None,
    }
}

/// Which of two proxies dials: the one that joined later, since it was told of the other when it did.
pub(super) fn dials(me: ProxyId, peer: ProxyId) -> bool {
    me > peer
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_of_two_dials() {
        assert!(dials(ProxyId(2), ProxyId(1)));
        assert!(!dials(ProxyId(1), ProxyId(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_try_is_told_at_once_and_a_try_under_way_is_waited_for() {
        let slot = Slot::new();
        let soon = || Budget::new(Duration::from_secs(1));
        assert_eq!(slot.get(soon()).await.map(drop), Err(NoConnection::Deadline));
        slot.failed("refused".to_owned());
        assert_eq!(slot.get(soon()).await.map(drop), Err(NoConnection::Down("refused".to_owned())));
        slot.connecting();
        let (got, ()) = tokio::join!(slot.get(soon()), async { slot.failed("again".to_owned()) });
        assert_eq!(got.map(drop), Err(NoConnection::Down("again".to_owned())));
    }
}
