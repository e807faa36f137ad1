//! R9, R4, R2: what a member promises is on its disk when the promise leaves it, with nothing behind it that was overruled, and what a leader acknowledges is on the disks of a
//! majority.

use std::collections::{BTreeMap, BTreeSet};

use warren_raft::ProxyId;
use warren_raft::disk::{Disk, DiskError};
use warren_raft::fault::{EntryId, Observation, read_entry, read_purged, read_vote};
use warren_raft::membership::is_majority;

use super::Violation;

/// The invariant of one member's promises.
const PROMISE: &str = "R9";
/// The invariant of its log.
const LOG: &str = "R2";
/// The invariant of a leader's.
const MAJORITY: &str = "R4";

/// The disks of the members, as a loss of power would leave them at this moment.
pub trait Durables {
    /// That of a member; `None` if nobody knows, as of one that was exchanged: it is not held against it.
    fn of(&self, member: ProxyId) -> Option<&dyn Disk>;
}

impl<D: Disk> Durables for BTreeMap<ProxyId, D> {
    fn of(&self, member: ProxyId) -> Option<&dyn Disk> {
        self.get(&member).map(|disk| disk as &dyn Disk)
    }
}

/// Looks at each promise as it leaves.
#[derive(Debug, Default)]
pub struct Synced {
    /// The group of which a majority has it that was last acknowledged to, and the one that is asked for now. What was committed under one may be acknowledged under the next.
    groups: Vec<Vec<BTreeSet<ProxyId>>>,
}

impl Synced {
    /// Whether what is promised is on the disks.
    ///
    /// # Errors
    /// [`Violation`]
    pub fn observe(&mut self, observation: &Observation, durables: &dyn Durables) -> Result<(), Violation> {
        match observation {
            Observation::Voted { member, term, candidate } => voted(*member, (*term, *candidate), durables),
            Observation::Appended { member, term, entries } => appended(*member, *term, entries, durables),
            Observation::Acknowledged { member, index, voters } => {
                if self.groups.last() != Some(voters) {
                    self.groups.push(voters.clone());
                    let old = self.groups.len().saturating_sub(2);
                    self.groups.drain(..old);
                }
                self.acknowledged(*member, *index, durables)
            }
            Observation::Committed { .. }
            | Observation::Applied { .. }
            | Observation::Stands(_)
            | Observation::Welcomed { .. }
            | Observation::Withdrawing { .. }
            | Observation::Changing { .. } => Ok(()),
        }
    }

    fn acknowledged(&mut self, leader: ProxyId, index: u64, durables: &dyn Durables) -> Result<(), Violation> {
        let mut holders = BTreeSet::new();
        for member in self.groups.iter().flatten().flatten() {
            let holds =
                durables.of(*member).map_or(Ok(true), |disk| has_index(disk, index)).map_err(|error| unreadable(*member, &error))?;
            if holds {
                holders.insert(*member);
            }
        }
        if self.groups.last().is_some_and(|group| is_majority(group, &holders)) {
            // From here on it takes this one.
            self.groups.drain(..self.groups.len() - 1);
            return Ok(());
        }
        if self.groups.iter().any(|group| is_majority(group, &holders)) {
            return Ok(());
        }
        let groups = &self.groups;
        Err(Violation::new(
            MAJORITY,
            format!("leader {leader} acknowledged entry {index}, which of {groups:?} only {holders:?} have synced"),
        ))
    }
}

fn voted(member: ProxyId, vote: (u64, ProxyId), durables: &dyn Durables) -> Result<(), Violation> {
    let Some(disk) = durables.of(member) else { return Ok(()) };
    let found = read_vote(disk).map_err(|error| unreadable(member, &error))?;
    if found.is_some_and(|found| (found.term, found.candidate) >= vote) {
        return Ok(());
    }
    let (term, candidate) = vote;
    Err(Violation::new(PROMISE, format!("member {member} voted for {candidate} in term {term}, and has {found:?} synced")))
}

fn appended(member: ProxyId, term: u64, entries: &[EntryId], durables: &dyn Durables) -> Result<(), Violation> {
    let Some(disk) = durables.of(member) else { return Ok(()) };
    let missing = missing(disk, entries).map_err(|error| unreadable(member, &error))?;
    let Some(first) = missing else { return overruled_is_gone(member, entries.last(), disk) };
    // A later leader may have overruled it while the answer was on its way out.
    let vote = read_vote(disk).map_err(|error| unreadable(member, &error))?;
    if vote.is_some_and(|vote| vote.term > term) {
        return Ok(());
    }
    Err(Violation::new(PROMISE, format!("member {member} acknowledged {} entries, and has not synced {first}", entries.len())))
}

/// The terms of a log never fall: what is behind an entry and of an earlier term was overruled by it.
fn overruled_is_gone(member: ProxyId, last: Option<&EntryId>, disk: &dyn Disk) -> Result<(), Violation> {
    let Some(last) = last else { return Ok(()) };
    let next = read_entry(disk, last.index + 1).map_err(|error| unreadable(member, &error))?;
    match next.filter(|next| next.term < last.term) {
        Some(next) => Err(Violation::new(LOG, format!("member {member} acknowledged {last}, and still has {next}"))),
        None => Ok(()),
    }
}

fn missing(disk: &dyn Disk, entries: &[EntryId]) -> Result<Option<EntryId>, DiskError> {
    let purged = read_purged(disk)?.map_or(0, |purged| purged.index);
    for entry in entries {
        if entry.index > purged && read_entry(disk, entry.index)? != Some(*entry) {
            return Ok(Some(*entry));
        }
    }
    Ok(None)
}

/// Whether the entry is in the log, or was and is covered by a snapshot.
fn has_index(disk: &dyn Disk, index: u64) -> Result<bool, DiskError> {
    Ok(read_entry(disk, index)?.is_some() || read_purged(disk)?.is_some_and(|purged| purged.index >= index))
}

fn unreadable(member: ProxyId, error: &DiskError) -> Violation {
    Violation::new(PROMISE, format!("the disk of member {member} cannot be read: {error}"))
}
