//! How long a proxy with many routes takes to start again, and how long a new one takes to have them all.

use anyhow::{bail, ensure};
use tokio::time::Instant;

use super::group::{Group, begin, ready};
use super::options::Options;
use super::order::{Answer, Order, Settings};
use super::shared::{Effort, Report, Samples, number};

/// What the issue promises for a million routes, in seconds.
const AIM: f64 = 10.0;

/// Measures.
pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    for routes in options.pick(vec![1_000], vec![100_000, 1_000_000]) {
        report.begin(&format!("restart: filling a group of one with {} routes", number(routes as f64)));
        let mut group = Group::start(1)?;
        group.members[0].ask(&Order::Enrol { from: 0, to: routes })?;
        let begun = Instant::now();
        group.members[0].ask(&Order::Register { from: 0, to: routes })?;
        report.begin(&format!("  registered at {}/s", number(routes as f64 / begun.elapsed().as_secs_f64())));
        start_again(options, report, &mut group, routes)?;
        install(options, report, &mut group, routes)?;
        group.stop()?;
    }
    Ok(())
}

/// Stops the only member and starts it again.
fn start_again(options: &Options, report: &mut Report, group: &mut Group, routes: u64) -> anyhow::Result<()> {
    let (mut readable, mut alive) = (Samples::default(), Samples::default());
    for _ in 0..options.pick(1, 3) {
        if let Some(member) = group.members.pop() {
            member.stop()?;
        }
        let mut member = begin(&Settings { number: 1, directory: group.directory(1), join: None })?;
        let [to_read, to_lease] = ready(&member)?;
        readable.add(to_read as f64 / 1e9);
        alive.add(to_lease as f64 / 1e9);
        let agents = usize::try_from(routes)?;
        member.ask(&Order::Await { agents, routes: 0, voters: 1 })?;
        group.members.push(member);
    }
    let beside = format!("{} s until it has its lease{}", number(alive.median()), aim(routes));
    report.add(&format!("start with {} routes, until the table can be read", number(routes as f64)), &readable, "s", beside);
    Ok(())
}

/// Lets new members join, one after the other.
fn install(options: &Options, report: &mut Report, group: &mut Group, routes: u64) -> anyhow::Result<()> {
    // A start ends the routes of the earlier epoch.
    group.members[0].ask(&Order::Register { from: 0, to: routes })?;
    let Answer::State { snapshot, log, kept, live_bytes, .. } = group.members[0].ask(&Order::State)? else {
        bail!("another answer than to `State`")
    };
    // Who is new lacks the beginning: where the log has lost that, it can only come in a snapshot.
    let by_snapshot = kept < log;
    ensure!(by_snapshot || options.effort == Effort::Quick, "nobody needs a snapshot: the log still has all of its {log} entries");
    let way = if by_snapshot { format!("by a snapshot of {snapshot} entries") } else { "through the log".to_owned() };
    let mut whole = Samples::default();
    for number in 2..2 + options.pick(1, 3) {
        let begun = Instant::now();
        group.join(number)?;
        let all = usize::try_from(routes)?;
        let last = group.members.len() - 1;
        group.members[last].ask(&Order::Await { agents: all, routes: all, voters: 0 })?;
        whole.add(begun.elapsed().as_secs_f64());
    }
    let beside = format!("{} MB; {way}, the log has {kept} of {log} entries{}", number(live_bytes as f64 / 1e6), aim(routes));
    report.add(&format!("a new member, until it has {} routes", number(routes as f64)), &whole, "s", beside);
    Ok(())
}

fn aim(routes: u64) -> String {
    if routes == 1_000_000 { format!("; aim {AIM} s") } else { String::new() }
}
