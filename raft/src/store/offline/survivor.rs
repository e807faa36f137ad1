//! A member whose group has lost its quorum for good, and that does not run.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::error::RecoverError;
use super::recovery::{Dropped, LogEnd, Recovery, Vote as Voting};
use super::rewrite::{beginning, group_of_one, rewrite};
use crate::disk::writer::Writer;
use crate::disk::{Disk, DiskDrive, DiskError, Space, Volume};
use crate::ids::{Incarnation, Level, ProxyId, Timestamp};
use crate::store::opening::identity_of;
use crate::store::records::{VOTE, damaged, decode, get_meta, log_range};
use crate::store::state::{Image, Shelf};
use crate::store::types::{Entry, LogId, Vote};

/// Entries that are read in one go.
const READ_STEP: usize = 64;

/// A member that does not run, with the last state that it can vouch for.
///
/// That is its snapshot with the *whole* of its log, not only with what it knew to be committed. A leader acknowledges an entry as soon as a
/// majority has it, and tells the others afterwards: an entry at the end of a survivor's log may have been acknowledged, and
/// leaving it out would lose it. One that was not acknowledged to anybody may take effect, as after any election.
pub struct Survivor {
    writer: Writer,
    shelf: Shelf,
    me: ProxyId,
    image: Image,
    last: LogId,
    term: u64,
}

impl Survivor {
    /// Reads the store of proxy `id`, which was opened at least `opened` times, and changes nothing.
    ///
    /// # Errors
    /// [`RecoverError`]
    pub async fn examine(volume: Arc<dyn Volume>, drive: DiskDrive, (id, opened): (ProxyId, Incarnation)) -> Result<Self, RecoverError> {
        let writer = Writer::open(volume, drive, &TaskTracker::new()).await?;
        let read = Self::read(writer.clone(), (id, opened)).await;
        if read.is_err() {
            writer.close().await;
        }
        read
    }

    async fn read(writer: Writer, (me, opened): (ProxyId, Incarnation)) -> Result<Self, RecoverError> {
        identity_of(&writer, (me, opened), Level::CURRENT).await?;
        let (shelf, image) = Shelf::open(writer.clone()).await?;
        let mut image = image.unwrap_or_default();
        apply_log(&writer, &mut image).await?;
        let vote: Option<Vote> = writer.read(|disk| get_meta(disk, VOTE)).await?;
        let Some(last) = image.last_applied.filter(|_| image.table.cluster().is_some()) else {
            return Err(RecoverError::Empty { location: writer.location() });
        };
        if image.table.proxy(me).is_none() {
            return Err(RecoverError::Removed(me));
        }
        if image.membership.membership().voter_ids().eq([me]) {
            return Err(RecoverError::Alone(me));
        }
        let term = vote.map_or(0, |vote| vote.leader_id.term).max(last.leader_id.term);
        Ok(Self { writer, shelf, me, image, last, term })
    }

    /// What [`recover`](Self::recover) would do.
    pub fn outlook(&self) -> Recovery {
        let (table, membership) = (&self.image.table, self.image.membership.membership());
        let (cluster, own) = (table.cluster().expect("it was there when this was read"), table.proxy(self.me).expect("so was this"));
        let others = table.proxies().filter(|(id, _)| *id != self.me);
        let begins = self.begins();
        let voters: Vec<_> = membership.voter_ids().collect();
        Recovery {
            id: self.me,
            name: own.name.clone(),
            cluster: cluster.id,
            cluster_name: cluster.name.clone(),
            vote: if voters.contains(&self.me) { Voting::Voter } else { Voting::Learner },
            log_end: place(&self.last),
            begins: place(&begins),
            voters,
            dropped: others.map(|(id, proxy)| Dropped { id, name: proxy.name.clone() }).collect(),
            routes: table.routes().count() as u64,
            agents: table.agents().count() as u64,
            clients: table.clients().count() as u64,
            tokens: table.tokens().count() as u64,
        }
    }

    /// Makes the survivor a group of one: durable when this returns, and either that or what was there before if it does not.
    ///
    /// # Errors
    /// [`RecoverError::Open`] when the disk fails.
    pub async fn recover(self, at: Timestamp) -> Result<Recovery, RecoverError> {
        let (outlook, begins) = (self.outlook(), self.begins());
        let Self { writer, shelf, me, mut image, .. } = self;
        let known = image.membership.membership().get_node(&me).map(|node| node.address.clone());
        let stated = image.table.proxy(me).map(|proxy| proxy.peer_address.clone()).filter(|address| !address.is_empty());
        image.table.succeed_with_survivor(me, at);
        image.last_applied = Some(begins);
        image.membership = group_of_one(begins, me, stated.or(known).unwrap_or_default());
        let written = rewrite(&shelf, me, &image).await;
        writer.close().await;
        Ok(written.map(|()| outlook)?)
    }

    /// Leaves everything as it is, and lets go of the disk.
    pub async fn leave(self) {
        self.writer.close().await;
    }

    /// In a term of its own, above all that the survivor has heard of, so that no other log is taken for a longer one of the same leader.
    fn begins(&self) -> LogId {
        beginning(self.me, self.term + 1, self.last.index + 1)
    }
}

fn place(id: &LogId) -> LogEnd {
    LogEnd { term: id.leader_id.term, index: id.index }
}

/// Applies what the log holds behind the state.
async fn apply_log(writer: &Writer, image: &mut Image) -> Result<(), DiskError> {
    loop {
        let last = image.last_applied;
        let entries = writer.read(move |disk| following(disk, last)).await?;
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            image.apply(entry);
        }
    }
}

/// The next entries, without a gap.
fn following(disk: &dyn Disk, last: Option<LogId>) -> Result<Vec<Entry>, DiskError> {
    let mut last = last;
    let first = last.map_or(0, |id| id.index + 1);
    let records = disk.range(Space::Log, &log_range(first, None), READ_STEP)?;
    let mut entries: Vec<Entry> = Vec::with_capacity(records.len());
    for (_, record) in records {
        let entry: Entry = decode(disk, &record)?;
        let follows = entry.log_id.index == last.map_or(0, |id| id.index + 1) && last < Some(entry.log_id);
        if !follows {
            return Err(damaged(disk, format!("its log has a gap before entry {}", entry.log_id.index)));
        }
        last = Some(entry.log_id);
        entries.push(entry);
    }
    Ok(entries)
}
