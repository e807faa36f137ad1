//! `warren generate config`.

use clap::Args;

use crate::config::{Role, documented};

/// Print the documented default configuration
#[derive(Debug, Args)]
#[command(after_help = "`warren generate config --role agent > /etc/warren/agent.toml`")]
pub(super) struct ConfigArgs {
    /// Only the tables that this role uses: `proxy` or `agent`
    #[arg(long, value_name = "ROLE", env = "WARREN_ROLE", hide_env_values = true)]
    role: Option<Role>,
}

impl ConfigArgs {
    pub(super) fn run(self) -> String {
        documented::file(self.role)
    }
}
