//! Sets the sending of spans to work.

use super::{Endpoint, Traces};
use crate::net::{Budget, Env};

/// Whose spans they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What this process is: `proxy` or `agent`.
    pub role: &'static str,
    /// Its name.
    pub name: String,
}

/// What sends spans.
#[derive(Debug)]
pub struct Exporter {
    #[cfg(feature = "otlp")]
    running: Option<super::otlp::Running>,
}

/// Begins to send spans to `endpoint`, if there is one and this program was built with the feature `otlp`.
#[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "nothing is sent without the feature"))]
pub fn start(endpoint: Option<&Endpoint>, resource: Resource, env: &Env) -> (Traces, Exporter) {
    #[cfg(feature = "otlp")]
    if let Some(endpoint) = endpoint {
        let (traces, running) = super::otlp::Running::start(endpoint.clone(), resource, env);
        return (traces, Exporter { running: Some(running) });
    }
    let exporter = Exporter {
        #[cfg(feature = "otlp")]
        running: None,
    };
    (Traces::default(), exporter)
}

impl Exporter {
    /// Whether this program can send spans.
    pub const IS_BUILT: bool = cfg!(feature = "otlp");

    /// Sends what waits, within the budget, and ends.
    #[cfg_attr(not(feature = "otlp"), expect(clippy::unused_async, unused_variables, reason = "nothing is sent without the feature"))]
    pub async fn close(self, budget: Budget) {
        #[cfg(feature = "otlp")]
        if let Some(running) = self.running {
            running.close(budget).await;
        }
    }
}
