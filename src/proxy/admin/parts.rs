//! What the answers are made of.

use std::path::PathBuf;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, watch};
use warren_raft::{ProxyId, RoutingStore};

use super::page::PageCache;
use crate::identity::CredentialsHandle;
use crate::net::Env;
use crate::proxy::enrollment_guard::EnrollmentGuard;
use crate::proxy::handover::Drain;
use crate::proxy::ingress::Listening;
use crate::proxy::mesh::Links;
use crate::proxy::metrics::Metrics;
use crate::proxy::recent::Lookout;
use crate::proxy::reloads::Reloads;
use crate::proxy::rotation::Rotations;
use crate::proxy::strategy::Settled;
use crate::proxy::tunnels::Tunnels;

/// What the answers are made of.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct AdminParts {
    pub(in crate::proxy) me: ProxyId,
    pub(in crate::proxy) env: Env,
    pub(in crate::proxy) store: RoutingStore,
    pub(in crate::proxy) links: Links,
    pub(in crate::proxy) tunnels: Arc<Tunnels>,
    pub(in crate::proxy) metrics: Metrics,
    pub(in crate::proxy) registry: Arc<Registry>,
    pub(in crate::proxy) credentials: CredentialsHandle,
    pub(in crate::proxy) drain: Drain,
    pub(in crate::proxy) rotations: Rotations,
    pub(in crate::proxy) settled: watch::Receiver<Settled>,
    pub(in crate::proxy) guard: EnrollmentGuard,
    pub(in crate::proxy) listening: Listening,
    pub(in crate::proxy) saves: Arc<Semaphore>,
    pub(in crate::proxy) lookout: Lookout,
    pub(in crate::proxy) page: PageCache,
    pub(in crate::proxy) reloads: Reloads,
    pub(in crate::proxy) data_dir: PathBuf,
}
