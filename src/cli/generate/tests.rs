//! What is generated is held to what it is about.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{completions, man, systemd};
use crate::cli::Cli;
use crate::config::Role;

#[test]
fn a_man_page_of_every_verb() {
    let mut command = Cli::command();
    command.build();
    let page = man::page(&command);
    for verb in command.get_subcommands() {
        // A hyphen is one of the words' own.
        let name = verb.get_name().replace('-', "\\-");
        assert!(page.contains(&name), "{name} is not in {page}");
        let its = man::page(verb);
        assert!(its.starts_with(".ie") && its.contains(&format!("warren\\-{name}")), "{its}");
    }
}

#[test]
fn completions_know_every_verb() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let script = completions::script(shell);
        for verb in Cli::command().get_subcommands() {
            assert!(script.contains(verb.get_name()), "{shell}: {}", verb.get_name());
        }
    }
}

#[test]
fn a_unit_runs_a_line_that_is_a_command() {
    for role in Role::ALL {
        let unit = systemd::unit(role, "/usr/bin/warren", "/etc/warren/config.toml");
        for key in ["ExecStart=", "ExecReload="] {
            let line = unit.lines().find_map(|line| line.strip_prefix(key)).expect(key);
            let read = Cli::read(line.split_whitespace().map(Into::into));
            assert!(read.is_ok(), "{line}: {:?}", read.err());
        }
        assert!(!unit.contains('{'), "{unit}");
    }
    let odd = systemd::unit(Role::Proxy, "/opt/a b/warren", "/etc/50%.toml");
    assert!(odd.contains("ExecStart=\"/opt/a b/warren\" proxy --config \"/etc/50%%.toml\"\n"), "{odd}");
}

/// The units of the packages are what is generated.
#[test]
fn the_packaged_units_are_these() {
    for (role, config) in [(Role::Proxy, "/etc/warren/config.toml"), (Role::Agent, "/etc/warren/agent.toml")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("packaging/warren-{role}.service"));
        let generated = systemd::unit(role, "/usr/bin/warren", config);
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &generated).expect("a unit that can be written");
        }
        assert_eq!(std::fs::read_to_string(&path).expect("a unit"), generated, "UPDATE_SNAPSHOTS=1 makes it anew");
    }
}
