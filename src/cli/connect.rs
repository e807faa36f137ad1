//! `warren connect`.

use clap::Args;

use super::context::Context;
use super::enroll::IdentityArgs;
use super::{CliError, Exit, run};
use crate::config::{Config, ConnectSettings, HostPort};
use crate::target::Target;

/// Join standard input and output to a service, as ssh's ProxyCommand
#[derive(Debug, Args)]
#[command(after_help = "`ssh -o ProxyCommand='warren connect lab-pi/ssh' lab-pi`")]
pub(super) struct ConnectArgs {
    /// `AGENT/SERVICE`, `AGENT:PORT` or `any/SERVICE`; `AGENT.warren:PORT` and `SERVICE.AGENT.warren` are the same as host names
    #[arg(value_name = "TARGET")]
    target: Target,
    #[command(flatten)]
    entrance: EntranceArgs,
}

/// Where dials enter, and as whom.
#[derive(Debug, Args)]
pub(super) struct EntranceArgs {
    /// Public addresses of the proxies to dial through, separated by commas; those that `enroll` learned by default
    #[arg(long = "proxy", value_name = "ADDR", value_delimiter = ',', env = "WARREN_PROXY", hide_env_values = true)]
    pub(super) proxies: Vec<HostPort>,
    #[command(flatten)]
    pub(super) identity: IdentityArgs,
}

impl ConnectArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        context.log_as_command(&config)?;
        run::connect(self.settings(&config)?).await
    }

    fn settings(self, config: &Config) -> Result<ConnectSettings, CliError> {
        Ok(ConnectSettings {
            target: self.target,
            proxies: self.entrance.proxies,
            identity: self.entrance.identity.dir()?,
            dial_timeout: config.limits.dial_timeout,
            transport: config.transport,
        })
    }
}
