//! `warren dev`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::{CliError, Exit, run};
use crate::config::{Config, DevSettings, Overrides};

/// Most proxies in one process.
const MAX_PROXIES: i64 = 9;

/// Run a whole cluster on this machine: proxies, an agent with demo services, a client
#[derive(Debug, Args)]
#[command(
    after_help = "Everything is on loopback and in one process: proxies that form a cluster, an agent with a small web page and an echo service, and a client that forwards local ports to them. It prints what to try and stops on Ctrl-C."
)]
pub(super) struct DevArgs {
    /// How many proxies
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=MAX_PROXIES))]
    #[arg(env = "WARREN_PROXIES", hide_env_values = true)]
    proxies: u32,
    /// Keep everything in this directory; without it, a new one that is removed at the end
    #[arg(long, value_name = "DIR", env = "WARREN_DIR", hide_env_values = true)]
    dir: Option<PathBuf>,
}

impl DevArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        // A cluster of its own: neither a file nor variables for another one change it.
        let config = Config::load(None, &Overrides::none("dev"))?;
        context.log_as_running(&config)?;
        run::dev(self.settings()).await.map(|()| Exit::Success)
    }

    fn settings(self) -> DevSettings {
        let proxies = usize::try_from(self.proxies).ok().and_then(NonZeroUsize::new).expect("the range was checked");
        DevSettings { proxies, dir: self.dir }
    }
}
