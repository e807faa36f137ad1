//! `warren agents`.

use clap::{Args, Subcommand};

use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table, Tone};
use super::{CliError, Exit};
use crate::api::{AgentRow, AgentsView, Path};
use crate::telemetry::Colour;

/// List agents
#[derive(Debug, Args)]
pub(super) struct AgentsArgs {
    #[command(subcommand)]
    verb: AgentsVerb,
}

#[derive(Debug, Subcommand)]
enum AgentsVerb {
    /// List the agents that enrolled, online or not
    Ls,
}

impl AgentsArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let AgentsVerb::Ls = self.verb;
        let agents: AgentsView = context.admin()?.get_json(Path::Agents).await?;
        context.output().show(&agents).map(|()| Exit::Success)
    }
}

impl Show for AgentsView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        let mut headings = vec!["NAME", "STATE", "SERVICES", "PROXIES", "LAST SEEN"];
        if width == Width::Wide {
            headings.push("VERSION");
        }
        let mut table = Table::new(&headings);
        for agent in &self.agents {
            table.row(row(agent, width));
        }
        table.render(colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.agents)
    }
}

fn row(agent: &AgentRow, width: Width) -> Vec<Cell> {
    let (state, tone) = if agent.online { ("online", Tone::Good) } else { ("offline", Tone::Bad) };
    let services = agent.services.iter().map(|service| match width {
        Width::Narrow => service.name.to_string(),
        Width::Wide => format!("{}={}", service.name, service.target),
    });
    let mut cells = vec![
        Cell::plain(&agent.name),
        Cell::new(&state, tone),
        Cell::list(services),
        Cell::list(&agent.proxies),
        Cell::optional(agent.last_seen.as_ref()),
    ];
    if width == Width::Wide {
        cells.push(Cell::plain(&agent.version));
    }
    cells
}
