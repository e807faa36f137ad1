//! Wall time, and the adapters that hand it to rustls and to quinn.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use warren_raft::Timestamp;

/// Tells the wall time. It may step in either direction, so it decides only what certificates and tokens say.
pub trait Wall: Debug + Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Timestamp;
}

/// Lets rustls judge certificates by `wall`.
pub fn time_provider(wall: &Arc<dyn Wall>) -> Arc<dyn TimeProvider> {
    Arc::new(Adapter(Arc::clone(wall)))
}

/// Lets quinn date its address validation tokens by `wall`.
pub fn time_source(wall: &Arc<dyn Wall>) -> Arc<dyn quinn::TimeSource> {
    Arc::new(Adapter(Arc::clone(wall)))
}

#[derive(Debug)]
struct Adapter(Arc<dyn Wall>);

impl Adapter {
    fn since_epoch(&self) -> Duration {
        Duration::from_millis(self.0.now().0)
    }
}

impl TimeProvider for Adapter {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.since_epoch()))
    }
}

impl quinn::TimeSource for Adapter {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.since_epoch()
    }
}
