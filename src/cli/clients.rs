//! `warren clients`.

use std::io::Write;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use warren_raft::{ClientName, Pattern};

use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table, count};
use super::{CliError, Exit, UsageError};
use crate::api::{
    AllowRequest, ClientRemovalRequest, ClientRemovalView, ClientRow, ClientView, ClientsView, CredentialIssued, CredentialRequest,
    CredentialRequestError, CredentialRevocationRequest, CredentialsRevoked, Path, Schema, TokenText,
};
use crate::failure::Printable;
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
    Credential(CredentialArgs),
    Rm(RmArgs),
}

/// Replace what a client may reach
#[derive(Debug, Args)]
#[command(
    after_help = "It holds on every proxy within a second: streams that run to what the client may not reach any more are cut. What it may still reach runs on.",
    override_usage = "warren clients allow [OPTIONS] <NAME> <PATTERN...|--none>",
    group = ArgGroup::new("reach").args(["allow", "none"]).required(true)
)]
struct AllowArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: ClientName,
    /// What it may reach: `AGENT/SERVICE` with `*` in either part
    #[arg(value_name = "PATTERN")]
    allow: Vec<Pattern>,
    /// It may reach nothing
    #[arg(long)]
    none: bool,
}

/// Make a password for a client, for programs that come in by a proxy's SOCKS5 or HTTP: it is printed on standard output, once
#[derive(Debug, Args)]
#[command(
    after_help = "`curl --proxy-user NAME:SECRET`: the cluster keeps a hash of the secret. A client has at most 8 of them, and with any of them reaches what `warren clients show` says."
)]
struct CredentialArgs {
    /// The client's name
    #[arg(value_name = "NAME")]
    name: ClientName,
    /// How long it is valid, such as `30days` or `12h`
    #[arg(long, value_name = "DURATION", default_value = "30days", value_parser = humantime::parse_duration, env = "WARREN_TTL", hide_env_values = true)]
    ttl: Duration,
    /// Make all passwords of the client worth nothing instead, and cut what runs by them
    #[arg(long, conflicts_with = "ttl")]
    revoke: bool,
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
    #[arg(long)]
    yes: bool,
}

impl ClientsArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            ClientsVerb::Ls => {
                let clients: ClientsView = context.look(Path::Clients).await?;
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
            ClientsVerb::Credential(args) => return args.run(context).await,
            ClientsVerb::Rm(args) => return args.run(context).await,
        }
        Ok(Exit::Success)
    }
}

impl CredentialArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let Self { name, ttl, revoke } = self;
        if revoke {
            let request = CredentialRevocationRequest { name };
            let revoked: CredentialsRevoked = context.admin()?.post_json(Path::CredentialRevocation, &request).await?;
            return context.output().show(&revoked).map(|()| Exit::Success);
        }
        let request = CredentialRequest { name, ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX) };
        let wrong = |error: CredentialRequestError| UsageError {
            message: error.to_string(),
            hint: "`warren clients credential --help`".to_owned(),
        };
        request.check().map_err(wrong)?;
        let issued: CredentialIssued = context.admin()?.post_json(Path::Credential, &request).await?;
        let output = context.output();
        output.show(&issued)?;
        if !output.is_json() {
            let text = format!("the password of client {} until {}; it is shown only now\n", issued.client, issued.expires_at);
            // The secret is out; that its explanation cannot be written changes nothing.
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
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
    let clients: ClientsView = context.look(Path::Clients).await?;
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
        headings.extend(["PASSWORDS", "KEY"]);
    }
    let mut table = Table::new(&headings);
    for client in clients {
        let mut cells = vec![Cell::plain(&client.name), Cell::list(&client.allow), Cell::plain(&client.enrolled_at)];
        if width == Width::Wide {
            cells.extend([Cell::plain(&client.credentials.len()), Cell::plain(&client.key)]);
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

impl Show for CredentialIssued {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("{}\n", Printable(&self.secret))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for CredentialsRevoked {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("{} of client {} revoked\n", count(self.revoked, "password"), self.client)
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
