//! A group of members, each a process.

use anyhow::bail;
use tempfile::TempDir;

use super::order::{Answer, Order, Process, Settings};
use super::shared::home;

/// A group of members that all vote, and the directory they live in.
pub(crate) struct Group {
    /// The members; the first is the leader when nothing has gone wrong.
    pub(crate) members: Vec<Process>,
    home: TempDir,
}

impl Group {
    /// Starts a group of so many.
    pub(crate) fn start(size: u64) -> anyhow::Result<Self> {
        let mut group = Self { members: Vec::new(), home: home()? };
        let first = Settings { number: 1, directory: group.directory(1), join: None };
        let process = begin(&first)?;
        ready(&process)?;
        group.members.push(process);
        for number in 2..=size {
            group.join(number)?;
        }
        for member in &mut group.members {
            member.ask(&Order::Await { agents: 0, routes: 0, voters: usize::try_from(size)? })?;
        }
        Ok(group)
    }

    /// Adds one more member; it has a lease when this returns.
    pub(crate) fn join(&mut self, number: u64) -> anyhow::Result<()> {
        let Answer::State { public, .. } = self.members[0].ask(&Order::State)? else { bail!("another answer than to `State`") };
        let token = self.home.path().join(format!("{number}.token"));
        self.members[0].ask(&Order::Admit { token: token.clone() })?;
        let process = begin(&Settings { number, directory: self.directory(number), join: Some((public, token)) })?;
        ready(&process)?;
        self.members.push(process);
        Ok(())
    }

    /// Enrols the agents below `count`, whose routes are registered later.
    pub(crate) fn enrol(&mut self, count: u64) -> anyhow::Result<()> {
        self.members[0].ask(&Order::Enrol { from: 0, to: count })?;
        for member in &mut self.members {
            member.ask(&Order::Await { agents: usize::try_from(count)?, routes: 0, voters: 0 })?;
        }
        Ok(())
    }

    /// The place of the leader among the members.
    pub(crate) fn leader(&mut self) -> anyhow::Result<usize> {
        for (place, member) in self.members.iter_mut().enumerate() {
            if let Answer::State { leads: true, .. } = member.ask(&Order::State)? {
                return Ok(place);
            }
        }
        bail!("no member leads")
    }

    /// Where a member keeps everything.
    pub(crate) fn directory(&self, number: u64) -> std::path::PathBuf {
        self.home.path().join(number.to_string())
    }

    /// Stops all of them in good order.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.members.into_iter().try_for_each(Process::stop)
    }
}

/// Starts a member.
pub(crate) fn begin(settings: &Settings) -> anyhow::Result<Process> {
    Process::start("--member", settings, format!("member {}", settings.number), &[])
}

/// Waits until a member runs: how long it took until its table could be read and until it had its lease.
pub(crate) fn ready(process: &Process) -> anyhow::Result<[u64; 2]> {
    let answer = process.answer()?;
    let Answer::Ready { readable_nanos, lease_nanos } = answer else { bail!("a member that begins with {answer:?}") };
    Ok([readable_nanos, lease_nanos])
}
