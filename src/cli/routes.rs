//! `warren routes`.

use clap::{Args, Subcommand};

use warren_raft::AgentName;

use super::agents::find;
use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table};
use super::{CliError, Exit};
use crate::api::{Path, RoutesView};
use crate::target::Target;
use crate::telemetry::Colour;

/// List routes
#[derive(Debug, Args)]
pub(super) struct RoutesArgs {
    #[command(subcommand)]
    verb: RoutesVerb,
}

#[derive(Debug, Subcommand)]
enum RoutesVerb {
    /// List which agent has a tunnel at which proxy, as this proxy knows it
    Ls,
    /// Show at which proxies an agent has a tunnel, as this proxy knows it
    Show {
        /// The agent's name
        #[arg(value_name = "AGENT", value_parser = agent)]
        agent: AgentName,
    },
}

/// The name of an agent. Whoever names a service of it is told where its way is shown.
fn agent(text: &str) -> Result<AgentName, String> {
    let name = text.parse::<AgentName>();
    match text.parse() {
        Ok(Target::Service(agent, _)) if name.is_err() => Err(format!(
            "`{text}` is a service, and routes are its agent's: `warren routes show {agent}`, or `warren ping {text}` for the way to it"
        )),
        _ => name.map_err(|error| error.to_string()),
    }
}

impl RoutesArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut routes: RoutesView = context.look(Path::Routes).await?;
        if let RoutesVerb::Show { agent } = self.verb {
            routes.routes.retain(|route| route.agent == agent);
            if routes.routes.is_empty() {
                // An agent that is offline has none; one that there is not is another matter.
                find(context, &agent).await?;
            }
        }
        context.output().show(&routes).map(|()| Exit::Success)
    }
}

impl Show for RoutesView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let mut table = Table::new(&["AGENT", "PROXY", "EPOCH", "SEQUENCE", "SINCE"]);
        for route in &self.routes {
            table.row(vec![
                Cell::plain(&route.agent),
                Cell::plain(&route.proxy),
                Cell::plain(&route.epoch),
                Cell::plain(&route.sequence),
                Cell::plain(&route.since),
            ]);
        }
        table.render(colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.routes)
    }
}
