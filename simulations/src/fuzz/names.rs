//! Names, patterns, ids and addresses as people write them.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use warren::config::{Forward, HostPort};
use warren_raft::names::Glob;
use warren_raft::{AgentName, ClientName, ClusterId, Pattern, ProxyName, ServiceName, TokenId};

use super::kinds::{Kind, one_of};
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "names", reads: "names, patterns, ids, addresses and what `forward` binds, as people write them", run: target, seeds };

const KINDS: &[Kind] = &[
    ("agent", |kind, data| text(kind, data, |name: &AgentName| assert!(name.as_str().len() <= 63))),
    ("service", |kind, data| text(kind, data, |name: &ServiceName| assert!(name.as_str().len() <= 63))),
    ("client", |kind, data| text(kind, data, |name: &ClientName| assert!(name.as_str().len() <= 63))),
    ("proxy", |kind, data| text(kind, data, |name: &ProxyName| assert!(name.as_str().len() <= 63))),
    ("pattern", |kind, data| text(kind, data, |pattern: &Pattern| check_pattern(pattern))),
    ("glob", |kind, data| text(kind, data, |glob: &Glob| check_glob(glob))),
    ("cluster id", |kind, data| spelled(kind, data, |_: &ClusterId| {})),
    ("token id", |kind, data| spelled(kind, data, |_: &TokenId| {})),
    ("address", |kind, data| spelled(kind, data, |_: &HostPort| {})),
    ("bind", bind),
];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

/// Reads a text that has one spelling: what was read is shown as it was written.
pub(super) fn text<T: FromStr + Display + Debug + PartialEq>(kind: &str, data: &[u8], check: impl FnOnce(&T)) -> Outcome
where
    T::Err: Display,
{
    let (outcome, value) = parsed::<T>(kind, data);
    if let Some(value) = value {
        assert_eq!(value.to_string().as_bytes(), data, "shown as it was written");
        check(&value);
    }
    outcome
}

/// Reads a text that may have several spellings: what is shown of it is read as the same, and shown alike.
pub(super) fn spelled<T: FromStr + Display + Debug + PartialEq>(kind: &str, data: &[u8], check: impl FnOnce(&T)) -> Outcome
where
    T::Err: Display,
{
    let (outcome, value) = parsed::<T>(kind, data);
    if let Some(value) = value {
        let shown = value.to_string();
        let again: T = shown.parse().unwrap_or_else(|_| panic!("what is shown can be read: {shown}"));
        assert_eq!(again, value, "shown and read again");
        assert_eq!(again.to_string(), shown, "shown again");
        check(&value);
    }
    outcome
}

fn parsed<T: FromStr>(kind: &str, data: &[u8]) -> (Outcome, Option<T>)
where
    T::Err: Display,
{
    let Ok(text) = std::str::from_utf8(data) else { return (Outcome::refused(kind, &"no text"), None) };
    match text.parse::<T>() {
        Ok(value) => (Outcome::plain(kind, "read"), Some(value)),
        Err(error) => {
            let told = error.to_string();
            // Whoever writes a megabyte is not told all of it again.
            assert!(told.len() <= 2048 + text.len().min(4096), "{} bytes are told of {}", told.len(), text.len());
            (Outcome::refused(kind, &error), None)
        }
    }
}

/// It matches what a matcher does that tries everything.
fn check_glob(glob: &Glob) {
    let shown = glob.to_string();
    for name in ["", "a", "lab-pi", "any", "ab-aab-b", "aaaa"] {
        assert_eq!(glob.matches(name), fits(shown.as_bytes(), name.as_bytes()), "{shown} and {name}");
    }
}

fn check_pattern(pattern: &Pattern) {
    let shown = pattern.to_string();
    let (agent, service) = shown.split_once('/').expect("two parts");
    for (a, s) in [("lab-pi", "ssh"), ("a", "a"), ("ab-aab-b", "web")] {
        let expected = fits(agent.as_bytes(), a.as_bytes()) && fits(service.as_bytes(), s.as_bytes());
        assert_eq!(pattern.allows(&name(a), &name(s)), expected, "{shown} and {a}/{s}");
    }
}

/// In a table of how much of the pattern fits how much of the name: no end that never comes.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let mut row: Vec<bool> = (0..=name.len()).map(|length| length == 0).collect();
    for part in pattern {
        let mut next = vec![false; row.len()];
        for length in 0..row.len() {
            let before = length > 0 && (row[length - 1] && (*part == name[length - 1]));
            next[length] = if *part == b'*' { row[length] || (length > 0 && next[length - 1]) } else { before };
        }
        row = next;
    }
    row.last() == Some(&true)
}

fn bind(kind: &str, data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::refused(kind, &"no text") };
    match Forward::parse_bind(text) {
        Ok(bind) => {
            assert_eq!(Forward::parse_bind(&bind.to_string()), Ok(bind), "shown and read again");
            Outcome::plain(kind, if bind.is_ipv4() { "v4" } else { "v6" })
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

fn name<T: FromStr<Err = warren_raft::NameError>>(text: &str) -> T {
    text.parse().expect("a name")
}

fn seeds() -> Vec<Vec<u8>> {
    let of = |kind: u8, texts: &[&str]| texts.iter().map(move |text| [&[kind], text.as_bytes()].concat()).collect::<Vec<_>>();
    let long = "a".repeat(64);
    let names = ["lab-pi", "any", "", "Lab", "a_b", "7", &long];
    let mut seeds: Vec<_> = (0..4).flat_map(|kind| of(kind, &names)).collect();
    seeds.extend(of(4, &["lab-*/ssh", "*/*", "any/any", "lab", "a/b/c", "*-x*y*/s"]));
    seeds.extend(of(5, &["lab-*", "*", "a*b*c", "", "**"]));
    seeds.extend(of(6, &["00ff00ff00ff00ff00ff00ff00ff00ff", "00", "0g"]));
    seeds.extend(of(7, &["00ff00ff00ff00ff", "00FF00FF00FF00FF"]));
    seeds.extend(of(8, &["localhost:3021", "[::1]:3021", "1.2.3.4:0", "host", ":1", "a:65536", "[::1"]));
    seeds.extend(of(9, &["8080", "0.0.0.0:80", "localhost:80", "[::1]:80", "::1:80", "+80", "65536"]));
    seeds
}
