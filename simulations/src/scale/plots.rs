//! Which pictures are drawn of the figures.

use super::figures::Figures;
use super::plot::{Axis, Line, Plot, svg};

/// The strategy of most pictures: what an operator would choose who wants no gap.
const TWO: &str = "peering-2";

/// Every picture: the name of its file, and what is in it.
pub fn all(figures: &Figures) -> Vec<(String, String)> {
    let plots = [spread(figures), moved(figures), returned(figures), everybody(figures), registrations(figures), log(figures)];
    let more = [views(figures), peers(figures), idle(figures), snapshot(figures)];
    plots.into_iter().chain(more).map(|plot| (format!("{}.svg", plot.name), svg(&plot))).collect()
}

fn spread(figures: &Figures) -> Plot {
    Plot {
        name: "spread",
        title: "How evenly tunnels are spread",
        remark: "Most tunnels of a proxy beside the mean, when all agents have just come at once (two tunnels each)",
        x: Axis::tens("agents"),
        y: Axis::even("most / mean"),
        legend: "proxies",
        lines: by_proxies(figures, TWO, "arrive/skew"),
        bound: Some((1.3, "what levelling leaves alone no longer (design, section 9)")),
    }
}

fn moved(figures: &Figures) -> Plot {
    let agents = common(figures);
    let phases = [("drain", "one drains"), ("one", "one is killed"), ("third", "a third is killed")];
    let line = |(phase, label): (&str, &str)| Line {
        label: label.to_owned(),
        points: over_proxies(figures, (TWO, agents), &format!("{phase}/moved")),
    };
    let ideal = over_proxies(figures, (TWO, agents), "drain/moved").into_iter().map(|(proxies, _)| (proxies, 1.0 / proxies)).collect();
    let lines = phases.into_iter().map(line).chain([Line { label: "one part in N".to_owned(), points: ideal }]).collect();
    Plot {
        name: "moved",
        title: "What has to move",
        remark: "Tunnels that are registered anew, as a share of all (10,000 agents, two tunnels each)",
        x: Axis::tens("proxies"),
        y: Axis::tens("share of all tunnels"),
        legend: "what happens",
        lines,
        bound: None,
    }
}

fn returned(figures: &Figures) -> Plot {
    Plot {
        name: "returned",
        title: "A proxy is killed: until its agents can be reached again",
        remark: "The 99th percentile of those that had their only tunnel there (one tunnel each)",
        x: Axis::tens("agents"),
        y: Axis::even("seconds"),
        legend: "proxies",
        lines: by_proxies(figures, "peering-1", "one/reached_p99_s"),
        bound: Some((10.0, "10,000 agents lose their proxy: 10 s (design, section 9)")),
    }
}

fn everybody(figures: &Figures) -> Plot {
    Plot {
        name: "everybody",
        title: "The power fails everywhere: until everybody can be reached again",
        remark: "The last agent's first tunnel (two tunnels each; two cores a proxy)",
        x: Axis::tens("agents"),
        y: Axis::tens("seconds"),
        legend: "proxies",
        lines: by_proxies(figures, TWO, "all/reached_last_s"),
        bound: None,
    }
}

fn registrations(figures: &Figures) -> Plot {
    Plot {
        name: "registrations",
        title: "The power fails everywhere: registrations at the leader",
        remark: "The most in one second (two tunnels each)",
        x: Axis::tens("agents"),
        y: Axis::tens("registrations per second"),
        legend: "proxies",
        lines: by_proxies(figures, TWO, "all/registered_peak_per_s"),
        bound: None,
    }
}

fn log(figures: &Figures) -> Plot {
    Plot {
        name: "leader",
        title: "The power fails everywhere: what the leader sends",
        remark: "The most in one second, to all other members (two tunnels each)",
        x: Axis::tens("proxies"),
        y: Axis::tens("bytes per second"),
        legend: "agents",
        lines: by_agents(figures, TWO, "all/leader_out_peak_bytes_per_s"),
        bound: None,
    }
}

fn views(figures: &Figures) -> Plot {
    Plot {
        name: "views",
        title: "A proxy is killed: what agents are told of it",
        remark: "The cluster, pushed over each tunnel: bytes of all proxies together, once its lease is over (two tunnels each)",
        x: Axis::tens("proxies"),
        y: Axis::tens("bytes"),
        legend: "agents",
        lines: by_agents(figures, TWO, "one/view_bytes"),
        bound: None,
    }
}

fn peers(figures: &Figures) -> Plot {
    let agents = common(figures);
    let line = |(what, label): (&str, &str)| Line {
        label: label.to_owned(),
        points: over_proxies(figures, (TWO, agents), &format!("idle/{what}")),
    };
    let lines = [
        ("connections_per_proxy", "connections of one"),
        ("connections", "connections of all"),
        ("follower_messages_per_s", "messages/s, follower"),
        ("leader_messages_per_s", "messages/s, leader"),
    ];
    Plot {
        name: "peers",
        title: "Proxies among each other, idle",
        remark: "Connections, and questions with their answers per second",
        x: Axis::tens("proxies"),
        y: Axis::tens("number"),
        legend: "what",
        lines: lines.into_iter().map(line).collect(),
        bound: None,
    }
}

fn idle(figures: &Figures) -> Plot {
    let agents = common(figures);
    let line = |(what, label): (&str, &str)| Line {
        label: label.to_owned(),
        points: over_proxies(figures, (TWO, agents), &format!("idle/{what}")),
    };
    let lines =
        [("follower_bytes_per_s", "peers, follower"), ("leader_bytes_per_s", "peers, leader"), ("tunnel_bytes_per_s", "its tunnels")];
    Plot {
        name: "idle",
        title: "What an idle proxy sends and receives",
        remark: "Bytes per second with what IP, UDP and QUIC add (10,000 agents, two tunnels each)",
        x: Axis::tens("proxies"),
        y: Axis::tens("bytes per second"),
        legend: "over connections with",
        lines: lines.into_iter().map(line).collect(),
        bound: None,
    }
}

fn snapshot(figures: &Figures) -> Plot {
    let proxies = figures.cases(TWO).iter().map(|case| case.0).find(|proxies| *proxies == 27).unwrap_or(9);
    let line = |(strategy, label): (&str, &str)| {
        let cases = figures.cases(strategy).into_iter().filter(|case| case.0 == proxies);
        let points = cases.filter_map(|(proxies, agents)| {
            figures.get(&format!("{proxies}x{agents}/{strategy}/idle/snapshot_bytes")).map(|value| (agents as f64, value))
        });
        Line { label: label.to_owned(), points: points.collect() }
    };
    let lines = [("peering-1", "1 each"), ("peering-2", "2 each"), ("peering-3", "3 each"), ("mesh", "to each of 27")];
    Plot {
        name: "snapshot",
        title: "The size of a snapshot",
        remark: "With one service for each agent, at 27 proxies",
        x: Axis::tens("agents"),
        y: Axis::tens("bytes"),
        legend: "tunnels",
        lines: lines.into_iter().map(line).collect(),
        bound: None,
    }
}

/// Most agents of a size that there is with every number of proxies.
fn common(figures: &Figures) -> u64 {
    let cases = figures.cases(TWO);
    let least = cases.first().map(|case| case.0);
    cases.iter().filter(|case| Some(case.0) == least).map(|case| case.1).max().unwrap_or_default()
}

fn over_proxies(figures: &Figures, (strategy, agents): (&str, u64), what: &str) -> Vec<(f64, f64)> {
    let cases = figures.cases(strategy).into_iter().filter(|case| case.1 == agents);
    cases.filter_map(|(proxies, agents)| Some((proxies as f64, figures.get(&format!("{proxies}x{agents}/{strategy}/{what}"))?))).collect()
}

/// A line for each number of proxies, over the agents.
fn by_proxies(figures: &Figures, strategy: &str, what: &str) -> Vec<Line> {
    lines(figures, (strategy, what), (|case| case.0, |case| case.1))
}

/// A line for each number of agents, over the proxies.
fn by_agents(figures: &Figures, strategy: &str, what: &str) -> Vec<Line> {
    lines(figures, (strategy, what), (|case| case.1, |case| case.0))
}

type Pick = fn(&(u64, u64)) -> u64;

fn lines(figures: &Figures, (strategy, what): (&str, &str), (line, x): (Pick, Pick)) -> Vec<Line> {
    let cases = figures.cases(strategy);
    let mut of: Vec<_> = cases.iter().map(line).collect();
    of.sort_unstable();
    of.dedup();
    let points = |number: u64| {
        let cases = cases.iter().filter(move |case| line(case) == number);
        let point = |case: &(u64, u64)| Some((x(case) as f64, figures.get(&format!("{}x{}/{strategy}/{what}", case.0, case.1))?));
        cases.filter_map(point).collect()
    };
    of.into_iter().map(|number| Line { label: format!("{number}"), points: points(number) }).collect()
}
