//! `warren generate man`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::{Cli, CliError};

/// Print the man page, or write that of each verb
#[derive(Debug, Args)]
#[command(after_help = "`warren generate man --dir /usr/share/man/man1`")]
pub(super) struct ManArgs {
    /// Write the pages of all verbs into this directory, which is made if it is not there, and print nothing
    #[arg(long, value_name = "DIR", env = "WARREN_DIR", hide_env_values = true)]
    dir: Option<PathBuf>,
}

impl ManArgs {
    pub(super) fn run(self) -> Result<String, CliError> {
        let mut command = Cli::command().term_width(110);
        command.build();
        match self.dir {
            None => Ok(page(&command)),
            Some(dir) => std::fs::create_dir_all(&dir)
                .with_context(|| format!("cannot make `{}`", dir.display()))
                .map_err(CliError::from)
                .and_then(|()| write_all(&command, "warren", &dir))
                .map(|()| String::new()),
        }
    }
}

/// Writes the page of a command and of each one below it.
fn write_all(command: &Command, name: &str, dir: &Path) -> Result<(), CliError> {
    let path = dir.join(format!("{name}.1"));
    std::fs::write(&path, page(command)).with_context(|| format!("cannot write `{}`", path.display()))?;
    let mut verbs = command.get_subcommands();
    verbs.try_for_each(|verb| write_all(verb, &format!("{name}-{}", verb.get_name()), dir))
}

/// The page in roff.
pub(super) fn page(command: &Command) -> String {
    let mut bytes = Vec::new();
    Man::new(command.clone())
        .manual("warren")
        .source(concat!("warren ", env!("CARGO_PKG_VERSION")))
        .render(&mut bytes)
        .expect("a vector takes everything");
    String::from_utf8_lossy(&bytes).into_owned()
}
