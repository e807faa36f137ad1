//! What people see, against files: `UPDATE_SNAPSHOTS=1 cargo test` writes them anew.

use std::path::Path;

use clap::{Command, CommandFactory, Parser};

use super::Cli;
use super::global::Format;
use super::output::{Output, Show};
use crate::api::strategy_tests as strategy_samples;
use crate::api::tests as samples;
use crate::telemetry::Colour;

fn check(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, shown).expect("a snapshot that can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, expected, "{name} is not as before; UPDATE_SNAPSHOTS=1 accepts it");
}

/// What `-h` says, as wide as a wide terminal, and what `--help` says, in 80 columns.
fn check_help(command: &mut Command, path: &str) {
    check(&format!("{path}.help.txt"), &command.render_help().to_string());
    let mut narrow = command.clone().term_width(80);
    check(&format!("{path}.long-help.txt"), &narrow.render_long_help().to_string());
    for line in narrow.render_help().to_string().lines().filter(|line| !line.starts_with("Usage: ")) {
        // What cannot be broken, such as a list of values or a command to type, stays whole.
        let is_whole = line.trim_start().contains('`') || line.contains("[possible values:");
        assert!(line.chars().count() <= 80 || is_whole, "{path}: `{line}` has more than 80 columns");
    }
    for verb in command.get_subcommands_mut() {
        let path = format!("{path}-{}", verb.get_name());
        check_help(verb, &path);
    }
}

fn check_answer(name: &str, answer: &impl Show) {
    for (format, ending) in [(Format::Table, "table"), (Format::Wide, "wide"), (Format::Json, "json"), (Format::Jsonl, "jsonl")] {
        let shown = Output::new(format, Colour::Off).render(answer).expect("an answer");
        check(&format!("{name}.{ending}.txt"), &shown);
    }
}

#[test]
fn help_is_as_before() {
    let mut command = Cli::command().term_width(110);
    command.build();
    check_help(&mut command, "warren");
}

/// What an operator is told to type when something was stolen can be typed.
#[test]
fn the_commands_of_the_security_page_are_commands() {
    let page = include_str!("../../SECURITY.md");
    let lines: Vec<_> = page.split("```sh\n").skip(1).flat_map(|block| block.split("```").next().unwrap_or_default().lines()).collect();
    let ours: Vec<_> = lines.into_iter().filter(|line| line.starts_with("warren ")).collect();
    assert!(ours.len() > 8, "{ours:#?}");
    for line in ours {
        let read = Cli::try_parse_from(line.split(' '));
        assert!(read.is_ok(), "`{line}`: {}", read.map(|_| ()).expect_err("it is none"));
    }
    for inline in ["warren clients allow alice --none", "warren token create --role agent --name lab-pi"] {
        assert!(page.contains(inline) && Cli::try_parse_from(inline.split(' ')).is_ok(), "{inline}");
    }
}

/// The same for whoever begins with the README: each line of its blocks that is a command of ours.
#[test]
fn the_commands_of_the_readme_are_commands() {
    let page = include_str!("../../README.md");
    let lines = page.split("```sh\n").skip(1).flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    let mut read = 0;
    // Neither what goes on in the next line nor what is cut short.
    let is_whole = |line: &&str| line.starts_with("warren ") && !line.ends_with('\\') && !line.contains("...");
    for line in lines.map(str::trim).filter(is_whole) {
        // As the shell takes it: a pattern is quoted, and what follows one of these is not for us.
        let words: Vec<_> = line
            .split_whitespace()
            .take_while(|word| !["#", ">", "<", "|", ">>", "2>", "&"].contains(word))
            .map(|word| word.trim_matches(['\'', '"']))
            .collect();
        let parsed = Cli::try_parse_from(&words);
        assert!(parsed.is_ok(), "`{line}`: {}", parsed.map(|_| ()).expect_err("it is none"));
        read += 1;
    }
    assert!(read > 40, "{read}");
}

/// Every option has one name: as flag, as variable, and as key if it is one.
#[test]
fn an_option_has_one_name() {
    fn collect(command: &Command, path: &str, found: &mut Vec<String>) {
        for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
            let long = arg.get_long().unwrap_or_default();
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let key = help.split_once("[key: ").map(|(_, rest)| rest.split([',', ']']).next().unwrap_or_default().to_owned());
            let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            let wanted = match &key {
                Some(key) => format!("WARREN_{}", key.replace('.', "_").to_uppercase()),
                None => format!("WARREN_{}", long.replace('-', "_").to_uppercase()),
            };
            let said = help.split_once("env: ").map(|(_, rest)| rest.split(']').next().unwrap_or_default().to_owned());
            let is_bare = ["help", "version", "verbose"].contains(&long);
            // What does something once, or confirms it, is said each time: a variable would do it again with each command that follows.
            let is_once =
                ["yes", "install", "remove", "revoke", "none", "now", "skip-absent", "check", "enroll-only", "report"].contains(&long);
            if is_once && variable.is_some() {
                found.push(format!("{path} --{long}: {variable:?} for what is done once"));
            }
            if !is_bare && !is_once && variable.clone().or(said) != Some(wanted.clone()) {
                found.push(format!("{path} --{long}: {variable:?} and not {wanted}"));
            }
            if let Some(key) = key {
                let shown = crate::config::Config::load(None, &crate::config::Overrides::none("")).expect("the defaults");
                let is_key = shown.shown().iter().any(|shown| format!("{}.{}", shown.section, shown.key) == key);
                assert!(is_key, "{path} --{long}: there is no key `{key}`");
            }
        }
        for verb in command.get_subcommands() {
            collect(verb, &format!("{path} {}", verb.get_name()), found);
        }
    }
    let mut found = Vec::new();
    collect(&Cli::command(), "warren", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_grouped_help_has_every_verb() {
    let mut command = Cli::command();
    let help = command.render_help().to_string();
    let mut last = 0;
    for verb in command.get_subcommands() {
        let about = verb.get_about().expect("each verb says what it is").to_string();
        let at = help.find(&format!("  {:<8} {about}\n", verb.get_name()));
        assert!(at.is_some_and(|at| at > last), "{} is missing, differs or is out of order: {about}", verb.get_name());
        last = at.unwrap_or(last);
    }
}

#[test]
fn answers_are_as_before() {
    check_answer("status", &samples::status());
    let mut joining = samples::status();
    (joining.proxies[1].joining, joining.proxies[1].state, joining.last_offline) = (true, crate::api::ProxyState::Healthy, None);
    check_answer("status-joining", &joining);
    check_answer("doctor", &super::doctor::sample());
    check_answer("ping", &super::ping::sample());
    check_answer("ping-reply", &super::ping::sample().replies[0]);
    check_answer("ping-failure", &super::ping::sample().failures[0]);
    check_answer("ping-services", &samples::services());
    check_answer("agents-ls", &samples::agents());
    check_answer("agents-show", &samples::agent());
    check_answer("agents-rm", &samples::agent_removal());
    check_answer("clients-ls", &samples::clients());
    check_answer("clients-show", &samples::client());
    check_answer("clients-credential", &samples::credential_issued());
    check_answer("clients-credential-revoked", &samples::credentials_revoked());
    check_answer("clients-rm", &samples::client_removal());
    check_answer("routes-ls", &samples::routes());
    check_answer("raft-status", &samples::raft());
    check_answer("raft-recover", &samples::recovery());
    check_answer("raft-recovered", &crate::api::RecoveryView { done: true, ..samples::recovery() });
    check_answer("raft-transfer-leader", &samples::transfer());
    check_answer("proxies-ls", &samples::proxies());
    check_answer("proxies-show", &samples::proxy());
    check_answer(
        "proxies-show-draining",
        &crate::api::ProxyView { schema: crate::api::Schema, proxy: samples::status().proxies.remove(1) },
    );
    check_answer("proxies-rm", &samples::removal());
    check_answer("proxies-drain", &samples::drain((4, 1), None));
    check_answer("proxies-drained", &samples::drain((0, 0), Some(2)));
    check_answer("proxies-resume", &samples::resumed());
    check_answer("raft-snapshot-save", &samples::saved());
    check_answer("raft-snapshot-restore", &samples::restored());
    check_answer("strategy-show", &strategy_samples::strategy_shown());
    check_answer("strategy-plan", &strategy_samples::strategy_plan());
    check_answer("strategy-plan-cutting-off", &strategy_samples::strategy_cutting_off());
    let done = crate::api::StrategyPlan { done: true, wants_yes: false, ..strategy_samples::strategy_plan() };
    check_answer("strategy-set", &done);
    check_answer("token-create", &samples::token_created());
    check_answer("token-ls", &samples::tokens());
    check_answer("ca-status", &samples::authority());
    check_answer("ca-ls", &samples::certificates());
    check_answer("ca-revoke", &samples::serial_revoked());
}

#[test]
fn what_a_peer_says_cannot_drive_the_terminal() {
    let mut agents = samples::agents();
    agents.agents[0].version = "\u{1b}[2J".to_owned();
    let shown = Output::new(Format::Wide, Colour::Off).render(&agents).expect("an answer");
    assert!(shown.contains("\\u{1b}[2J") && !shown.contains('\u{1b}'), "{shown}");
    let coloured = Output::new(Format::Table, Colour::On).render(&agents).expect("an answer");
    assert!(coloured.contains("\u{1b}[32monline\u{1b}[0m  "), "{coloured}");
}

/// Each row: a command line, and whether its grammar is right.
#[test]
fn command_lines() {
    Cli::command().debug_assert();
    let table = [
        ("status", true),
        ("--addr /run/x status -o json -v", true),
        ("status -q -v", false),
        ("status now", false),
        ("doctor", true),
        ("doctor -o json", true),
        ("doctor now", false),
        ("", false),
        ("agents", false),
        ("join", false),
        ("join a:1 b:2 --token-file -", true),
        ("join a --token-file x", false),
        ("agent --proxy a:1 b:2 --publish web=a:1 ssh=[::1]:22 --name lab --token-file x", true),
        ("agent --publish web", false),
        ("agent --name Lab", false),
        ("enroll a:1", false),
        ("enroll a:1 --token-file x --name me --identity /tmp/x", true),
        ("connect lab/ssh --proxy a:1,b:2", true),
        ("connect --proxy a:1 lab/ssh", true),
        ("connect lab", false),
        ("forward 80", false),
        ("forward 80 lab/web 81 lab:22", true),
        ("token create", false),
        ("token create --role client --allow lab-*/ssh */web --ttl 15m --uses 3", true),
        ("token create --role king", false),
        ("token create --role agent --ttl soon", false),
        ("token revoke 0101010101010101", true),
        ("token revoke 1", false),
        ("dev --proxies 0", false),
        ("dev --proxies 5 --dir /tmp/x", true),
        ("raft status", true),
        ("raft transfer-leader", true),
        ("raft transfer-leader proxy-2 -o json", true),
        ("raft transfer-leader Proxy", false),
        ("proxies", false),
        ("proxies ls", true),
        ("proxies show", false),
        ("proxies show proxy-2", true),
        ("proxies rm proxy-2", true),
        ("proxies rm proxy-2 --yes", true),
        ("proxies rm --yes", false),
        ("proxies drain", false),
        ("proxies drain proxy-2", true),
        ("proxies drain proxy-2 --wait --yes -o json", true),
        ("proxies resume", false),
        ("proxies resume proxy-2", true),
        ("proxies resume proxy-2 --wait", false),
        ("raft recover", true),
        ("raft snapshot", false),
        ("raft snapshot save", false),
        ("raft snapshot save x --stale", true),
        ("raft snapshot restore x --stale", false),
        ("raft snapshot restore x -o json", true),
        ("raft recover --yes -o json", true),
        ("raft recover proxy-1", false),
        ("config show --config x", true),
    ];
    check_lines(&table);
}

#[test]
fn command_lines_of_who_looks_and_who_dials() {
    check_lines(&[
        ("status --watch -o jsonl", true),
        ("status -w", true),
        ("doctor --report x.json --identity /tmp/x", true),
        ("ping", true),
        ("ping --proxy a:1 -o json", true),
        ("ping lab/ssh", true),
        ("ping proxy-2 -c 3 -o json", true),
        ("ping lab.warren:22 --count 3 --interval 200ms --proxy a:1", true),
        ("ping lab/ssh -c 0", false),
        ("ping lab/ssh --interval 0s", false),
        ("ping Proxy", false),
        ("connect lab-pi.warren:22 --identity /tmp/x", true),
        ("connect ssh.lab-pi.warren:22", true),
        ("connect lab-pi.example:22", false),
        ("ssh-config", true),
        ("ssh-config --install --identity /tmp/x --proxy a:1,b:2", true),
        ("ssh-config --install --remove", false),
    ]);
}

#[test]
fn command_lines_about_the_authority() {
    check_lines(&[
        ("ca", false),
        ("ca status -o json", true),
        ("ca ls", true),
        ("ca rotate", true),
        ("ca rotate --wait --timeout 30s --skip-absent", true),
        ("ca rotate --timeout 30s", false),
        ("ca rollback --wait", true),
        ("ca revoke", false),
        ("ca revoke 4a", false),
        ("ca revoke 4A4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a", true),
    ]);
}

#[test]
fn command_lines_about_the_strategy() {
    check_lines(&[
        ("strategy", false),
        ("strategy show", true),
        ("strategy set", false),
        ("strategy set agent_mesh", true),
        ("strategy set mesh", false),
        ("strategy set proxy_peering --agent-connection-count 2 -o json", true),
        ("strategy set proxy_peering --agent-connection-count two", false),
        ("strategy set proxy_peering --dry-run", true),
        ("strategy set proxy_peering --yes", true),
        ("strategy set proxy_peering --dry-run --yes", false),
        ("strategy show --wait", true),
        ("strategy show --wait --timeout 30s", true),
        ("strategy show --timeout 30s", false),
        ("strategy show --wait --timeout soon", false),
    ]);
}

#[test]
fn command_lines_about_machines() {
    check_lines(&[
        ("agents show lab-pi", true),
        ("agents show", false),
        ("agents rm lab-pi", true),
        ("agents rm lab-pi --yes", true),
        ("agents rm", false),
        ("routes show lab-pi -o json", true),
        ("routes show", false),
        ("clients", false),
        ("clients ls", true),
        ("clients show ada", true),
        ("clients allow ada", false),
        ("clients allow ada lab-*/ssh */web", true),
        ("clients allow ada --none", true),
        ("clients allow ada --none */web", false),
        ("clients allow ada web", false),
        ("clients rm ada --yes", true),
        ("clients rm", false),
        ("token create --role agent --allow */web", true),
    ]);
}

fn check_lines(table: &[(&str, bool)]) {
    for (line, expected) in table {
        let parsed = Cli::try_parse_from(std::iter::once("warren").chain(line.split_whitespace()));
        assert_eq!(parsed.is_ok(), *expected, "warren {line}: {:?}", parsed.err().map(|error| error.to_string()));
    }
}

/// What people are told to type can be typed: each `warren ..` in backticks, in whatever the program says.
#[test]
fn each_command_that_is_named_is_one() {
    let (mut files, mut named) = (Vec::new(), 0);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&root, &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        for said in text.split("`warren ").skip(1) {
            let words = said.split('`').next().unwrap_or_default();
            // What goes on in the next line, or stands for something, is not looked at.
            let verbs: Vec<_> =
                words.split_whitespace().take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')).collect();
            let mut command = Cli::command();
            for verb in verbs.iter().filter(|verb| !verb.starts_with('-')) {
                if command.get_subcommands().next().is_none() {
                    break;
                }
                let found = command.find_subcommand(verb).cloned();
                command = found.unwrap_or_else(|| panic!("`warren {words}` in {}: there is no `{verb}`", file.display()));
            }
            named += 1;
        }
    }
    assert!(named > 100, "{named}");
}

fn sources(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}
