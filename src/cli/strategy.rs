//! `warren strategy`.

use clap::{Args, Subcommand};
use warren_raft::StrategyKind;

use super::context::Context;
use super::output::{Show, Width};
use super::table::{Cell, Table, count};
use super::{CliError, Exit, UsageError};
use crate::api::{Path, StrategyRequest, StrategySet, StrategyShown, StrategyView};
use crate::failure::Printable;
use crate::telemetry::Colour;

/// Show and change how agents hold their tunnels
#[derive(Debug, Args)]
pub(super) struct StrategyArgs {
    #[command(subcommand)]
    verb: StrategyVerb,
}

#[derive(Debug, Subcommand)]
enum StrategyVerb {
    /// Show the strategy and how far the agents are with it
    Show,
    Set(SetArgs),
}

/// Change how agents hold their tunnels; they are told at once, and open before they close
#[derive(Debug, Args)]
struct SetArgs {
    /// `agent_mesh`: to every proxy; `proxy_peering`: to some, and the others reach the agent through them
    #[arg(value_name = "agent_mesh|proxy_peering", hide_possible_values = true)]
    kind: StrategyKind,
    /// To how many, with `proxy_peering`: 1 to 64, more than there are proxies means all of them; as many as it was by default
    #[arg(long, value_name = "N", env = "WARREN_AGENT_CONNECTION_COUNT", hide_env_values = true)]
    agent_connection_count: Option<u32>,
}

impl StrategyArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            StrategyVerb::Show => {
                let shown: StrategyShown = context.admin()?.get_json(Path::Strategy).await?;
                context.output().show(&shown).map(|()| Exit::Success)
            }
            StrategyVerb::Set(args) => args.run(context).await,
        }
    }
}

impl SetArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let set: StrategySet = context.admin()?.post_json(Path::Strategy, &self.request()?).await?;
        context.output().show(&set).map(|()| Exit::Success)
    }

    fn request(&self) -> Result<StrategyRequest, UsageError> {
        let request = StrategyRequest { kind: self.kind, agent_connection_count: self.agent_connection_count };
        request.check().map(|()| request).map_err(|error| UsageError {
            message: error.to_string(),
            hint: "`warren strategy set agent_mesh`, or `warren strategy set proxy_peering --agent-connection-count 2`".to_owned(),
        })
    }
}

/// A strategy in a sentence.
fn strategy(view: &StrategyView) -> String {
    match view.kind.as_str() {
        "agent_mesh" => "agent_mesh".to_owned(),
        kind => format!("{} with {} per agent", Printable(kind), view.agent_connection_count),
    }
}

impl Show for StrategyShown {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let mut table = Table::new(&["PROXY", "STATE", "TUNNELS"]);
        for row in &self.proxies {
            table.row(vec![Cell::plain(&row.name), Cell::plain(&row.state), Cell::plain(&row.tunnels)]);
        }
        let now = count(self.wanted, "tunnel");
        format!("strategy {}: now {now} for each agent\n\n{}", strategy(&self.strategy), table.render(colour))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for StrategySet {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("strategy {}, before: {}\n", strategy(&self.strategy), strategy(&self.before))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}
