//! A cluster that the tests of one file share while any of them runs.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Cluster;

/// The place of a shared cluster, a `static` of a test file.
#[derive(Debug)]
pub(crate) struct SharedCluster {
    size: usize,
    further: &'static str,
    cluster: Mutex<Weak<Cluster>>,
}

/// A share of a cluster; the last one takes it down.
#[derive(Debug)]
pub(crate) struct Shared(Arc<Cluster>);

impl SharedCluster {
    /// A cluster of so many proxies, once it is needed.
    pub(crate) const fn of(size: usize) -> Self {
        Self::configured(size, "")
    }

    /// The same of proxies with further tables in their configuration.
    pub(crate) const fn configured(size: usize, further: &'static str) -> Self {
        Self { size, further, cluster: Mutex::new(Weak::new()) }
    }

    /// The cluster, started if no other test has it.
    pub(crate) fn get(&self) -> Shared {
        let mut known = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = known.upgrade().unwrap_or_else(|| Arc::new(Cluster::start_with(self.size, |proxy| proxy.configured(self.further))));
        *known = Arc::downgrade(&cluster);
        Shared(cluster)
    }
}

impl Deref for Shared {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Another test may still hold the cluster, which then does not show its logs.
        if std::thread::panicking() && Arc::strong_count(&self.0) > 1 {
            self.0.proxies().iter().for_each(super::Proxy::show);
        }
    }
}
