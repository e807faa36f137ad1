//! What a service gets beside its configuration.

use std::path::PathBuf;

use crate::cli::notify::Notifier;
use crate::config::{Config, ConfigErrors, Overrides};
use crate::telemetry::Logs;

/// Where a process has its configuration from, so that it can be read again.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Source {
    /// The file; without one, defaults, variables and flags.
    pub(in crate::cli) path: Option<PathBuf>,
    /// The variables and flags, which stay as they were.
    pub(in crate::cli) overrides: Overrides,
}

/// What a service gets beside its configuration.
#[derive(Debug)]
pub(in crate::cli) struct Launch {
    /// Where the configuration is from.
    pub(in crate::cli) source: Source,
    /// The logs, which may change.
    pub(in crate::cli) logs: Logs,
    /// The service manager.
    pub(in crate::cli) notifier: Notifier,
}

impl Source {
    /// Reads the configuration as it is now.
    pub(super) fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(self.path.as_deref(), &self.overrides)
    }

    /// The file as text.
    pub(super) fn file(&self) -> Option<String> {
        self.path.as_ref().map(|path| path.display().to_string())
    }
}
