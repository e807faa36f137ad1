//! Who votes: seats that are filled, given up, added and moved.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use tokio::time::Instant;

use super::change::Change;
use super::quorum::is_majority;
use super::rules::Rules;
use super::view::View;
use super::zones::Zones;
use crate::ids::ProxyId;

/// The seats of the group, and who could have one.
pub(super) struct Seats<'a> {
    view: &'a View,
    rules: &'a Rules,
    voters: BTreeSet<ProxyId>,
    /// Voters whose proxies were removed from the table; the leader last.
    removed: Vec<ProxyId>,
    /// Voters that have been down past the grace.
    dead: Vec<ProxyId>,
    /// Learners that have been up for long enough.
    ripe: Vec<ProxyId>,
    /// Learners that are up, but not yet for long enough.
    unripe: usize,
    zones: Zones<'a>,
}

impl<'a> Seats<'a> {
    pub(super) fn new(view: &'a View, rules: &'a Rules, now: Instant) -> Self {
        let voters = view.voters();
        let is_listed = |id: &ProxyId| view.is_listed(*id);
        let is_dead = |id: &ProxyId| view.down_for(*id, rules.replace_after, now);
        let mut removed: Vec<_> = voters.iter().copied().filter(|id| !is_listed(id)).collect();
        removed.sort_by_key(|id| *id == view.leader);
        let dead = voters.iter().copied().filter(|id| is_listed(id) && is_dead(id)).collect();
        let learners = view.members.keys().copied().filter(|id| !voters.contains(id) && is_listed(id) && view.is_up(*id));
        let (ripe, unripe): (Vec<_>, Vec<_>) = learners.partition(|id| view.up_for(*id, rules.promote_after, now));
        let zones = Zones::new(view, voters.iter().copied().filter(|id| is_listed(id) && !is_dead(id)));
        Self { view, rules, voters, removed, dead, ripe, unripe: unripe.len(), zones }
    }

    /// The next change of who votes.
    pub(super) fn next_change(&self) -> Option<Change> {
        let ideas = [Self::hand_over, Self::fill, Self::give_up, Self::add, Self::shrink, Self::spread];
        ideas.iter().find_map(|idea| idea(self))
    }

    /// A leader that is removed hands over while it votes: then its going costs no election.
    fn hand_over(&self) -> Option<Change> {
        let is_due = self.removed.contains(&self.view.leader);
        let mut successors = self.view.successors.iter().filter(|id| self.voters.contains(id) && self.view.is_listed(**id));
        successors.next().filter(|_| is_due).map(|id| Change::HandOver(*id))
    }

    /// A voter that is gone is replaced.
    fn fill(&self) -> Option<Change> {
        let (voter, by) = (*self.gone().next()?, self.candidate()?);
        (self.staying() < self.wanted()).then_some(Change::Replace { voter, by }).filter(|change| self.is_safe(change))
    }

    /// A voter that is gone and cannot be replaced gives its seat up: for good if it was removed. One that is only dead keeps
    /// it as long as the group is no safer without it, because it counts again the moment it is back.
    fn give_up(&self) -> Option<Change> {
        let count = self.voters.len();
        let is_burden = count.is_multiple_of(2) || count > self.rules.max_voters || self.gone().count() > 1;
        let dead = self.dead.iter().filter(|_| is_burden);
        self.removed.iter().chain(dead).map(|id| Change::Demote(*id)).find(|change| self.is_safe(change))
    }

    fn add(&self) -> Option<Change> {
        let candidate = self.candidate().filter(|_| self.voters.len() < self.wanted())?;
        Some(Change::Promote(candidate)).filter(|change| self.is_safe(change))
    }

    /// There are more voters than there should be, or an even number with nobody who could soon make it odd.
    fn shrink(&self) -> Option<Change> {
        let count = self.voters.len();
        let wanted = self.rules.seats(count + self.ripe.len() + self.unripe);
        self.dispensable(self.voters.iter()).filter(|_| count > wanted).map(Change::Demote).filter(|change| self.is_safe(change))
    }

    /// A voter of a crowded zone is replaced by a learner of a sparse one. It can wait until nobody is down.
    fn spread(&self) -> Option<Change> {
        let by = self.candidate()?;
        let least = self.zones.voters_beside(by) + 2;
        let voter = self.dispensable(self.voters.iter().filter(|id| self.zones.voters_beside(**id) >= least))?;
        let calm = self.voters.iter().all(|id| self.view.is_up(*id));
        Some(Change::Replace { voter, by }).filter(|change| calm && self.is_safe(change))
    }

    fn gone(&self) -> impl Iterator<Item = &ProxyId> {
        self.removed.iter().chain(&self.dead)
    }

    fn staying(&self) -> usize {
        self.voters.len() - self.gone().count()
    }

    /// How many should vote.
    fn wanted(&self) -> usize {
        self.rules.seats(self.staying() + self.ripe.len())
    }

    /// Who is promoted next: the learner whose zone has the fewest voters.
    fn candidate(&self) -> Option<ProxyId> {
        self.ripe.iter().copied().min_by_key(|id| (self.zones.voters_beside(*id), *id))
    }

    /// Who is missed least. Never the leader: that would cost an election, or a leader that does not vote.
    fn dispensable<'b>(&self, voters: impl Iterator<Item = &'b ProxyId>) -> Option<ProxyId> {
        let rank = |id: &ProxyId| (self.view.is_up(*id), Reverse(self.zones.voters_beside(*id)), Reverse(*id));
        voters.copied().filter(|id| *id != self.view.leader).min_by_key(rank)
    }

    /// Whether the healthy voters are a majority afterwards too.
    fn is_safe(&self, change: &Change) -> bool {
        let after = change.voters(self.voters.clone());
        !after.is_empty() && is_majority(&[after], &self.view.healthy())
    }
}
