//! R1, R3, R6, R7, R8: what was committed stays, everybody applies the same, and no member goes back behind what it has said.

use std::collections::BTreeMap;

use warren_raft::disk::Disk;
use warren_raft::fault::{EntryId, Observation, Stand, read_purged, read_snapshot};
use warren_raft::{Incarnation, ProxyId};

use super::Violation;

/// What was said so far, by everybody.
#[derive(Debug, Default)]
pub struct Committed {
    /// Which entry is committed at an index.
    entries: BTreeMap<u64, EntryId>,
    /// The state after the entry at an index, and who has shown it first.
    states: BTreeMap<u64, (u32, ProxyId)>,
    /// Who led in a term, in which life.
    leaders: BTreeMap<(u64, ProxyId), Incarnation>,
    /// For whom a member has voted last, and in which term.
    votes: BTreeMap<ProxyId, (u64, ProxyId)>,
    /// How a member stood last.
    stands: BTreeMap<ProxyId, Stand>,
}

impl Committed {
    /// Compares what is said with what was said before.
    ///
    /// # Errors
    /// [`Violation`]
    pub fn observe(&mut self, observation: &Observation) -> Result<(), Violation> {
        match observation {
            Observation::Committed { member, entry } => self.committed(*member, *entry),
            Observation::Applied { member, entry, state } => {
                self.committed(*member, *entry)?;
                self.shown(*member, entry.index, *state)
            }
            Observation::Voted { member, term, candidate } => self.voted(*member, *term, *candidate),
            Observation::Stands(stand) => self.stands(stand),
            Observation::Appended { .. }
            | Observation::Acknowledged { .. }
            | Observation::Welcomed { .. }
            | Observation::Withdrawing { .. }
            | Observation::Changing { .. } => Ok(()),
        }
    }

    /// What a member has said does not bind whoever takes its place with another disk.
    pub fn forget(&mut self, member: ProxyId) {
        self.votes.remove(&member);
        self.stands.remove(&member);
        self.leaders.retain(|(_, leader), _| *leader != member);
    }

    /// The last entry that is known to be committed.
    pub fn last(&self) -> Option<EntryId> {
        self.entries.last_key_value().map(|(_, entry)| *entry)
    }

    /// Which entry is committed at an index, as far as was said.
    pub fn entry(&self, index: u64) -> Option<EntryId> {
        self.entries.get(&index).copied()
    }

    fn committed(&mut self, member: ProxyId, entry: EntryId) -> Result<(), Violation> {
        let known = *self.entries.entry(entry.index).or_insert(entry);
        if known == entry {
            return Ok(());
        }
        Err(Violation::new("R3", format!("{known} was committed, and then {entry}, says member {member}")))
    }

    fn shown(&mut self, member: ProxyId, index: u64, state: u32) -> Result<(), Violation> {
        let (known, by) = *self.states.entry(index).or_insert((state, member));
        if known == state {
            return Ok(());
        }
        Err(Violation::new("R6", format!("after entry {index} member {member} has the state {state:08x}, and member {by} had {known:08x}")))
    }

    fn voted(&mut self, member: ProxyId, term: u64, candidate: ProxyId) -> Result<(), Violation> {
        let (last, chosen) = *self.votes.entry(member).or_insert((term, candidate));
        // Within a term openraft orders candidates by their ids, and a vote may go to a higher one.
        if (term, candidate) < (last, chosen) {
            // A candidate's own request is under way in tasks of its own: one that leaves late repeats what was so, and binds nobody.
            if member == candidate {
                return Ok(());
            }
            return Err(Violation::new("R7", format!("member {member} voted for {candidate} in {term} after {chosen} in {last}")));
        }
        self.votes.insert(member, (term, candidate));
        Ok(())
    }

    fn stands(&mut self, stand: &Stand) -> Result<(), Violation> {
        let member = stand.member;
        if stand.leads {
            let life = *self.leaders.entry((stand.term, member)).or_insert(stand.opened);
            if life != stand.opened {
                let (term, opened) = (stand.term, stand.opened);
                return Err(Violation::new("R1", format!("member {member} leads in term {term} in its lives {life} and {opened}")));
            }
        }
        if let Some(before) = self.stands.get(&member) {
            goes_on(before, stand)?;
        }
        if stand.snapshot > stand.applied || stand.applied > stand.last.max(stand.snapshot) {
            return Err(Violation::new("R8", format!("member {member} is out of order: {stand:?}")));
        }
        self.stands.insert(member, stand.clone());
        Ok(())
    }
}

/// R7 within what a member says of itself. What it applies is only promised for as long as it runs: it learns again what is committed.
fn goes_on(before: &Stand, stand: &Stand) -> Result<(), Violation> {
    let same_life = stand.opened == before.opened;
    let back = [
        ("incarnation", stand.opened.0 < before.opened.0),
        ("term", same_life && stand.term < before.term),
        ("applied entry", same_life && stand.applied < before.applied),
        ("snapshot", stand.opened >= before.opened && stand.snapshot < before.snapshot && stand.snapshot > 0),
    ];
    match back.iter().find(|(_, back)| *back) {
        Some((what, _)) => Err(Violation::new("R7", format!("the {what} of member {} went back: {before:?}, {stand:?}", stand.member))),
        None => Ok(()),
    }
}

/// R8 on a disk: what is purged from the log is covered by the snapshot beside it.
///
/// # Errors
/// [`Violation`]
pub fn purged_is_covered(member: ProxyId, disk: &dyn Disk) -> Result<(), Violation> {
    let read = || Ok((read_purged(disk)?, read_snapshot(disk)?));
    let (purged, snapshot) = read().map_err(|error: warren_raft::disk::DiskError| {
        Violation::new("R8", format!("the disk of member {member} cannot be read: {error}"))
    })?;
    let index = |id: Option<EntryId>| id.map_or(0, |id| id.index);
    if index(purged) <= index(snapshot) {
        return Ok(());
    }
    Err(Violation::new("R8", format!("member {member} has purged its log up to {purged:?}, and its snapshot covers it up to {snapshot:?}")))
}
