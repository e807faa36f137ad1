//! The dashboard and the rules ask for nothing that is not there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::panels::ROWS;
use super::{ALERTS, grafana};

/// What a proxy shows, by the table that a test of its own holds to what it really does.
const DOCUMENTED: &str = include_str!("../../../../docs/metrics.md");

/// Each metric's name and type.
fn documented() -> BTreeMap<&'static str, &'static str> {
    let rows = DOCUMENTED.lines().filter_map(|line| line.strip_prefix("| `warren_"));
    let rows = rows.filter_map(|row| {
        let mut cells = row.split('|').map(str::trim);
        let name = cells.next()?.strip_suffix('`')?;
        Some((name, cells.next()?))
    });
    rows.collect()
}

/// The names of metrics within a text, as they are asked for, without their prefix.
fn named(text: &str) -> BTreeSet<&str> {
    let ends = |rest: &str| rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    text.match_indices("warren_").map(|(at, prefix)| &text[at + prefix.len()..]).map(|rest| &rest[..ends(rest)]).collect()
}

/// Whether a sample of that name is among what a proxy shows.
fn is_shown(sample: &str) -> bool {
    let documented = documented();
    let of = |suffixes: &[&str], kind: &str| {
        let stem = suffixes.iter().find_map(|suffix| sample.strip_suffix(suffix));
        stem.is_some_and(|stem| documented.get(stem) == Some(&kind))
    };
    documented.get(sample) == Some(&"gauge")
        || of(&["_total"], "counter")
        || of(&["_bucket", "_sum", "_count"], "histogram")
        || of(&["_info"], "info")
}

#[test]
fn what_they_ask_for_is_what_a_proxy_shows() {
    assert!(documented().len() > 50, "{:?}", documented());
    let dashboard = grafana::dashboard().expect("JSON");
    for text in [dashboard.as_str(), ALERTS] {
        let unknown: Vec<_> = named(text).into_iter().filter(|sample| !is_shown(sample)).collect();
        assert!(unknown.is_empty(), "no proxy shows {unknown:?}");
        assert!(named(text).len() > 15);
    }
    assert!(!is_shown("dials") && !is_shown("tunnels_total") && !is_shown("nothing"));
}

#[test]
fn the_dashboard_has_each_panel_once_and_none_over_another() {
    let dashboard: Value = serde_json::from_str(&grafana::dashboard().expect("JSON")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    let wanted = ROWS.len() + ROWS.iter().map(|row| row.panels.len()).sum::<usize>();
    assert_eq!((ids.len(), panels.len()), (wanted, wanted));
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies over another", panel["title"]);
            }
        }
    }
    let variables: Vec<_> = dashboard["templating"]["list"].as_array().expect("variables").iter().map(|one| &one["name"]).collect();
    assert_eq!(variables, ["datasource", "cluster", "proxy"]);
}

#[test]
fn every_expression_is_balanced() {
    for query in ROWS.iter().flat_map(|row| row.panels).flat_map(|panel| panel.queries) {
        let expression = grafana::expression(query.0);
        for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
            assert_eq!(expression.matches(open).count(), expression.matches(close).count(), "{expression}");
        }
        assert_eq!(expression.matches('"').count() % 2, 0, "{expression}");
    }
}

#[test]
fn every_alert_says_what_is_wrong_and_how_bad_that_is() {
    let rules = ALERTS.split("- alert: ").skip(1);
    let count = rules.clone().count();
    assert!(count >= 12);
    for rule in rules {
        assert!(rule.contains("expr:") && rule.contains("severity:") && rule.contains("summary:"), "{rule}");
    }
}
