//! What every subsystem is given instead of reaching for the operating system.

use std::net::SocketAddr;
use std::sync::Arc;

use super::entropy::Entropy;
use super::files::{RealFiles, StateFiles};
use super::quic;
use super::real::{RealNet, RealWall};
use super::sockets::Net;
use super::stalled::{Readers, StalledBudget};
use super::stores::{SledStores, Stores};
use super::wall::Wall;
use crate::audit::Audit;
use crate::traces::Traces;

/// The outside world: production's, or a simulation's.
#[derive(Clone, Debug)]
pub struct Env {
    /// Sockets and name resolution.
    pub net: Arc<dyn Net>,
    /// Wall time, for certificates and tokens only: leases and deadlines use tokio's monotonic clock.
    pub wall: Arc<dyn Wall>,
    /// The source from which every other randomness is split.
    pub entropy: Entropy,
    /// The small files: identity, membership, and what else outlives the process.
    pub files: Arc<dyn StateFiles>,
    /// Where routing stores are kept.
    pub stores: Arc<dyn Stores>,
    /// What an operator sets of QUIC.
    pub quic: quic::Settings,
    /// What is known of the ways to other machines.
    pub paths: quic::Paths,
    /// Which threads it may have.
    pub threading: Threading,
    /// The streams of this process, and what those that are not read may hold.
    pub readers: Readers,
    /// Who is told what happened; nobody unless an operator wants that.
    pub audit: Audit,
    /// Where the spans of dials go; nowhere unless an operator wants that.
    pub traces: Traces,
}

/// On how many threads work may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threading {
    /// On the caller's only, as in a simulation.
    One,
    /// What must not wait behind the rest may have a thread of its own.
    Apart,
}

impl Env {
    /// QUIC's settings for a connection with `remote`: its packets grow no larger than the route there carries, so that none is lost on this machine's own interface for
    /// finding out.
    pub fn quic_towards(&self, remote: SocketAddr) -> quic::Settings {
        let carried = self.net.udp_payload(remote).unwrap_or(self.quic.max_udp_payload).max(*quic::Settings::UDP_PAYLOADS.start());
        quic::Settings { max_udp_payload: self.quic.max_udp_payload.min(carried), ..self.quic }
    }

    /// The operating system's sockets, clock and randomness, and QUIC as it is by default.
    pub fn real() -> Self {
        Self::real_with(quic::Settings::default())
    }

    /// The operating system's sockets, clock and randomness.
    pub fn real_with(quic: quic::Settings) -> Self {
        let readers = Readers::new(StalledBudget::default());
        Self {
            net: Arc::new(RealNet::new(&quic)),
            wall: Arc::new(RealWall),
            entropy: Entropy::os(),
            files: Arc::new(RealFiles),
            stores: Arc::new(SledStores),
            quic,
            paths: quic::Paths::new(&quic),
            threading: Threading::Apart,
            readers,
            audit: Audit::default(),
            traces: Traces::default(),
        }
    }

    /// The same, where streams that are not read may hold so much.
    #[must_use]
    pub fn with_stalled(self, budget: StalledBudget) -> Self {
        Self { readers: Readers::new(budget), ..self }
    }

    /// The same, where the spans of dials go to `traces`.
    #[must_use]
    pub fn with_traces(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// The same, where what happens is told to `audit`.
    #[must_use]
    pub fn with_audit(self, audit: Audit) -> Self {
        Self { audit, ..self }
    }
}
