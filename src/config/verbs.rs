//! What the verbs that run a proxy run with, beside the configuration itself.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::Config;

/// What `warren join` runs with: `config.cluster.join` is not empty and `config.cluster.token_file` is set.
#[derive(Clone, Debug)]
pub struct JoinSettings {
    /// The configuration of the proxy.
    pub config: Config,
    /// What to do once the machine is enrolled.
    pub then: AfterEnroll,
}

/// What to do once a machine is enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterEnroll {
    /// Run the proxy.
    Run,
    /// End, so that a service unit can run it.
    Stop,
}

/// What `warren dev` runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevSettings {
    /// How many proxies.
    pub proxies: NonZeroUsize,
    /// Where they keep what they know; a directory that is removed at the end when `None`.
    pub dir: Option<PathBuf>,
}
