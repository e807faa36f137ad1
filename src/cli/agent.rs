//! `warren agent`.

use std::path::PathBuf;

use clap::Args;
use warren_raft::AgentName;

use super::context::Context;
use super::{CliError, Exit, service};
use crate::config::{HostPort, Overrides, ServiceSettings, TokenSource};

/// Publish services of this network through the proxies
#[derive(Debug, Args)]
#[command(
    after_help = "It dials out only. On the machine of any proxy, `warren token create --role agent` makes the token; once this machine has its identity, the token is not needed again. Each option beats its key in the [agent] table.",
    after_long_help = "\
It dials out only. On the machine of any proxy, `warren token create --role agent` makes the token; once this machine has its identity, the token is not needed again. Each option beats its key in the [agent] table. HUP and \
`warren config reload --role agent` have it publish what the file then says.

Examples:
  warren agent --proxy proxy-1.example.net:3024 --token-file agent.token --name lab-pi --publish ssh=127.0.0.1:22 web=127.0.0.1:80
  warren agent --config /etc/warren/agent.toml"
)]
pub(super) struct AgentArgs {
    /// Public addresses of any proxies [key: agent.proxies, env: WARREN_AGENT_PROXIES]
    #[arg(long = "proxy", value_name = "ADDR", num_args = 1.., value_delimiter = ',')]
    proxies: Vec<HostPort>,
    /// The file with the token, or `-` for standard input [key: agent.token_file, env: WARREN_AGENT_TOKEN_FILE]
    #[arg(long, value_name = "FILE")]
    token_file: Option<TokenSource>,
    /// The agent's name; the host name by default [key: agent.name, env: WARREN_AGENT_NAME]
    #[arg(long, value_name = "NAME")]
    name: Option<AgentName>,
    /// What it publishes: a name, and what it dials for it [key: agent.service, env: WARREN_AGENT_SERVICE]
    #[arg(long = "publish", value_name = "NAME=HOST:PORT", num_args = 1.., value_delimiter = ',')]
    services: Vec<ServiceSettings>,
    /// Where it keeps its identity [key: agent.data_dir, env: WARREN_AGENT_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl AgentArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let overrides = self.overrides(context);
        let config = context.config(&overrides)?;
        let launch = context.launch(&config, overrides)?;
        service::agent(config, launch).await.map(|()| Exit::Success)
    }

    fn overrides(self, context: &Context) -> Overrides {
        let flags = [
            ("agent.proxies", "--proxy", Some(list(&self.proxies)).filter(|_| !self.proxies.is_empty())),
            ("agent.token_file", "--token-file", self.token_file.map(|source| source.to_string())),
            ("agent.name", "--name", self.name.map(|name| name.to_string())),
            ("agent.service", "--publish", Some(list(&self.services)).filter(|_| !self.services.is_empty())),
            ("agent.data_dir", "--data-dir", self.data_dir.map(|dir| dir.display().to_string())),
        ];
        let set = flags.into_iter().filter_map(|(key, name, text)| text.map(|text| (key, name, text)));
        set.fold(context.overrides(), |overrides, (key, name, text)| overrides.with_flag(key, name, text))
    }
}

/// Values as the text of a list.
pub(super) fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
