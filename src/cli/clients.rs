//! `warren clients`.

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};
use warren_raft::{ClientName, Pattern};

use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table};
use super::{CliError, Exit, UsageError};
use crate::api::{AllowRequest, ClientRemovalRequest, ClientRemovalView, ClientRow, ClientView, ClientsView, Path, Schema, TokenText};
use crate::http::{ClientError, StatusCode};
use crate::telemetry::Colour;

/// List clients, say what they may reach, and remove them
#[derive(Debug, Args)]
pub(super) struct ClientsArgs {
    #[command(subcommand)]
    verb: ClientsVerb,
}

#[derive(Debug, Subcommand)]
enum ClientsVerb {
    /// List the clients that enrolled, and what they may reach
    Ls,
    /// Show one client
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: ClientName,
    },
    Allow(AllowArgs),
    Rm(RmArgs),
}

/// Replace what a client may reach
#[derive(Debug, Args)]
#[command(
    after_help = "It holds on every proxy within a second: streams that run to what the client may not reach any more are cut. What it may still reach runs on."
)]
struct AllowArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: ClientName,
    /// What it may reach: `AGENT/SERVICE` with `*` in either part
    #[arg(value_name = "PATTERN", required_unless_present = "none", conflicts_with = "none")]
    allow: Vec<Pattern>,
    /// It may reach nothing
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_NONE", hide_env_values = true)]
    none: bool,
}

/// Remove a client: its connections are closed, and its key is never admitted again
#[derive(Debug, Args)]
#[command(
    after_help = "It holds on every proxy within a second. The name is free for another machine; the same machine needs a new key, which `warren enroll` makes in an empty `--identity DIR`. Without `--yes` it says what it would do and changes nothing."
)]
struct RmArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: ClientName,
    /// Do it
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_YES", hide_env_values = true)]
    yes: bool,
}

impl ClientsArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            ClientsVerb::Ls => {
                let clients: ClientsView = context.admin()?.get_json(Path::Clients).await?;
                context.output().show(&clients)?;
            }
            ClientsVerb::Show { name } => {
                let client = find(context, &name).await?;
                context.output().show(&ClientView { schema: Schema, client })?;
            }
            ClientsVerb::Allow(AllowArgs { name, allow, none: _ }) => {
                let allowed: ClientView = context.admin()?.post_json(Path::Allow, &AllowRequest { name, allow }).await?;
                context.output().show(&allowed)?;
            }
            ClientsVerb::Rm(args) => return args.run(context).await,
        }
        Ok(Exit::Success)
    }
}

impl RmArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if !self.yes {
            let client = find(context, &self.name).await?;
            return Err(unconfirmed(&client).into());
        }
        let removed: ClientRemovalView = context.admin()?.post_json(Path::ClientRemoval, &ClientRemovalRequest { name: self.name }).await?;
        context.output().show(&removed).map(|()| Exit::Success)
    }
}

async fn find(context: &Context, name: &ClientName) -> Result<ClientRow, CliError> {
    let clients: ClientsView = context.admin()?.get_json(Path::Clients).await?;
    clients.clients.into_iter().find(|row| row.name == *name).ok_or_else(|| {
        let hint = Some("`warren clients ls` lists them".to_owned());
        ClientError::Declined { status: StatusCode::NOT_FOUND, message: format!("there is no client `{name}`"), hint }.into()
    })
}

/// What would happen.
fn unconfirmed(client: &ClientRow) -> UsageError {
    UsageError {
        message: format!(
            "nothing was changed: this would remove client `{}`, which may reach {}, cut its streams and refuse its key for good",
            client.name,
            reach(client)
        ),
        hint: format!("`warren clients rm {} --yes` does it", client.name),
    }
}

fn reach(client: &ClientRow) -> String {
    if client.allow.is_empty() {
        return "nothing".to_owned();
    }
    client.allow.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>().join(", ")
}

fn table(clients: &[ClientRow], width: Width, colour: Colour) -> String {
    let mut headings = vec!["NAME", "ALLOW", "ENROLLED"];
    if width == Width::Wide {
        headings.push("KEY");
    }
    let mut table = Table::new(&headings);
    for client in clients {
        let mut cells = vec![Cell::plain(&client.name), Cell::list(&client.allow), Cell::plain(&client.enrolled_at)];
        if width == Width::Wide {
            cells.push(Cell::plain(&client.key));
        }
        table.row(cells);
    }
    table.render(colour)
}

impl Show for ClientsView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        table(&self.clients, width, colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.clients)
    }
}

impl Show for ClientView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        table(std::slice::from_ref(&self.client), Width::Wide, colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for ClientRemovalView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("client {} is removed; its key is refused from now on\n{}", self.name, left(&self.tokens_left))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

/// What a machine that was removed may still have.
pub(super) fn left(tokens: &[TokenText]) -> String {
    let line = |id: &TokenText| format!("a token that it enrolled with admits further machines: `warren token revoke {id}` ends that\n");
    tokens.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_happen_is_said() {
        let mut client = crate::api::tests::clients().clients.remove(0);
        let would = |client: &ClientRow| unconfirmed(client).message;
        assert!(would(&client).contains("`ada`, which may reach `lab-*/ssh`, `*/web`, cut"), "{}", would(&client));
        client.allow.clear();
        assert!(would(&client).contains("which may reach nothing, cut"), "{}", would(&client));
    }
}
