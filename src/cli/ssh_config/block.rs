//! The block of `ssh_config` that leads OpenSSH's programs through warren. Pure.

use std::path::{Path, PathBuf};

use crate::config::HostPort;
use crate::ingress::host::DEFAULT_DOMAIN;

/// What the block is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// This binary.
    pub(super) warren: PathBuf,
    /// The directory of the client's identity.
    pub(super) identity: PathBuf,
    /// The configuration file that `connect` is to read.
    pub(super) config: Option<PathBuf>,
    /// Where dials enter; empty: where the identity says.
    pub(super) proxies: Vec<HostPort>,
}

/// A path that a line of `ssh_config` cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot stand in a line of ssh's configuration", .0.escape_debug())]
pub(super) struct Unwritable(String);

impl Block {
    /// The block, which ends with a line break.
    ///
    /// # Errors
    /// [`Unwritable`] for a path that is no text or has a line break or another control character.
    pub(super) fn text(&self) -> Result<String, Unwritable> {
        let mut words = vec![written(&self.warren)?];
        if let Some(config) = &self.config {
            words.extend(["--config".to_owned(), written(config)?]);
        }
        words.extend(["connect".to_owned(), "--identity".to_owned(), written(&self.identity)?]);
        if !self.proxies.is_empty() {
            let proxies = self.proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            words.extend(["--proxy".to_owned(), escaped(&quoted(&proxies))]);
        }
        // A host that is given without a port gets ssh's own, which is the port of the service's target at the agent.
        words.push("%h:%p".to_owned());
        let command = words.join(" ");
        Ok(format!(
            "# Made by `warren ssh-config`, which makes it anew.\n\
             #   ssh NAME.{DEFAULT_DOMAIN}            the service of agent NAME whose target has ssh's port, 22 unless `-p` says otherwise\n\
             #   ssh SERVICE.NAME.{DEFAULT_DOMAIN}    the service of that name\n\
             Host *.{DEFAULT_DOMAIN}\n\
             \x20 ProxyCommand {command}\n\
             \x20 CheckHostIP no\n"
        ))
    }
}

/// The line that reads the block in from the file at `path`.
///
/// # Errors
/// [`Unwritable`], also for what ssh would take for a pattern of files.
pub(super) fn include_line(path: &Path) -> Result<String, Unwritable> {
    let text = line_of(path)?;
    // Nor does every version of it take these as they are.
    if text.contains(['"', '\\', '*', '?', '[', ']', '%', '$']) {
        return Err(Unwritable(text));
    }
    Ok(if text.contains(' ') { format!("Include \"{text}\"") } else { format!("Include {text}") })
}

/// The configuration with `line` as its first one, where a line before it belonged to a host; `None` where it has the line already.
pub(super) fn including(existing: &str, line: &str) -> Option<String> {
    let has_it = existing.lines().any(|known| known.trim() == line);
    (!has_it).then(|| format!("{line}\n{existing}"))
}

/// The configuration without `line`; `None` where it does not have it.
pub(super) fn excluding(existing: &str, line: &str) -> Option<String> {
    let kept: String = existing.split_inclusive('\n').filter(|known| known.trim() != line).collect();
    (kept != existing).then_some(kept)
}

/// A path as a word of `ProxyCommand`.
fn written(path: &Path) -> Result<String, Unwritable> {
    line_of(path).map(|text| escaped(&quoted(&text)))
}

fn line_of(path: &Path) -> Result<String, Unwritable> {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        Some(_) | None => Err(Unwritable(path.to_string_lossy().into_owned())),
    }
}

/// A word as the shell reads it, by which ssh runs the command.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:,=@+%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// ssh replaces what follows a percent sign.
fn escaped(word: &str) -> String {
    word.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(warren: &str, identity: &str) -> Block {
        Block { warren: warren.into(), identity: identity.into(), config: None, proxies: Vec::new() }
    }

    fn command(block: &Block) -> String {
        let text = block.text().expect("paths that can be written");
        let line = text.lines().find(|line| line.starts_with("  ProxyCommand ")).expect("the line").to_owned();
        line.trim_start_matches("  ProxyCommand ").to_owned()
    }

    #[test]
    fn the_command_is_one_that_a_shell_takes_apart_again() {
        assert_eq!(
            command(&block("/usr/bin/warren", "/home/a/.local/state/warren")),
            "/usr/bin/warren connect --identity /home/a/.local/state/warren %h:%p"
        );
        let odd = block("/opt/my tools/warren", "/home/o'neil/100%/$x");
        assert_eq!(command(&odd), r"'/opt/my tools/warren' connect --identity '/home/o'\''neil/100%%/$x' %h:%p");
        let more = Block {
            config: Some("/etc/warren/config.toml".into()),
            proxies: vec!["a:1".parse().expect("an address"), "[::1]:2".parse().expect("an address")],
            ..block("/w", "/i")
        };
        assert_eq!(command(&more), "/w --config /etc/warren/config.toml connect --identity /i --proxy 'a:1,[::1]:2' %h:%p");
        assert!(block("/w", "/i\nHost *").text().is_err());
    }

    #[test]
    fn the_file_is_read_in_before_any_host() {
        assert_eq!(include_line(Path::new("/home/a/.ssh/warren.config")), Ok("Include /home/a/.ssh/warren.config".to_owned()));
        assert_eq!(include_line(Path::new("/home/a b/.ssh/w")), Ok("Include \"/home/a b/.ssh/w\"".to_owned()));
        for bad in ["/home/*/w", "/a\"b", "/a\nb", "/a\\b", "/[a]", "/100%", "/$a"] {
            assert!(include_line(Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_there_stays_as_it_was() {
        let line = "Include /w";
        for existing in ["", "Host a\n  User b\n", "# no line break at the end", "\n\nHost *\r\n", "Include /other\n"] {
            let with = including(existing, line).expect("it was not there");
            assert_eq!(with, format!("Include /w\n{existing}"));
            assert_eq!(including(&with, line), None, "once is enough");
            assert_eq!(excluding(&with, line).as_deref(), Some(existing));
            assert_eq!(excluding(existing, line), None);
        }
        // Somebody has moved it, who will know why.
        assert_eq!(including("Host a\n\tInclude /w\n", line), None);
    }
}
