//! A sweep for people: a table in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::total::Total;
use crate::points::POINTS;

/// Most violations that are shown.
const SHOWN: usize = 20;

/// What many runs came to, as lines.
pub fn table(total: &Total) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {name} | {value} |");
    };
    let Total { sum, .. } = total;
    let hours = sum.simulated_ms as f64 / 3_600_000.0;
    let ratio = sum.simulated_ms as f64 / total.elapsed_ms.max(1) as f64;
    row("what", "how much".to_owned());
    row("---", "---".to_owned());
    row("seeds", total.runs.to_string());
    row("simulated", format!("{hours:.2} hours in {} s: {ratio:.0} times as fast as the clock", total.elapsed_ms / 1_000));
    row("events", list(&sum.events));
    row("crashes at points", format!("{} at {} of {} points", sum.crashes_at.values().sum::<u64>(), sum.crashes_at.len(), POINTS.len()));
    row("elections won", sum.leaders.to_string());
    row("registrations acknowledged", sum.registrations.to_string());
    row("dials", format!("{} asked for, {} served whole", sum.asked, sum.served));
    row("their ends", list(&sum.dials));
    row("bytes compared", sum.compared.to_string());
    row("operations", list(&sum.operations));
    row("datagrams", network(total));
    row("disks", disks(total));
    row(
        "whole after the last fault",
        format!("p50 {}, p99 {}, max {} ms", total.whole_after(50), total.whole_after(99), total.whole_after(100)),
    );
    row("violated", format!("{} seeds", total.violated));
    if !total.found.is_empty() {
        text.push_str(&violations(total));
    }
    text
}

/// `1 crash, 2 pause`, the most frequent first.
fn list(counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    counts.into_iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

fn network(total: &Total) -> String {
    let counts = &total.sum.network;
    format!(
        "{} sent, {} cut off, {} lost, {} doubled, {} corrupted, {} too large, {} held, {} overtaken, {} to nowhere",
        counts.sent,
        counts.cut,
        counts.lost,
        counts.doubled,
        counts.corrupted,
        counts.too_large,
        counts.held,
        counts.reordered,
        counts.nowhere
    )
}

fn disks(total: &Total) -> String {
    let counts = total.sum.disks;
    format!(
        "{} writes, {} flushes, {} crashes, which took {} batches and spared {}; {} failed flushes, {} writes without room, {} slow flushes, {} new disks",
        counts.writes,
        counts.flushes,
        counts.crashes,
        counts.batches_lost,
        counts.batches_spared,
        counts.flushes_failed,
        counts.writes_without_room,
        counts.slow_flushes,
        counts.wiped
    )
}

/// By invariant, each with what was seen and the command that does it again.
fn violations(total: &Total) -> String {
    let mut text = String::from("\n| invariant | what | again |\n| --- | --- | --- |\n");
    let mut found: Vec<_> = total.found.iter().collect();
    found.sort_by(|one, other| one.invariant.cmp(&other.invariant));
    for one in found.iter().take(SHOWN) {
        let what: String = one.what.replace(['\n', '|'], " ").chars().take(200).collect();
        let _ = writeln!(text, "| {} | {what} | `{}` |", one.invariant, one.command);
    }
    let more = total.violated.saturating_sub(SHOWN as u64);
    if more > 0 {
        let _ = writeln!(text, "| ... | {more} more | |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Report;
    use crate::trial::{Subject, Verdict};

    #[test]
    fn it_says_what_happened_and_how_to_do_it_again() {
        let mut total = Total::default();
        for seed in 0..3 {
            let events = [("crash".to_owned(), 2), ("pause".to_owned(), 5)].into();
            let violation = (seed == 1).then(|| ("T3".to_owned(), "a | b".to_owned()));
            let report = Report { seed, simulated_ms: 1_200_000, events, asked: 9, served: 4, violation, ..Report::default() };
            total.add(Verdict { subject: Subject::Seed(seed), report });
        }
        total.elapsed_ms = 36_000;
        let text = table(&total);
        let has = |line: &str| assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        has("| seeds | 3 |");
        has("| simulated | 1.00 hours in 36 s: 100 times as fast as the clock |");
        has("| events | 15 pause, 6 crash |");
        has("| dials | 27 asked for, 12 served whole |");
        has("| violated | 1 seeds |");
        has("| T3 | a   b | `cargo sim run --seed 1` |");
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let mut total = Total::default();
        for seed in 0..50 {
            let violation = Some(("T3".to_owned(), "x".to_owned()));
            total.add(Verdict { subject: Subject::Seed(seed), report: Report { violation, ..Report::default() } });
        }
        assert!(table(&total).ends_with("| ... | 30 more | |\n"));
    }
}
