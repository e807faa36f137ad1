//! `warren join`.

use clap::Args;

use super::context::Context;
use super::{CliError, Exit, UsageError, run};
use crate::config::{AfterEnroll, HostPort, JoinSettings, Overrides, TokenSource};

/// Enrol this machine as a proxy of an existing cluster, then run it
#[derive(Debug, Args)]
#[command(
    after_help = "On the machine of any proxy, `warren token create --role proxy` makes the token. Once this machine has its identity, neither the token nor the addresses are needed again."
)]
pub(super) struct JoinArgs {
    /// Public addresses of any of its proxies [key: cluster.join]
    #[arg(required = true, value_name = "ADDR")]
    proxies: Vec<HostPort>,
    /// The file with the token, or `-` for standard input [key: cluster.token_file, env: WARREN_CLUSTER_TOKEN_FILE]
    #[arg(long, value_name = "FILE")]
    token_file: Option<TokenSource>,
    /// Stop once enrolled, so that a service can run it
    #[arg(long)]
    enroll_only: bool,
}

impl JoinArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (settings, overrides) = self.settings(context)?;
        let launch = context.launch(&settings.config, overrides)?;
        run::join(settings, launch).await.map(|()| Exit::Success)
    }

    fn settings(self, context: &Context) -> Result<(JoinSettings, Overrides), CliError> {
        let mut overrides = context.overrides().with_flag("cluster.join", "ADDR", super::agent::list(&self.proxies));
        if let Some(token_file) = self.token_file {
            overrides = overrides.with_flag("cluster.token_file", "--token-file", token_file.to_string());
        }
        let config = context.config(&overrides)?;
        if config.cluster.token_file.is_none() {
            return Err(UsageError {
                message: "a machine joins with a token".to_owned(),
                hint: "`--token-file FILE`, with what `warren token create --role proxy` prints".to_owned(),
            }
            .into());
        }
        Ok((JoinSettings { config, then: if self.enroll_only { AfterEnroll::Stop } else { AfterEnroll::Run } }, overrides))
    }
}
