//! What a verb gets beside its own arguments.

use std::io::IsTerminal;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::CliError;
use super::global::{GlobalArgs, When};
use super::hung::{self, LOOK};
use super::notify::Notifier;
use super::output::Output;
use super::service::{Launch, Source};
use crate::api::Path;
use crate::config::{Config, LogFilter, LogFormat, Origin, Overrides, TelemetryTable};
use crate::http::{AdminClient, ClientError};
use crate::net::Env;
use crate::telemetry::{self, Colour, Logs, Verbosity};

/// The options that all verbs have, and the variables of the process.
#[derive(Debug)]
pub(super) struct Context {
    global: GlobalArgs,
    overrides: Overrides,
}

impl Context {
    pub(super) fn new(global: GlobalArgs) -> Self {
        Self { global, overrides: Overrides::from_environment().with_options(super::root::variables()) }
    }

    /// Whether nothing is to be said but errors.
    pub(super) fn is_quiet(&self) -> bool {
        self.global.quiet
    }

    /// The variables, to add a verb's flags to.
    pub(super) fn overrides(&self) -> Overrides {
        self.overrides.clone()
    }

    /// The configuration with a verb's flags laid over it.
    pub(super) fn config(&self, overrides: &Overrides) -> Result<Config, CliError> {
        Config::load(self.global.config.as_deref(), overrides).map_err(CliError::from)
    }

    /// The path of the configuration file, if one was named.
    pub(super) fn config_path(&self) -> Option<&std::path::Path> {
        self.global.config.as_deref()
    }

    /// A client of the admin socket: `--addr`, or the one of the configuration.
    pub(super) fn admin(&self) -> Result<AdminClient, CliError> {
        match self.admin_at(&self.overrides, |config| config.admin.socket.clone()) {
            Err(CliError::Config(errors)) if !errors.is_of_flags() => Err(CliError::Unasked { errors, hint: self.without_configuration() }),
            found => found,
        }
    }

    /// How a proxy that runs is asked while its configuration has mistakes.
    fn without_configuration(&self) -> String {
        let salvage = |path| Config::salvage(path, &self.overrides, &[("admin", "socket"), ("proxy", "data_dir")]);
        match self.config_path().and_then(salvage) {
            Some(config) => format!("`--addr {}` asks the proxy that runs, without the file", config.admin.socket.display()),
            None => "`--addr SOCKET` asks the proxy that runs, without the configuration; the socket is `admin.sock` in its `data_dir` unless it was told another".to_owned(),
        }
    }

    /// Asks for what is only looked at: a proxy that hangs keeps nobody for long, and what can be said without it is said.
    pub(super) async fn look<T: DeserializeOwned>(&self, path: Path) -> Result<T, CliError> {
        match self.admin()?.with_patience(LOOK).get_json(path).await {
            Err(error @ ClientError::Late { .. }) => Err(hung::failure(self, &error).into()),
            answer => answer.map_err(CliError::from),
        }
    }

    /// A client of a socket: `--addr`, or what `of` finds in the configuration with a verb's flags laid over it.
    pub(super) fn admin_at(&self, overrides: &Overrides, of: impl FnOnce(&Config) -> PathBuf) -> Result<AdminClient, CliError> {
        let socket = match &self.global.addr {
            Some(socket) => socket.clone(),
            None => of(&self.config(overrides)?),
        };
        Ok(Self::client(socket))
    }

    /// A client of the socket that `of` finds in a configuration with mistakes, if it still says where that is, by one of these keys.
    pub(super) fn admin_despite(
        &self,
        overrides: &Overrides,
        keys: &[(&str, &str)],
        of: impl FnOnce(&Config) -> PathBuf,
    ) -> Option<AdminClient> {
        let config = Config::salvage(self.config_path()?, overrides, keys)?;
        Some(Self::client(of(&config)))
    }

    fn client(socket: PathBuf) -> AdminClient {
        AdminClient::new(Env::real().net, socket)
    }

    /// A client of the admin socket: `--addr`, or the one of a configuration that was read already.
    pub(super) fn admin_of(&self, config: &Config) -> AdminClient {
        Self::client(self.global.addr.clone().unwrap_or_else(|| config.admin.socket.clone()))
    }

    /// Where and how answers are shown.
    pub(super) fn output(&self) -> Output {
        Output::new(self.global.output, self.colour(std::io::stdout().is_terminal()))
    }

    /// Whether standard error takes colours.
    pub(super) fn colour_of_stderr(&self) -> Colour {
        self.colour(std::io::stderr().is_terminal())
    }

    /// What a service gets that runs with this configuration, which was read with these overrides. It logs as configured from now on.
    pub(super) fn launch(&self, config: &Config, overrides: Overrides) -> Result<Launch, CliError> {
        let source = Source { path: self.global.config.clone(), overrides };
        Ok(Launch { source, logs: self.log(&config.telemetry)?, notifier: Notifier::from_environment() })
    }

    /// Begins to log as a command does, whose standard error is for people: unless told otherwise warnings only, and text.
    pub(super) fn log_as_command(&self, config: &Config) -> Result<(), CliError> {
        let settings = Self::quieter(config);
        let format = if settings.format == LogFormat::Auto { LogFormat::Text } else { settings.format };
        self.log(&TelemetryTable { format, ..settings }).map(drop)
    }

    /// The same for what runs until it is stopped: its standard error may be a file or a journal, and is JSON there.
    pub(super) fn log_as_running(&self, config: &Config) -> Result<(), CliError> {
        self.log(&Self::quieter(config)).map(drop)
    }

    /// Unless told otherwise warnings only.
    fn quieter(config: &Config) -> TelemetryTable {
        let is_set =
            |key| config.shown().iter().any(|shown| (shown.section, shown.key) == ("telemetry", key) && shown.origin != Origin::Default);
        let mut settings = config.telemetry.clone();
        if !is_set("log") {
            settings.log = LogFilter::warnings();
        }
        settings
    }

    fn log(&self, settings: &TelemetryTable) -> Result<Logs, CliError> {
        let verbosity = match (self.global.quiet, self.global.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Configured,
            (false, 1) => Verbosity::Debug,
            (false, 2..) => Verbosity::Trace,
        };
        telemetry::init(settings, verbosity, self.colour_of_stderr()).map_err(|error| anyhow::Error::from(error).into())
    }

    fn colour(&self, is_terminal: bool) -> Colour {
        let is_wanted = match self.global.color {
            When::Always => true,
            When::Never => false,
            // https://no-color.org: any value that is not empty.
            When::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        if is_wanted { Colour::On } else { Colour::Off }
    }
}
