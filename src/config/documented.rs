//! The documented file, `config.toml` at the top of the repository: as it is, and what it says of each key.
//!
//! A test holds it to the code, so that what is said here is so.

use std::collections::BTreeMap;

use super::Role;

/// The file.
pub const TEXT: &str = include_str!("../../config.toml");

/// The file, or the parts of it that a role uses.
pub fn file(role: Option<Role>) -> String {
    let Some(role) = role else { return TEXT.to_owned() };
    let mut parts = split().into_iter();
    let head = parts.next().map(|part| part.text).unwrap_or_default();
    let used = parts.filter(|part| role.uses_table(&part.section));
    let texts = std::iter::once(head).chain(used.map(|part| part.text));
    texts.map(|text| format!("{}\n", text.trim_end())).collect::<Vec<_>>().join("\n")
}

/// What the comment above each key says, by table and key.
pub(super) fn comments() -> BTreeMap<(String, String), String> {
    let mut comments = BTreeMap::new();
    for part in split() {
        // What stands above several keys is said of all of them, and what stands above a table of its first keys.
        let (mut said, mut is_said): (Vec<&str>, bool) = (Vec::new(), false);
        for line in part.text.lines() {
            let key = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
            if let Some(text) = line.strip_prefix("# ") {
                if std::mem::take(&mut is_said) {
                    said.clear();
                }
                said.push(text.trim());
            } else if let Some((key, _)) = key.split_once(" = ") {
                comments.insert((part.section.clone(), key.trim().to_owned()), said.join(" "));
                is_said = true;
            } else if line.is_empty() {
                said.clear();
            } else {
                is_said = true;
            }
        }
    }
    comments
}

/// A table with the comments above it; what stands before the first one has no name.
struct Part {
    section: String,
    text: String,
}

fn split() -> Vec<Part> {
    let mut parts = vec![Part { section: String::new(), text: String::new() }];
    let mut above = String::new();
    for line in TEXT.lines() {
        let header = line.trim_start_matches('#').strip_prefix('[').filter(|_| !line.starts_with("# "));
        if let Some(header) = header {
            let section = header.trim_start_matches('[').split(']').next().unwrap_or_default().trim().to_owned();
            parts.push(Part { section, text: std::mem::take(&mut above) });
        }
        let open = parts.last_mut().expect("there is one from the beginning");
        match line {
            // A comment, or what is commented out: perhaps of the table that follows.
            _ if header.is_none() && line.starts_with("# ") => above.push_str(&format!("{line}\n")),
            "" => {
                let text = std::mem::take(&mut above);
                open.text.push_str(&format!("{text}\n"));
            }
            _ => {
                let text = std::mem::take(&mut above);
                open.text.push_str(&format!("{text}{line}\n"));
            }
        }
    }
    parts.last_mut().expect("there is one from the beginning").text.push_str(&above);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};

    #[test]
    fn every_key_has_something_said_of_it() {
        let comments = comments();
        let defaults = Config::load(None, &Overrides::none("host-1")).expect("the defaults");
        for shown in defaults.shown() {
            let said = comments.get(&(shown.section.to_owned(), shown.key.to_owned()));
            // What is a table of its own is described there, and ways in are like each other.
            let is_plain = shown.value == "[]" || shown.section.starts_with("ingress");
            assert!(said.is_some_and(|said| !said.is_empty()) || is_plain, "{}.{}: {said:?}", shown.section, shown.key);
        }
    }

    #[test]
    fn a_role_gets_its_tables_whole() {
        assert_eq!(file(None), TEXT);
        let parse = |text: &str| Config::parse("config.toml", text, &Overrides::none("host-1"));
        let (proxy, agent) = (file(Some(Role::Proxy)), file(Some(Role::Agent)));
        for text in [&proxy, &agent] {
            parse(text).expect("it is a configuration");
            assert!(text.starts_with("# The configuration of warren"), "{text}");
            assert!(!text.contains("\n\n\n") && text.ends_with('\n') && !text.ends_with("\n\n"));
        }
        assert!(
            proxy.contains("\n[raft]\n") && proxy.contains("\n# The port for other proxies, UDP.\n[peer]\n") && !proxy.contains("[agent]")
        );
        assert!(agent.contains("\n[agent]\n") && agent.contains("#[[agent.service]]\n#name = ") && !agent.contains("[raft]"), "{agent}");
    }
}
