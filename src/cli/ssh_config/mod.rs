//! `warren ssh-config`.

mod block;
mod files;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use self::block::{Block, Unwritable};
use self::files::{Done, Home};
use super::connect::EntranceArgs;
use super::context::Context;
use super::{CliError, Exit, UsageError};
use crate::identity::CredentialStore;
use crate::net::Env;

/// Lead ssh, scp, rsync and git to `NAME.warren`
#[derive(Debug, Args)]
#[command(
    after_help = "Without either option it prints the block. `--install` writes `~/.ssh/warren.config` and puts one `Include` line at the top of `~/.ssh/config`, which is otherwise left as it is; to do it again changes nothing. `--remove` takes both away. Then `ssh NAME.warren` dials the service of the agent NAME whose target has port 22, or the port of `-p`, and `ssh SERVICE.NAME.warren` the service of that name."
)]
pub(super) struct SshConfigArgs {
    /// Write it where ssh reads it
    #[arg(long, conflicts_with = "remove")]
    install: bool,
    /// Take it away again
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    entrance: EntranceArgs,
}

impl SshConfigArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if self.remove {
            let home = Home::of_user()?;
            say(&home.remove()?, || format!("nothing was installed in {}", home.dir.display()));
            return Ok(Exit::Success);
        }
        let install = self.install;
        let block = self.block(context)?;
        let text = block.text().map_err(unwritable)?;
        if !install {
            return context.output().text(&text).map(|()| Exit::Success);
        }
        let home = Home::of_user()?;
        say(&home.install(&text)?, || format!("{} is installed already", home.ours().display()));
        if !CredentialStore::new(&Env::real().files, &block.identity).is_enrolled() {
            note(&format!(
                "there is no client identity in `{}` yet: `warren enroll ADDR --token-file FILE` gets one",
                block.identity.display()
            ));
        }
        Ok(Exit::Success)
    }

    fn block(self, context: &Context) -> Result<Block, CliError> {
        let warren = std::env::current_exe().context("cannot tell where this binary is")?;
        let identity = absolute(&self.entrance.identity.dir()?)?;
        let config = context.config_path().map(absolute).transpose()?;
        Ok(Block { warren, identity, config, proxies: self.entrance.proxies })
    }
}

/// ssh runs the command in whatever directory it is itself.
fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    let absolute = std::path::absolute(path).with_context(|| format!("cannot tell where `{}` is", path.display()))?;
    Ok(absolute)
}

fn unwritable(error: Unwritable) -> UsageError {
    UsageError { message: error.to_string(), hint: "keep it at a path without line breaks".to_owned() }
}

/// Says what was done, a line each, or that nothing was.
fn say(done: &[Done], nothing: impl FnOnce() -> String) {
    if done.is_empty() {
        note(&nothing());
    }
    done.iter().for_each(|done| note(&done.to_string()));
}

/// It is a remark, and not what the verb was asked for.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
