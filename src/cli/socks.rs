//! `warren socks`.

use std::net::SocketAddr;

use clap::Args;

use super::connect::EntranceArgs;
use super::context::Context;
use super::{CliError, Exit, run};
use crate::config::{Config, Forward, ForwardError, SocksSettings};
use crate::ingress::Domain;

/// Serve SOCKS5 and an HTTP proxy to every service, for programs on this machine
#[derive(Debug, Args)]
#[command(
    after_help = "`curl --socks5-hostname 127.0.0.1:1080 http://web.lab-pi.warren/`: host names are `AGENT.warren` with a port, `SERVICE.AGENT.warren` and `SERVICE.any.warren`. Port 0 picks a free one; both addresses are printed."
)]
pub(super) struct SocksArgs {
    /// Where SOCKS5 is spoken, on loopback without an address
    #[arg(long, value_name = "[BIND:]PORT", default_value = "127.0.0.1:1080", value_parser = bind, env = "WARREN_SOCKS5", hide_env_values = true)]
    socks5: SocketAddr,
    /// Where the HTTP proxy is, on loopback without an address
    #[arg(long, value_name = "[BIND:]PORT", default_value = "127.0.0.1:8080", value_parser = bind, env = "WARREN_HTTP", hide_env_values = true)]
    http: SocketAddr,
    /// What follows the names of agents in host names
    #[arg(long, value_name = "DOMAIN", default_value = "warren", env = "WARREN_DOMAIN", hide_env_values = true)]
    domain: Domain,
    #[command(flatten)]
    entrance: EntranceArgs,
}

fn bind(text: &str) -> Result<SocketAddr, ForwardError> {
    Forward::parse_bind(text)
}

impl SocksArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        context.log_as_command(&config)?;
        run::socks(self.settings(&config)?).await.map(|()| Exit::Success)
    }

    fn settings(self, config: &Config) -> Result<SocksSettings, CliError> {
        Ok(SocksSettings {
            socks5: self.socks5,
            http: self.http,
            domain: self.domain,
            proxies: self.entrance.proxies,
            identity: self.entrance.identity.dir()?,
            dial_timeout: config.limits.dial_timeout,
            transport: config.transport,
        })
    }
}
