//! `warren agents`.

use clap::{Args, Subcommand};
use warren_raft::AgentName;

use super::clients::left;
use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table, Tone, count, paint};
use super::{CliError, Exit, UsageError};
use crate::api::{AgentRemovalRequest, AgentRemovalView, AgentRow, AgentView, AgentsView, Path, RouteRow, RoutesView, Schema, ServiceRow};
use crate::failure::Printable;
use crate::http::{ClientError, StatusCode};
use crate::telemetry::Colour;

/// List agents, and remove them
#[derive(Debug, Args)]
pub(super) struct AgentsArgs {
    #[command(subcommand)]
    verb: AgentsVerb,
}

#[derive(Debug, Subcommand)]
enum AgentsVerb {
    /// List the agents that enrolled, online or not
    Ls,
    /// Show one agent
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: AgentName,
    },
    Rm(RmArgs),
}

/// Remove an agent: its tunnels are closed, and its key is never admitted again
#[derive(Debug, Args)]
#[command(
    after_help = "It holds on every proxy within a second: streams to its services are cut. The name is free for another machine; the same machine needs a new key, which `warren agent` makes in an empty data directory. Without `--yes` it says what it would do and changes nothing."
)]
struct RmArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: AgentName,
    /// Do it
    #[arg(long)]
    yes: bool,
}

impl AgentsArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            AgentsVerb::Ls => {
                let agents: AgentsView = context.look(Path::Agents).await?;
                context.output().show(&agents)?;
            }
            AgentsVerb::Show { name } => {
                let agent = find(context, &name).await?;
                let routes: RoutesView = context.look(Path::Routes).await?;
                let routes = routes.routes.into_iter().filter(|route| route.agent == name).collect();
                context.output().show(&AgentView { schema: Schema, agent, routes })?;
            }
            AgentsVerb::Rm(args) => return args.run(context).await,
        }
        Ok(Exit::Success)
    }
}

impl RmArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if !self.yes {
            let agent = find(context, &self.name).await?;
            return Err(unconfirmed(&agent).into());
        }
        let removed: AgentRemovalView = context.admin()?.post_json(Path::AgentRemoval, &AgentRemovalRequest { name: self.name }).await?;
        context.output().show(&removed).map(|()| Exit::Success)
    }
}

/// The agent of this name.
pub(super) async fn find(context: &Context, name: &AgentName) -> Result<AgentRow, CliError> {
    let agents: AgentsView = context.look(Path::Agents).await?;
    agents.agents.into_iter().find(|row| row.name == *name).ok_or_else(|| {
        let hint = Some("`warren agents ls` lists them".to_owned());
        ClientError::Declined { status: StatusCode::NOT_FOUND, message: format!("there is no agent `{name}`"), hint }.into()
    })
}

/// What would happen.
fn unconfirmed(agent: &AgentRow) -> UsageError {
    let state = if agent.online { "online" } else { "offline" };
    UsageError {
        message: format!(
            "nothing was changed: this would remove agent `{}` ({state}, {}), cut the streams to it and refuse its key for good",
            agent.name,
            count(agent.services.len() as u64, "service"),
        ),
        hint: format!("`warren agents rm {} --yes` does it", agent.name),
    }
}

fn table(agents: &[AgentRow], width: Width, colour: Colour) -> String {
    let mut headings = vec!["NAME", "STATE", "SERVICES", "PROXIES", "LAST SEEN"];
    if width == Width::Wide {
        headings.extend(["VERSION", "MAY PUBLISH"]);
    }
    let mut table = Table::new(&headings);
    for agent in agents {
        table.row(row(agent, width));
    }
    table.render(colour)
}

impl Show for AgentsView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        table(&self.agents, width, colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.agents)
    }
}

impl Show for AgentView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let AgentRow { name, online, services, last_seen, version, allow, .. } = &self.agent;
        let (state, tone) = state(*online);
        let mut text = format!("agent {name}: {}\n", paint(state, tone, colour));
        let seen = last_seen.as_ref().map_or_else(|| "never seen".to_owned(), |at| format!("last seen {at}"));
        let version = if version.is_empty() { String::new() } else { format!(", version {}", Printable(version)) };
        text += &format!("  {seen}{version}\n");
        text += &match allow {
            None => "  may publish anything\n".to_owned(),
            Some(allow) => format!("  may publish {}\n", allow.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        text += "\n";
        text += &services_table(services, colour);
        text += "\n";
        text += &tunnels_table(&self.routes, colour);
        if !online {
            text += &format!(
                "\nhint: see whether `warren agent` runs on its machine, and what its log says of `no tunnel`; `warren routes show {name}`\n"
            );
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

fn services_table(services: &[ServiceRow], colour: Colour) -> String {
    let mut table = Table::new(&["SERVICE", "TARGET", "KIND"]);
    for service in services {
        table.row(vec![Cell::plain(&service.name), Cell::plain(&service.target), Cell::plain(&service.kind)]);
    }
    table.render(colour)
}

fn tunnels_table(routes: &[RouteRow], colour: Colour) -> String {
    let mut table = Table::new(&["TUNNEL AT", "SINCE", "EPOCH", "SEQUENCE"]);
    for route in routes {
        table.row(vec![Cell::plain(&route.proxy), Cell::plain(&route.since), Cell::plain(&route.epoch), Cell::plain(&route.sequence)]);
    }
    table.render(colour)
}

fn state(online: bool) -> (&'static str, Tone) {
    if online { ("online", Tone::Good) } else { ("offline", Tone::Bad) }
}

impl Show for AgentRemovalView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("agent {} is removed; its key is refused from now on\n{}", self.name, left(&self.tokens_left))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

fn row(agent: &AgentRow, width: Width) -> Vec<Cell> {
    let (state, tone) = state(agent.online);
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
        cells.push(agent.allow.as_ref().map_or_else(|| Cell::plain(&"anything"), Cell::list));
    }
    cells
}
