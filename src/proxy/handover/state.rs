//! Whether this proxy gives away what it has, and how far it is with that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::entering::Entering;

/// How far a proxy is with giving away what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Phase {
    /// It does not.
    Serving,
    /// Its agents are asked to go elsewhere, and streams run on.
    Draining,
    /// Nothing was left, or what was left has been cut.
    Drained,
}

/// The state of the drain. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Drain(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    phase: watch::Sender<Phase>,
    /// Cancelled once this proxy is to stop.
    leaving: CancellationToken,
    /// Cancelled once it has given away everything in order to stop.
    left: CancellationToken,
    cut_streams: AtomicU64,
    entering: Entering,
}

impl Drain {
    /// Of a proxy that serves until `leaving`.
    pub(in crate::proxy) fn new(leaving: CancellationToken) -> Self {
        let (phase, left) = (watch::Sender::new(Phase::Serving), CancellationToken::new());
        Self(Arc::new(Shared { phase, leaving, left, cut_streams: AtomicU64::new(0), entering: Entering::default() }))
    }

    /// Whether it gives away what it has, or has done so.
    pub(in crate::proxy) fn is_on(&self) -> bool {
        self.is_leaving() || self.phase() != Phase::Serving
    }

    /// Whether this proxy is to stop.
    pub(in crate::proxy) fn is_leaving(&self) -> bool {
        self.0.leaving.is_cancelled()
    }

    /// Resolves once this proxy is to stop.
    pub(super) async fn leaving(&self) {
        self.0.leaving.cancelled().await;
    }

    /// Resolves once it gives away what it has.
    pub(in crate::proxy) async fn begun(&self) {
        let mut phase = self.0.phase.subscribe();
        tokio::select! {
            // The sender lives as long as this.
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
            () = self.leaving() => {}
        }
    }

    /// Resolves once it serves again; never if it is to stop.
    pub(in crate::proxy) async fn resumed(&self) {
        let mut phase = self.0.phase.subscribe();
        loop {
            // The sender lives as long as this.
            let _ = phase.wait_for(|phase| *phase == Phase::Serving).await;
            if !self.is_leaving() {
                return;
            }
            std::future::pending::<()>().await;
        }
    }

    /// Who enters meanwhile.
    pub(in crate::proxy) fn entering(&self) -> &Entering {
        &self.0.entering
    }

    /// How far it is.
    pub(in crate::proxy) fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// How many streams the last drain has cut.
    pub(in crate::proxy) fn cut_streams(&self) -> u64 {
        self.0.cut_streams.load(Ordering::Relaxed)
    }

    /// Resolves once everything is given away in order to stop.
    pub(in crate::proxy) async fn left(&self) {
        self.0.left.cancelled().await;
    }

    /// Notes how far it is; a drain that begins has cut nothing.
    pub(super) fn enter(&self, phase: Phase) {
        if phase == Phase::Draining {
            self.0.cut_streams.store(0, Ordering::Relaxed);
        }
        self.0.phase.send_replace(phase);
    }

    /// Notes that so many streams were cut.
    pub(super) fn cut(&self, streams: u64) {
        self.0.cut_streams.fetch_add(streams, Ordering::Relaxed);
    }

    /// Notes that everything is given away in order to stop.
    pub(super) fn leave(&self) {
        self.0.left.cancel();
    }
}
