//! `warren proxy`.

use clap::Args;

use super::context::Context;
use super::{CliError, Exit, service};

/// Run a proxy; an empty data directory begins a new cluster
#[derive(Debug, Args)]
#[command(
    after_help = "What it is comes from the configuration alone: `--config FILE` and `WARREN_*` variables. With an empty data directory and no `join` in [cluster] it begins a new cluster, otherwise it continues as what it was."
)]
pub(super) struct ProxyArgs {}

impl ProxyArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        let launch = context.launch(&config, context.overrides())?;
        service::proxy(config, launch).await.map(|()| Exit::Success)
    }
}
