//! `warren enroll`, and the options that all verbs of a client have.

use std::path::PathBuf;

use clap::Args;
use warren_raft::ClientName;

use super::context::Context;
use super::{CliError, Exit, UsageError, run};
use crate::config::{EnrollSettings, HostPort, TokenSource};

/// Get a client's identity, kept for connect, forward and socks
#[derive(Debug, Args)]
#[command(after_help = "On the machine of any proxy, `warren token create --role client --allow PATTERN` makes the token.")]
pub(super) struct EnrollArgs {
    /// Public addresses of any proxies
    #[arg(required = true, value_name = "ADDR")]
    proxies: Vec<HostPort>,
    /// The file with the token, or `-` for standard input
    #[arg(long, required = true, value_name = "FILE", env = "WARREN_TOKEN_FILE", hide_env_values = true)]
    token_file: TokenSource,
    /// The client's name; the host name by default
    #[arg(long, value_name = "NAME", env = "WARREN_NAME", hide_env_values = true)]
    name: Option<ClientName>,
    #[command(flatten)]
    identity: IdentityArgs,
}

/// Where a client's identity is.
#[derive(Debug, Args)]
pub(super) struct IdentityArgs {
    /// The directory of the client's identity; `$XDG_STATE_HOME/warren` or `~/.local/state/warren` by default
    #[arg(long = "identity", value_name = "DIR", env = "WARREN_IDENTITY", hide_env_values = true)]
    dir: Option<PathBuf>,
}

impl EnrollArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        context.log_as_command(&context.config(&context.overrides())?)?;
        run::enroll(self.settings(context)?).await.map(|()| Exit::Success)
    }

    fn settings(self, context: &Context) -> Result<EnrollSettings, CliError> {
        let host = || context.overrides().host_name().parse().expect("a host name is made of what a name can have");
        Ok(EnrollSettings {
            proxies: self.proxies,
            token_file: self.token_file,
            name: self.name.unwrap_or_else(host),
            identity: self.identity.dir()?,
        })
    }
}

impl IdentityArgs {
    /// The directory, as given or by the XDG base directory specification.
    pub(super) fn dir(self) -> Result<PathBuf, UsageError> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = || variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
        self.dir.or_else(|| state().map(|state| state.join("warren"))).ok_or_else(|| UsageError {
            message: "there is no home directory to keep the client's identity in".to_owned(),
            hint: "`--identity DIR`".to_owned(),
        })
    }
}
