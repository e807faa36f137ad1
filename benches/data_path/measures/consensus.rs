//! Raft beside bulk: its round trip between two proxies, renewals and elections, while nothing runs and while bulk uses every core.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::Instant;

use super::bulk;
use crate::bench::Bench;
use crate::report::{Aim, Better, Chart, Report};
use crate::shared::complain;
use crate::sides::Kind;
use crate::support::get;
use crate::traffic::Order;

/// Streams of bulk at once.
const STREAMS: usize = 64;
/// The buckets of the histogram of Raft's calls, by their upper bound in seconds.
const BUCKET: &str = "warren_raft_call_seconds_bucket{le=\"";
/// What must not grow.
const GROWS: [(&str, &str); 2] = [("warren_raft_term", "elections"), ("warren_lease_renewals_missed", "missed renewals")];

/// Measures.
pub(crate) fn run(bench: &mut Bench, report: &mut Report) -> anyhow::Result<()> {
    let kind = Kind::WarrenTwo;
    bench.start(&[kind])?;
    let mut calls = Chart::new("consensus", "Raft's call between two proxies", "ms, upper bound", Better::Less);
    let mut grown = GROWS.map(|(_, what)| (what, Vec::new()));
    for repetition in 0..bench.options.repeat {
        complain(&format!("  {}", repetition + 1));
        for (case, beside) in [("idle", Beside::Nothing), ("under bulk", Beside::Bulk)] {
            let before = counted(bench, kind)?;
            pass(bench, kind, beside)?;
            let after = counted(bench, kind)?;
            for (quantile, share) in [("median", 0.5), ("p99", 0.99)] {
                calls.add(&format!("{quantile}, {case}"), kind.name(), quantile_between(&before, &after, share)? * 1_000.0);
            }
            for ((name, _), (_, samples)) in GROWS.iter().zip(&mut grown) {
                samples.push(sum(&after, name) - sum(&before, name));
            }
        }
    }
    for (what, samples) in grown {
        report.aim(Aim::at_most(&format!("{what} under bulk of {STREAMS} streams"), samples.into_iter().collect(), 0.0));
    }
    report.chart(calls)
}

/// Lets time pass.
fn pass(bench: &Bench, kind: Kind, beside: Beside) -> anyhow::Result<()> {
    let window = bench.options.effort.pick(Duration::from_secs(1), Duration::from_secs(6));
    let begun = Instant::now();
    while begun.elapsed() < window {
        match beside {
            Beside::Nothing => sleep(window / 4),
            Beside::Bulk => {
                let moved = bulk::Load { order: Order::Send, streams: STREAMS, number: 0 }.run(bench, kind)?;
                ensure!(moved.rate() > 0.0, "bulk moved no bytes");
            }
        }
    }
    Ok(())
}

/// What Raft runs beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    Bulk,
}

/// What each of the proxies has counted so far.
type Counted = Vec<BTreeMap<String, f64>>;

fn counted(bench: &Bench, kind: Kind) -> anyhow::Result<Counted> {
    let warren = bench.side(kind).warren().context("a side of warren's")?;
    warren
        .proxies()
        .map(|proxy| {
            let (_, text) = get(proxy.http_address(), "/metrics").context("metrics")?;
            let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
            Ok(samples.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
        })
        .collect()
}

fn sum(counted: &Counted, name: &str) -> f64 {
    counted.iter().filter_map(|counted| counted.get(name)).sum()
}

/// The upper bound, in seconds, of the bucket within which so large a share of all proxies' calls was answered.
fn quantile_between(before: &Counted, after: &Counted, share: f64) -> anyhow::Result<f64> {
    let names = after.iter().flat_map(BTreeMap::keys).filter(|name| name.starts_with(BUCKET));
    let bound = |name: &str| name[BUCKET.len()..].trim_end_matches("\"}").parse().unwrap_or(f64::INFINITY);
    let mut buckets: Vec<(f64, f64)> = names.map(|name| (bound(name), sum(after, name) - sum(before, name))).collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all = buckets.last().context("no histogram of Raft's calls")?.1;
    ensure!(all > 0.0, "Raft made no calls");
    Ok(buckets.iter().find(|(_, count)| *count >= all * share).context("the last bucket holds all")?.0)
}
