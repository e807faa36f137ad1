//! The README's own commands, so that what it tells people to type is what the tests run.

use std::path::Path;
use std::process::Command;

use super::{Ended, run};

/// The shell lines of the fenced blocks below a heading of the README, up to the next heading of any level; a line that ends with `\` is joined with the next.
pub(crate) fn readme_commands(heading: &str) -> Vec<String> {
    let readme = include_str!("../../README.md");
    let section = readme.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("the README has no `{heading}`")).1;
    let mut commands: Vec<String> = Vec::new();
    let (mut in_block, mut goes_on) = (false, false);
    for line in section.lines() {
        let line = line.trim_start();
        if !in_block && line.starts_with('#') {
            break;
        }
        if line.starts_with("```") {
            in_block = !in_block && line == "```sh";
            continue;
        }
        if !in_block || line.is_empty() {
            continue;
        }
        let text = line.trim_end_matches('\\').trim_end();
        match commands.last_mut().filter(|_| goes_on) {
            Some(command) => *command = format!("{command} {text}"),
            None => commands.push(text.to_owned()),
        }
        goes_on = line.ends_with('\\');
    }
    assert!(!commands.is_empty(), "`{heading}` has no commands");
    commands
}

/// A line of the README with what stands for this test's own names and addresses.
pub(crate) fn adapted(line: &str, own: &[(&str, &str)]) -> String {
    own.iter().fold(line.to_owned(), |line, (theirs, ours)| line.replace(theirs, ours))
}

/// Runs a line in a shell, in `dir` and with our `warren` in the path, and waits for its end.
pub(crate) fn shell(dir: &Path, line: &str) -> Ended {
    let binary = Path::new(env!("CARGO_BIN_EXE_warren")).parent().expect("a directory");
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(dir).env_clear().env("PATH", format!("{}:/usr/bin:/bin", binary.display()));
    run(command, b"")
}
