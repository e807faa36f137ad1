//! `warren token`.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use warren_raft::names::Glob;
use warren_raft::{Pattern, TokenId, TokenRole};

use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table, Tone};
use super::{CliError, Exit, UsageError};
use crate::api::{MAX_USES, Path, RevokeView, TokenCreated, TokenRequest, TokenState, TokensView};
use crate::failure::Printable;
use crate::telemetry::Colour;

/// Create, list and revoke the tokens that machines enrol with
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    Create(CreateArgs),
    /// List tokens, without their secrets
    Ls,
    /// Make a token worth nothing; what enrolled with it stays
    Revoke {
        /// The token's id, as `warren token ls` shows it
        #[arg(value_name = "ID")]
        id: TokenId,
    },
}

/// Create a token: it is printed on standard output, once, and what to run on the new machine on standard error
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  (umask 077; warren token create --role proxy --uses 2 > proxy.token)
  warren token create --role agent --name lab-pi --allow '*/ssh'
  warren token create --role client --allow 'lab-*/*' --ttl 15m")]
struct CreateArgs {
    /// What it admits: proxy, agent or client
    #[arg(long, value_name = "ROLE", env = "WARREN_ROLE", hide_env_values = true)]
    role: TokenRole,
    /// Which names it admits, `*` stands for any run of characters
    #[arg(long, value_name = "PATTERN", default_value = "*", env = "WARREN_NAME", hide_env_values = true)]
    name: Glob,
    /// What a client may reach, by default nothing, or an agent may publish, by default anything: `AGENT/SERVICE` with `*` in either part
    #[arg(long, value_name = "PATTERN", num_args = 1.., value_delimiter = ',', env = "WARREN_ALLOW", hide_env_values = true)]
    allow: Vec<Pattern>,
    /// How long it is valid, such as `1h` or `15m`
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration, env = "WARREN_TTL", hide_env_values = true)]
    ttl: Duration,
    /// How often it can be used
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_USES)))]
    #[arg(env = "WARREN_USES", hide_env_values = true)]
    uses: u32,
}

impl TokenArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            TokenVerb::Create(args) => create(context, &args.request()?).await,
            TokenVerb::Ls => {
                let tokens: TokensView = context.look(Path::Tokens).await?;
                context.output().show(&tokens).map(|()| Exit::Success)
            }
            TokenVerb::Revoke { id } => {
                let revoked: RevokeView = context.admin()?.post_json(Path::Revoke(id), &()).await?;
                context.output().show(&revoked).map(|()| Exit::Success)
            }
        }
    }
}

async fn create(context: &Context, request: &TokenRequest) -> Result<Exit, CliError> {
    let created: TokenCreated = context.admin()?.post_json(Path::Tokens, request).await?;
    let output = context.output();
    output.show(&created)?;
    if !output.is_json() && !context.is_quiet() {
        // The token is out; that its explanation cannot be written changes nothing.
        let _ = std::io::stderr().lock().write_all(explain(&created).as_bytes());
        if request.role == TokenRole::Client && request.allow.is_empty() {
            let _ = std::io::stderr()
                .lock()
                .write_all(b"warning: this client may reach nothing: `--allow AGENT/SERVICE` says what it may, `*/*` everything\n");
        }
    }
    Ok(Exit::Success)
}

/// What to do with a new token.
fn explain(created: &TokenCreated) -> String {
    let machines = match (created.uses, created.role) {
        (1, role) => format!("one {role}"),
        (uses, TokenRole::Proxy) => format!("{uses} proxies"),
        (uses, role) => format!("{uses} {role}s"),
    };
    let config = if created.role == TokenRole::Proxy { ", with the `--config FILE` it has" } else { "" };
    format!(
        "token {} admits {machines}, until {}; it is shown only now\n\
         save it on the new machine as `warren.token`, mode 0600, and run there{config}:\n  {}\n",
        created.id,
        created.expires_at,
        Printable(&created.command)
    )
}

impl CreateArgs {
    fn request(self) -> Result<TokenRequest, UsageError> {
        let ttl_ms = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
        let request = TokenRequest { role: self.role, name: self.name, allow: self.allow, ttl_ms, uses: self.uses };
        let hint = || "`warren token create --help`".to_owned();
        request.check().map(|()| request).map_err(|error| UsageError { message: error.to_string(), hint: hint() })
    }
}

impl Show for TokenCreated {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("{}\n", Printable(&self.token))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for RevokeView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("token {} is revoked\n", self.id)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for TokensView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        let mut headings = vec!["ID", "ROLE", "NAME", "STATE", "USES LEFT", "EXPIRES"];
        if width == Width::Wide {
            headings.extend(["USES", "CREATED", "ALLOW"]);
        }
        let mut table = Table::new(&headings);
        for token in &self.tokens {
            let tone = if token.state == TokenState::Valid { Tone::Good } else { Tone::Warning };
            let mut cells = vec![Cell::plain(&token.id), Cell::plain(&token.role), Cell::plain(&token.name)];
            cells.extend([Cell::new(&token.state, tone), Cell::plain(&token.uses_left), Cell::plain(&token.expires_at)]);
            if width == Width::Wide {
                cells.extend([Cell::plain(&token.uses), Cell::plain(&token.created_at), Cell::list(&token.allow)]);
            }
            table.row(cells);
        }
        table.render(colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_explained() {
        assert_eq!(
            explain(&crate::api::tests::token_created()),
            "token 0101010101010101 admits one client, until 2026-11-22T13:04:05.25Z; it is shown only now\n\
             save it on the new machine as `warren.token`, mode 0600, and run there:\n  \
             warren enroll 10.0.0.1:3024 --token-file warren.token\n"
        );
        let of = |role, uses| explain(&TokenCreated { role, uses, ..crate::api::tests::token_created() });
        assert!(of(TokenRole::Proxy, 2).starts_with("token 0101010101010101 admits 2 proxies, until "));
        assert!(of(TokenRole::Agent, 7).starts_with("token 0101010101010101 admits 7 agents, until "));
    }
}
