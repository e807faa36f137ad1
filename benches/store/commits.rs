//! Registrations committed per second: a group of one and a group of three, one at a time and many at once, beside the disk's own flushes.

use anyhow::{bail, ensure};

use super::group::Group;
use super::options::Options;
use super::order::{Answer, Order, Process};
use super::shared::{Report, Samples, home, number};
use super::yardstick::flushes_per_second;

/// What issue and README promise.
const AIM: f64 = 20_000.0;
/// Registrations that wait at the same time.
const MANY: u64 = 1_000;

/// One way to register, measured again and again.
#[derive(Default)]
struct Way {
    per_second: Samples,
    median_ms: Samples,
    slow_ms: Samples,
}

/// Measures.
pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    report.begin("commits: starting a group of one and a group of three");
    let (mut one, mut three, yard) = (Group::start(1)?, Group::start(3)?, home()?);
    one.enrol(MANY)?;
    three.enrol(MANY)?;
    let leader = three.leader()?;
    let follower = (leader + 1) % 3;
    let (mut flushes, mut appended) = (Samples::default(), Samples::default());
    let mut ways: [Way; 5] = Default::default();
    for _ in 0..options.rounds() {
        let disk = flushes_per_second(yard.path(), options.turn())?;
        flushes.add(disk.within);
        appended.add(disk.appended);
        let [alone, leading, following, many_alone, many] = &mut ways;
        turn(options, &mut one.members, 1, alone)?;
        turn(options, &mut three.members[leader..=leader], 1, leading)?;
        turn(options, &mut three.members[follower..=follower], 1, following)?;
        turn(options, &mut one.members, MANY, many_alone)?;
        turn(options, &mut three.members, MANY, many)?;
    }
    let place = format!("512 bytes each, in {}", yard.path().parent().unwrap_or(yard.path()).display());
    report.add("the disk: write within a file and fdatasync, one at a time", &flushes, "/s", place);
    report.add("the disk: the same at the end of a file", &appended, "/s", String::new());
    let names = [
        "registrations, group of one, one at a time",
        "registrations, group of three, one at a time at the leader",
        "registrations, group of three, one at a time at a follower",
        "registrations, group of one, 1,000 at once",
        "registrations, group of three, 1,000 at once, a third at each",
    ];
    for (name, way) in names.iter().zip(&ways) {
        tell(report, name, way, &flushes);
    }
    one.stop()?;
    three.stop()
}

/// Lets the members register for one turn, `writers` of them spread over all members.
fn turn(options: &Options, members: &mut [Process], writers: u64, way: &mut Way) -> anyhow::Result<()> {
    let (mut first, mut left) = (0, members.len() as u64);
    for member in members.iter_mut() {
        let share = (writers - first).div_ceil(left);
        member.give(&Order::Commit { first, writers: share, millis: u64::try_from(options.turn().as_millis())? })?;
        (first, left) = (first + share, left - 1);
    }
    let (mut per_second, mut medians, mut slow) = (0.0, Samples::default(), Samples::default());
    for member in members.iter() {
        let Answer::Committed { count, nanos, median_nanos, slow_nanos } = member.answer()? else {
            bail!("another answer than to `Commit`")
        };
        ensure!(count > 0, "a member has committed nothing");
        per_second += count as f64 / (nanos as f64 / 1e9);
        medians.add(median_nanos as f64 / 1e6);
        slow.add(slow_nanos as f64 / 1e6);
    }
    way.per_second.add(per_second);
    way.median_ms.add(medians.median());
    way.slow_ms.add(slow.quantile(1.0));
    Ok(())
}

fn tell(report: &mut Report, name: &str, way: &Way, flushes: &Samples) {
    let (ratio, median, slow) = (way.per_second.median() / flushes.median(), way.median_ms.median(), way.slow_ms.median());
    let aim = if name.contains("three, 1,000") { format!("; aim {}", number(AIM)) } else { String::new() };
    let beside = format!("{} per flush of the disk; each {} ms, p99 {} ms{aim}", number(ratio), number(median), number(slow));
    report.add(name, &way.per_second, "/s", beside);
}
