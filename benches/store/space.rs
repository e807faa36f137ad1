//! The data directory beside the live state, while routes come and go.

use std::io;
use std::path::Path;

use anyhow::{bail, ensure};

use super::group::Group;
use super::options::Options;
use super::order::{Answer, Order};
use super::shared::{Report, Samples, number};

/// Agents whose routes come and go.
const AGENTS: u64 = 10_000;

/// Measures.
pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    report.begin("space: registrations and withdrawals in a group of one");
    let mut group = Group::start(1)?;
    group.members[0].ask(&Order::Enrol { from: 0, to: AGENTS })?;
    let (mut sizes, mut live) = (Samples::default(), 0);
    for _ in 0..options.pick(1, 50) {
        group.members[0].ask(&Order::Register { from: 0, to: AGENTS })?;
        sizes.add(size(&group.directory(1))? as f64 / 1e6);
        let Answer::State { live_bytes, routes, .. } = group.members[0].ask(&Order::State)? else {
            bail!("another answer than to `State`")
        };
        ensure!(routes == AGENTS, "{routes} routes are live, not {AGENTS}");
        live = live_bytes;
        group.members[0].ask(&Order::Withdraw { from: 0, to: AGENTS })?;
        sizes.add(size(&group.directory(1))? as f64 / 1e6);
    }
    let changes = sizes.len() as f64 * AGENTS as f64;
    let live = live as f64 / 1e6;
    let beside = format!("at most {} times the live state of {} MB", number(sizes.quantile(1.0) / live), number(live));
    report.add(&format!("data directory over {} registrations and withdrawals", number(changes)), &sizes, "MB", beside);
    group.stop()
}

/// The bytes of all files in a directory. A file that goes away meanwhile has none.
fn size(directory: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        sum += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path())?,
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(sum)
}
