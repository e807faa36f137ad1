//! The page in every state: well-formed, bounded, without anything from outside, and nothing that others have named is markup.

use std::collections::BTreeMap;
use std::time::Duration;

use warren_raft::{ProxyId, Timestamp};

use super::view::{MAX_GROUPS, MAX_LISTED};
use super::{Group, Listed, Sections, View, document};
use crate::api::{ProxyRole, ProxyRow, ProxyState, StatusProblem, StatusView};
use crate::proxy::recent::{Happening, Sample, Tone, Totals};
use crate::wire::{Heard, LinkVitals, MemberRole, Vitals};

const NOW: Timestamp = Timestamp(1_795_352_645_250);
/// Most of a page, however large the cluster is.
const MOST: usize = 220_000;

/// A cluster of so many proxies and agents, in which nothing is wrong.
fn cluster(proxies: u64, agents: u64) -> View {
    let rows: Vec<_> = (1..=proxies).map(|id| row(id, agents / proxies.max(1))).collect();
    let status = StatusView {
        healthy: true,
        leader: rows.first().map(|row| row.name.clone()),
        voters: proxies.min(5),
        voters_up: proxies.min(5),
        tolerates: proxies.min(5).saturating_sub(1) / 2,
        agents,
        routes: agents,
        problems: Vec::new(),
        proxies: rows,
        ..crate::api::tests::status()
    };
    let groups = (1..=proxies.min(agents)).take(MAX_GROUPS).map(|id| {
        let names = (agents == proxies).then(|| format!("agent-{id}").parse().expect("a name"));
        Group { proxies: [ProxyId(id)].into(), agents: agents / proxies, names: names.into_iter().collect() }
    });
    View {
        at: NOW,
        me: ProxyId(1),
        zones: (1..=proxies).map(|id| (ProxyId(id), format!("zone-{}", id % 3))).collect(),
        vitals: (1..=proxies).map(|id| (ProxyId(id), vitals(id, proxies))).collect(),
        groups: groups.collect(),
        further_groups: 0,
        listed: (1..=agents).take(MAX_LISTED).map(listed).collect(),
        enrolled: agents,
        samples: (0..300).map(sample).collect(),
        happened: (0..200).map(happening).collect(),
        status,
    }
}

fn row(id: u64, agents: u64) -> ProxyRow {
    ProxyRow {
        id: ProxyId(id),
        name: format!("proxy-{id}").parse().expect("a name"),
        role: if id <= 5 { ProxyRole::Voter } else { ProxyRole::Learner },
        joining: false,
        leader: id == 1,
        state: ProxyState::Healthy,
        rtt_ms: (id > 1).then_some(0.42),
        agents,
        ..crate::api::tests::status().proxies.remove(0)
    }
}

fn vitals(id: u64, proxies: u64) -> Vitals {
    let links = (1..=proxies).filter(|peer| *peer != id).map(|peer| LinkVitals {
        peer: ProxyId(peer),
        round_trip_us: Some(420),
        lost_ppm: Some(0),
    });
    Vitals {
        role: Heard::Known(if id == 1 { MemberRole::Leader } else { MemberRole::Follower }),
        leader: Some(ProxyId(1)),
        term: 3,
        last_log_index: 100,
        committed_index: 100,
        applied_index: 100,
        sent_per_second: 1_000,
        received_per_second: 1_000_000,
        dials_connected: 60,
        dials_failed: 0,
        links: links.collect(),
    }
}

fn listed(number: u64) -> Listed {
    let services = (0..20).map(|service| format!("service-{service}")).collect();
    let proxies = vec!["proxy-1".parse().expect("a name")];
    Listed { name: format!("agent-{number}").parse().expect("a name"), services, proxies, last_seen: Some(NOW) }
}

fn sample(number: u64) -> Sample {
    let grown =
        Totals { sent_bytes: number * 1_000, received_bytes: number * 31_000, dials_connected: number % 7, dials_failed: number % 3 };
    Sample { at: Timestamp(NOW.0 - (299 - number) * 2_000), span: Duration::from_secs(2), grown, streams: number, tunnels: 40 }
}

fn happening(number: u64) -> Happening {
    Happening { at: Timestamp(NOW.0 - number * 9_000), tone: Tone::Neutral, text: format!("agent `agent-{number}` came online; 3 online") }
}

/// The same, in which this is wrong.
fn troubled(view: View, problems: &[(&str, &str, &str)]) -> View {
    let problem = |(code, message, hint): &(&str, &str, &str)| StatusProblem {
        code: (*code).to_owned(),
        message: (*message).to_owned(),
        hint: Some((*hint).to_owned()),
    };
    View { status: StatusView { healthy: false, problems: problems.iter().map(problem).collect(), ..view.status }, ..view }
}

/// The same, in which a proxy is in this state.
fn with_state(mut view: View, id: usize, state: ProxyState) -> View {
    view.status.proxies[id - 1].state = state;
    if state == ProxyState::Down {
        view.vitals.remove(&ProxyId(id as u64));
        for vitals in view.vitals.values_mut() {
            vitals.links.iter_mut().filter(|link| link.peer == ProxyId(id as u64)).for_each(|link| link.round_trip_us = None);
        }
    }
    view
}

/// Every state that somebody may look at.
fn states() -> Vec<(&'static str, View)> {
    let down = [("proxy_down", "proxy `proxy-3` is down", "start it, or check UDP to `10.0.0.3:3021`")];
    let lost =
        [("no_quorum", "no leader: 1 of 3 voters is up, nothing can be registered", "`warren raft status` on each shows what it knows")];
    let draining = [("proxy_draining", "proxy `proxy-2` is draining", "`warren proxies drain proxy-2 --wait` waits for it")];
    let mut no_quorum = troubled(with_state(with_state(cluster(3, 6), 2, ProxyState::Down), 3, ProxyState::Down), &lost);
    (no_quorum.status.leader, no_quorum.status.voters_up) = (None, 1);
    let notice = View { status: StatusView { healthy: true, ..troubled(cluster(3, 6), &draining).status }, ..cluster(3, 6) };
    let mut empty = cluster(1, 0);
    (empty.samples, empty.happened) = (Vec::new(), Vec::new());
    vec![
        ("healthy", cluster(3, 3)),
        ("degraded", troubled(with_state(cluster(3, 6), 3, ProxyState::Down), &down)),
        ("no quorum", no_quorum),
        ("draining", troubled(with_state(cluster(3, 6), 2, ProxyState::Draining), &draining)),
        ("a notice", notice),
        ("one proxy and no agents", empty),
        ("two", cluster(2, 2)),
        ("twelve", cluster(12, 4_800)),
        ("a hundred", cluster(100, 10_000)),
        ("nobody answers", View { vitals: BTreeMap::new(), ..cluster(5, 50) }),
    ]
}

#[test]
fn every_state_is_well_formed_and_bounded() {
    for (state, view) in states() {
        let page = document(&view);
        well_formed(&page).unwrap_or_else(|error| panic!("{state}: {error}"));
        // To be looked at.
        if let Some(dir) = std::env::var_os("SHOW_PAGES") {
            std::fs::write(std::path::Path::new(&dir).join(format!("{state}.html")), &page).expect("a directory that can be written to");
        }
        assert!(page.len() < MOST, "{state}: {} bytes", page.len());
        let sections = serde_json::to_string(&Sections::draw(&view)).expect("JSON");
        assert!(sections.len() < MOST, "{state}: {} bytes", sections.len());
    }
}

#[test]
fn the_verdict_the_problems_and_their_next_commands_are_there_without_scripts() {
    for (state, word) in [("healthy", "Healthy"), ("degraded", "Degraded"), ("no quorum", "No quorum"), ("a notice", "Healthy")] {
        let (_, view) = states().into_iter().find(|(name, _)| *name == state).expect("a state");
        let page = document(&view);
        assert!(page.contains(&format!(r#"<h2 id="verdict-word">{word}</h2>"#)), "{state}");
        let visible = page.split("<script>").next().unwrap_or_default();
        for problem in &view.status.problems {
            let command = problem.hint.as_ref().and_then(|hint| hint.split('`').nth(1)).expect("a command");
            assert!(visible.contains(&format!("<code>{command}</code>")), "{state}: {command}");
        }
    }
}

#[test]
fn nothing_comes_from_outside() {
    for (state, view) in states() {
        let page = document(&view);
        for attribute in ["src=", "href=", "url(", "@import", "action="] {
            for (at, _) in page.match_indices(attribute) {
                let value = page[at + attribute.len()..].trim_start_matches('"');
                let is_own = value.starts_with('/') && !value.starts_with("//") || value.starts_with("#main");
                assert!(is_own, "{state}: {attribute}{}", &value[..value.len().min(40)]);
            }
        }
        let outside: Vec<_> = page.match_indices("://").map(|(at, _)| &page[at.saturating_sub(20)..at + 10]).collect();
        assert!(outside.is_empty(), "{state}: {outside:?}");
    }
}

#[test]
fn what_others_have_named_is_no_markup() {
    let evil = r#""><script>alert(1)</script><img src=x onerror='y'>"#;
    let mut view = troubled(cluster(3, 3), &[("x", evil, evil)]);
    view.status.cluster = evil.to_owned();
    view.status.strategy.kind = evil.to_owned();
    for row in &mut view.status.proxies {
        (row.version, row.peer_address, row.public_addresses) = (evil.to_owned(), evil.to_owned(), vec![evil.to_owned()]);
    }
    view.zones.values_mut().for_each(|zone| evil.clone_into(zone));
    view.listed.iter_mut().for_each(|listed| listed.services = vec![evil.to_owned()]);
    view.happened = vec![Happening { at: NOW, tone: Tone::Bad, text: evil.to_owned() }];
    let page = document(&view);
    well_formed(&page).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((page.matches("<script>").count(), page.matches("<img").count()), (1, 0));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn numbers_of_a_large_cluster_are_not_cut() {
    let page = document(&cluster(100, 10_000));
    for text in ["10,000", "and 9,940 more", "100 proxies"] {
        assert!(page.contains(text), "{text}");
    }
}

/// Whether every element that begins ends, in order, and every attribute is quoted and named once.
fn well_formed(page: &str) -> Result<(), String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").ok_or("no type")?;
    let mut open: Vec<&str> = Vec::new();
    while let Some(at) = rest.find('<') {
        if rest[..at].contains('>') {
            return Err(format!("a stray > in {:?}", &rest[..at.min(80)]));
        }
        rest = &rest[at + 1..];
        let end = tag_end(rest).ok_or("an open tag")?;
        let (tag, behind) = (&rest[..end], &rest[end + 1..]);
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            let opened = open.pop();
            if opened != Some(name) {
                return Err(format!("</{name}> closes {opened:?}"));
            }
            continue;
        }
        let is_whole = tag.ends_with('/');
        let (name, attributes) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag.trim_end_matches('/'), ""));
        check_attributes(attributes).map_err(|error| format!("<{tag}>: {error}"))?;
        if name == "script" || name == "style" {
            rest = &rest[rest.find(&format!("</{name}>")).ok_or("raw text without an end")?..];
        }
        if !is_whole {
            open.push(name);
        }
    }
    if open.is_empty() && rest.trim().is_empty() { Ok(()) } else { Err(format!("open at the end: {open:?}")) }
}

fn tag_end(rest: &str) -> Option<usize> {
    let mut is_quoted = false;
    rest.char_indices()
        .find(|(_, character)| {
            is_quoted ^= *character == '"';
            *character == '>' && !is_quoted
        })
        .map(|(at, _)| at)
}

fn check_attributes(mut attributes: &str) -> Result<(), String> {
    let mut names = std::collections::BTreeSet::new();
    loop {
        attributes = attributes.trim_start();
        if attributes.is_empty() {
            return Ok(());
        }
        let (name, rest) = attributes.split_once("=\"").ok_or_else(|| format!("unquoted: {attributes}"))?;
        let (value, rest) = rest.split_once('"').ok_or("an open value")?;
        // What the policy forbids.
        let is_active = name == "style" || name.starts_with("on");
        let is_name = !name.is_empty() && !is_active && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_name || value.contains('<') || !names.insert(name) {
            return Err(format!("{name:?}={value:?}"));
        }
        attributes = rest;
    }
}

#[test]
fn the_checks_find_what_is_wrong() {
    for broken in ["<p>", "<p></b>", "<p a=1></p>", "<p a=\"1\" a=\"2\"></p>", "<p>></p>", "</p>", "<p a=\"<\"></p>"] {
        assert!(well_formed(&format!("<!DOCTYPE html>{broken}")).is_err(), "{broken}");
    }
    well_formed("<!DOCTYPE html><p a=\"x>y\">t<br/></p>").expect("well-formed");
}
