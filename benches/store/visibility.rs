//! From one proxy's acknowledgement to visibility on the others, beside the round trip between them.
//!
//! The processes run on one machine and note times by `CLOCK_MONOTONIC`, which is the same in all of them. A route that another proxy saw before
//! its own proxy had acknowledged it counts as a negative time.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};

use super::group::Group;
use super::options::Options;
use super::order::{Answer, Order};
use super::shared::{Report, Samples, number};

/// What the issue promises: the median within so many round trips.
const AIM: f64 = 3.0;

/// Measures.
pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    report.begin("visibility: starting a group of three");
    let mut group = Group::start(3)?;
    group.enrol(1)?;
    let leader = group.leader()?;
    let follower = (leader + 1) % 3;
    let count = options.pick(20, 400);
    let (mut trips, mut from_leader, mut from_follower) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..options.rounds() {
        ask(&mut group, (leader, follower), count, &mut trips)?;
        announce(&mut group, leader, count, &mut from_leader)?;
        announce(&mut group, follower, count, &mut from_follower)?;
    }
    let slow = number(trips.quantile(0.99));
    report.add("round trip between two proxies: a question on the control connection", &trips, "us", format!("p99 {slow} us"));
    for (name, samples) in [("the leader", &from_leader), ("a follower", &from_follower)] {
        let (median, slow) = (samples.median() / trips.median(), samples.quantile(0.99));
        let beside =
            format!("{} round trips, aim {AIM}; p99 {} us = {} round trips", number(median), number(slow), number(slow / trips.median()));
        report.add(&format!("acknowledged at {name} to seen on the others"), samples, "us", beside);
    }
    group.stop()
}

fn ask(group: &mut Group, (from, to): (usize, usize), count: u64, trips: &mut Samples) -> anyhow::Result<()> {
    let Answer::RoundTrips { nanos } = group.members[from].ask(&Order::Ask { peer: to as u64 + 1, count })? else {
        bail!("another answer than to `Ask`")
    };
    ensure!(!nanos.is_empty(), "the peer was never asked");
    nanos.into_iter().for_each(|one| trips.add(one as f64 / 1e3));
    Ok(())
}

/// Registers at one member while the others watch.
fn announce(group: &mut Group, at: usize, count: u64, samples: &mut Samples) -> anyhow::Result<()> {
    let others: Vec<usize> = (0..group.members.len()).filter(|place| *place != at).collect();
    for place in &others {
        let watching = group.members[*place].ask(&Order::Observe { agent: 0, proxy: at as u64 + 1, count })?;
        ensure!(matches!(watching, Answer::Watching), "an observer that begins with {watching:?}");
    }
    let acknowledged = times(group.members[at].ask(&Order::Announce { agent: 0, count })?)?;
    for place in others {
        let seen: BTreeMap<u64, i64> = times(group.members[place].answer()?)?.into_iter().collect();
        for (sequence, at) in &acknowledged {
            // Who saw a later one first has seen this one with it.
            let Some((_, when)) = seen.range(sequence..).next() else { bail!("member {} never saw route {sequence}", place + 1) };
            samples.add((when - at) as f64 / 1e3);
        }
    }
    Ok(())
}

fn times(answer: Answer) -> anyhow::Result<Vec<(u64, i64)>> {
    let Answer::Times { of } = answer else { bail!("no times but {answer:?}") };
    ensure!(!of.is_empty(), "nothing was announced or seen");
    Ok(of)
}
