//! `warren generate dashboard`.

mod grafana;
mod panels;
#[cfg(test)]
mod tests;

use clap::Args;
use clap::builder::FalseyValueParser;

use crate::cli::CliError;

/// The rules, as Prometheus reads them.
const ALERTS: &str = include_str!("alerts.yaml");

/// Print a dashboard for Grafana, or alert rules for Prometheus
#[derive(Debug, Args)]
#[command(
    after_help = "The dashboard is imported as it is; it asks for the Prometheus that scrapes each proxy's `/metrics`. The rules are a file for `rule_files` of Prometheus."
)]
pub(in crate::cli) struct DashboardArgs {
    /// Print the alert rules instead
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_ALERTS", hide_env_values = true)]
    alerts: bool,
}

impl DashboardArgs {
    pub(in crate::cli) fn run(self) -> Result<String, CliError> {
        if self.alerts { Ok(ALERTS.to_owned()) } else { Ok(grafana::dashboard().map_err(anyhow::Error::from)?) }
    }
}
