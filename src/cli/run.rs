//! Where the verbs that run something call it.

use super::CliError;
use crate::config::{AgentSettings, Config, ConnectSettings, DevSettings, EnrollSettings, ForwardSettings, JoinSettings};

pub(super) async fn dev(_settings: DevSettings) -> Result<(), CliError> {
    Err(missing("dev"))
}

pub(super) async fn proxy(_config: Config) -> Result<(), CliError> {
    Err(missing("proxy"))
}

pub(super) async fn join(_settings: JoinSettings) -> Result<(), CliError> {
    Err(missing("join"))
}

pub(super) async fn agent(_settings: AgentSettings) -> Result<(), CliError> {
    Err(missing("agent"))
}

pub(super) async fn enroll(_settings: EnrollSettings) -> Result<(), CliError> {
    Err(missing("enroll"))
}

pub(super) async fn connect(_settings: ConnectSettings) -> Result<(), CliError> {
    Err(missing("connect"))
}

pub(super) async fn forward(_settings: ForwardSettings) -> Result<(), CliError> {
    Err(missing("forward"))
}

fn missing(verb: &str) -> CliError {
    anyhow::anyhow!("`warren {verb}` is not part of this build").into()
}
