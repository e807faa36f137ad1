//! `warren generate completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
bash: `warren generate completions bash > /etc/bash_completion.d/warren`
zsh:  `warren generate completions zsh > /usr/share/zsh/site-functions/_warren`
fish: `warren generate completions fish > ~/.config/fish/completions/warren.fish`")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    pub(super) fn run(self) -> String {
        script(self.shell)
    }
}

/// The script of a shell.
pub(super) fn script(shell: Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "warren", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
