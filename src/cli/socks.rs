//! `warren socks`.

use std::net::SocketAddr;

use clap::Args;

use super::connect::EntranceArgs;
use super::context::Context;
use super::{CliError, Exit, UsageError, run};
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
    /// Serve whoever reaches an address that is not on loopback, with this client's identity
    #[arg(long, env = "WARREN_OPEN_TO_ANYBODY", hide_env_values = true)]
    open_to_anybody: bool,
    #[command(flatten)]
    entrance: EntranceArgs,
}

fn bind(text: &str) -> Result<SocketAddr, ForwardError> {
    Forward::parse_bind(text)
}

impl SocksArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        context.log_as_running(&config)?;
        self.refuse_strangers()?;
        run::socks(self.settings(&config)?).await.map(|()| Exit::Success)
    }

    /// Nobody is asked who they are here, and all have what this client may.
    fn refuse_strangers(&self) -> Result<(), UsageError> {
        match [self.socks5, self.http].into_iter().find(|address| !address.ip().is_loopback()) {
            Some(address) if !self.open_to_anybody => Err(UsageError {
                message: format!("`{address}` is not on loopback: whoever reaches it would have what this client may"),
                hint: "`--open-to-anybody` if that is meant".to_owned(),
            }),
            Some(_) | None => Ok(()),
        }
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
