//! Lookups per second in the table that a member publishes, from one thread and from two.

use anyhow::{bail, ensure};

use super::group::Group;
use super::options::Options;
use super::order::{Answer, Order};
use super::shared::{Report, Samples, number};

/// What the issue promises for a lookup among a million routes, in nanoseconds.
const AIM: f64 = 300.0;

/// Measures.
pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    report.begin("lookups: filling a group of one");
    let mut group = Group::start(1)?;
    let mut filled = 0;
    for routes in options.pick(vec![1_000], vec![1_000, 100_000, 1_000_000]) {
        group.members[0].ask(&Order::Enrol { from: filled, to: routes })?;
        group.members[0].ask(&Order::Register { from: filled, to: routes })?;
        filled = routes;
        let mut rates = [Samples::default(), Samples::default()];
        for _ in 0..options.rounds() {
            for (threads, rate) in (1..).zip(&mut rates) {
                rate.add(look_up(options, &mut group, routes, threads)?);
            }
        }
        for (threads, rate) in (1..).zip(&rates) {
            let nanos = f64::from(threads) * 1e9 / rate.median();
            let aim = if routes == 1_000_000 { format!("; aim {}", number(AIM)) } else { String::new() };
            let name = format!("lookups among {} routes, {threads} thread{}", number(routes as f64), if threads == 1 { "" } else { "s" });
            report.add(&name, rate, "/s", format!("{} ns each{aim}", number(nanos)));
        }
    }
    group.stop()
}

fn look_up(options: &Options, group: &mut Group, agents: u64, threads: usize) -> anyhow::Result<f64> {
    let millis = u64::try_from(options.turn().as_millis())?;
    let Answer::LookedUp { found, missed, each_nanos } = group.members[0].ask(&Order::LookUp { agents, threads, millis })? else {
        bail!("another answer than to `LookUp`")
    };
    ensure!(missed == 0 && found > 0, "{missed} lookups missed, {found} did not");
    Ok(threads as f64 * 1e9 / each_nanos)
}
