//! What comes in from outside is what `.deny.toml` lets in: sources, licences and duplicates, without cargo-deny and without the network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use toml::Table;

fn read(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).expect("a file").parse().expect("TOML")
}

fn list<'a>(table: &'a Table, section: &str, key: &str) -> &'a [toml::Value] {
    table[section][key].as_array().expect("a list")
}

fn word<'a>(value: &'a toml::Value, key: &str) -> &'a str {
    value.get(key).and_then(toml::Value::as_str).unwrap_or_else(|| panic!("`{key}` of {value}"))
}

/// Name and version of each package in a Cargo.lock, with where it comes from.
fn locked(name: &str) -> Vec<(String, String, Option<String>)> {
    let lock = read(name);
    let packages = lock["package"].as_array().expect("packages");
    let text = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    packages.iter().map(|it| (text(it, "name").expect("a name"), text(it, "version").expect("a version"), text(it, "source"))).collect()
}

#[test]
fn everything_comes_from_the_registry() {
    let deny = read(".deny.toml");
    let allowed: Vec<_> = list(&deny, "sources", "allow-registry").iter().filter_map(toml::Value::as_str).collect();
    let ours = ["warren", "warren-raft", "warren-simulations", "warren-fuzz"];
    for (name, version, source) in locked("Cargo.lock").into_iter().chain(locked("simulations/fuzz/Cargo.lock")) {
        match source {
            Some(source) => assert!(allowed.iter().any(|url| source == format!("registry+{url}")), "{name} {version} is of {source}"),
            None => assert!(ours.contains(&name.as_str()), "{name} {version} is of a path"),
        }
    }
    for (section, key, value) in [
        ("sources", "unknown-registry", "deny"),
        ("sources", "unknown-git", "deny"),
        ("bans", "multiple-versions", "deny"),
        ("bans", "wildcards", "deny"),
        ("advisories", "unmaintained", "all"),
        ("advisories", "yanked", "deny"),
    ] {
        assert_eq!(deny[section][key].as_str(), Some(value), "{section}.{key}");
    }
    assert!(list(&deny, "sources", "allow-git").is_empty());
}

/// Whether a version is what `0.22` or `1` means in the configuration: that, or any that begins so.
fn is_of(version: &str, wanted: &str) -> bool {
    wanted.is_empty() || version == wanted || version.starts_with(&format!("{wanted}."))
}

#[test]
fn each_version_beside_another_has_its_reason() {
    let deny = read(".deny.toml");
    let skipped: Vec<_> = list(&deny, "bans", "skip")
        .iter()
        .map(|entry| {
            assert!(!word(entry, "reason").is_empty(), "{entry}");
            let name = word(entry, "crate");
            name.split_once('@').unwrap_or((name, ""))
        })
        .collect();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version, _) in locked("Cargo.lock") {
        versions.entry(name).or_default().insert(version);
    }
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let left: Vec<_> = versions.iter().filter(|version| !skipped.iter().any(|(skip, of)| skip == name && is_of(version, of))).collect();
        assert!(left.len() <= 1, "{name} is there as {left:?}: `cargo tree -i {name}@VERSION` says for whom; .deny.toml wants the reason");
    }
    for (name, of) in skipped {
        let is_needed = versions.get(name).is_some_and(|versions| versions.len() > 1 && versions.iter().any(|version| is_of(version, of)));
        assert!(is_needed, "{name} {of} is not beside another one any more: .deny.toml need not name it");
    }
}

#[test]
fn what_is_let_pass_is_still_there() {
    let deny = read(".deny.toml");
    let names: BTreeSet<_> = locked("Cargo.lock").into_iter().map(|(name, ..)| name).collect();
    for entry in list(&deny, "advisories", "ignore") {
        assert!(word(entry, "id").starts_with("RUSTSEC-"), "{entry}");
        let of = word(entry, "reason").split(' ').next().unwrap_or_default();
        assert!(names.contains(of), "`{of}` is gone: .deny.toml need not let it pass");
    }
    for entry in list(&deny, "licenses", "exceptions") {
        assert!(names.contains(word(entry, "crate")), "{entry} is gone");
    }
}

/// Whether an SPDX expression can be met with these licences: alternatives of what must all be met. `/` is what `OR` was once.
fn is_met(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any_of(&words, &mut at, allowed);
    assert_eq!(at, words.len(), "`{expression}` is not understood");
    met
}

fn any_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut met = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(words, at, allowed);
    }
    met
}

fn all_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut met = one_of(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one_of(words, at, allowed);
    }
    met
}

fn one_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let word = words.get(*at).expect("a licence");
    *at += 1;
    if *word == "(" {
        let met = any_of(words, at, allowed);
        assert_eq!(words.get(*at), Some(&")"));
        *at += 1;
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        let whole = format!("{word} WITH {}", words[*at + 1]);
        *at += 2;
        return allowed.contains(whole.as_str());
    }
    allowed.contains(word)
}

#[test]
fn every_licence_is_one_of_those_that_are_allowed() {
    let table = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("GPL-3.0 OR MIT AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", false),
        ("GPL-3.0/MIT", true),
    ];
    for (expression, expected) in table {
        assert_eq!(is_met(expression, &BTreeSet::from(["MIT", "ISC"])), expected, "{expression}");
    }
    let deny = read(".deny.toml");
    let allowed: BTreeSet<_> = list(&deny, "licenses", "allow").iter().filter_map(toml::Value::as_str).collect();
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    if !asked.status.success() {
        // Only what this platform builds was fetched: what is for others cannot be looked at without the network.
        let why = String::from_utf8_lossy(&asked.stderr);
        assert!(why.contains("offline"), "{why}");
        return;
    }
    let metadata: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 200, "{}", packages.len());
    let exceptions = list(&deny, "licenses", "exceptions");
    for package in packages {
        let (name, licence) = (package["name"].as_str().expect("a name"), package["license"].as_str().unwrap_or_default());
        let more =
            exceptions.iter().filter(|entry| word(entry, "crate") == name).flat_map(|entry| entry["allow"].as_array().expect("a list"));
        let allowed = allowed.iter().copied().chain(more.filter_map(toml::Value::as_str)).collect();
        assert!(is_met(licence, &allowed), "{name} has the licence `{licence}`, which .deny.toml does not allow");
    }
}
