//! A model of the group: what openraft does with a change, and who holds what is committed, as unluckily as can be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::super::{Change, HealthWatch, Listed, Rules, View, is_majority, next_change, tolerates};
use crate::ids::ProxyId;

type Ids = BTreeSet<ProxyId>;

/// Where a change of voters ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Luck {
    /// It is carried out.
    Whole,
    /// The leader is deposed between the two configurations.
    Half,
}

/// The group and everything around it.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) now: Instant,
    pub(super) leader: Option<ProxyId>,
    pub(super) proxies: BTreeMap<ProxyId, Listed>,
    pub(super) members: BTreeMap<ProxyId, String>,
    pub(super) configurations: Vec<Ids>,
    pub(super) alive: Ids,
    watch: HealthWatch,
    /// Who has everything that is committed.
    holders: Ids,
    /// Decides who is sent an entry before it is committed, and who is elected.
    seed: usize,
}

impl Model {
    /// A group of one.
    pub(super) fn new(rules: Rules, seed: usize) -> Self {
        let first = ProxyId(1);
        let mut model = Self {
            rules,
            now: Instant::now(),
            leader: Some(first),
            proxies: BTreeMap::from([(first, Listed { address: Some("first".to_owned()), ..Listed::default() })]),
            members: BTreeMap::from([(first, "first".to_owned())]),
            configurations: vec![Ids::from([first])],
            alive: Ids::from([first]),
            watch: HealthWatch::default(),
            holders: Ids::from([first]),
            seed,
        };
        model.pass(Duration::ZERO);
        model
    }

    /// Time passes, with the watch looking on at both ends.
    pub(super) fn pass(&mut self, time: Duration) {
        self.look();
        self.now += time;
        self.look();
    }

    /// Whoever is alive is sent everything.
    pub(super) fn catch_up(&mut self) {
        if self.leader.is_some() && self.has_majority() {
            let members = self.members.keys().copied().filter(|id| self.alive.contains(id));
            self.holders.extend(members);
        }
    }

    /// The leader, if there is one, leads no more; another is elected if that can be.
    pub(super) fn depose(&mut self) {
        self.leader = None;
        self.watch.reset();
        if !self.has_majority() {
            return;
        }
        // Who lacks something that is committed is voted for by no majority.
        let voters: Ids = self.configurations.iter().flatten().copied().collect();
        let fit: Vec<_> = voters.iter().copied().filter(|id| self.alive.contains(id) && self.holders.contains(id)).collect();
        assert!(!fit.is_empty(), "what is committed is lost: {self:#?}");
        self.leader = Some(fit[self.chance() % fit.len()]);
        self.commit();
        self.look();
    }

    /// Whether those that are alive can commit.
    pub(super) fn has_majority(&self) -> bool {
        is_majority(&self.configurations, &self.alive_members())
    }

    /// The members that are alive.
    pub(super) fn alive_members(&self) -> Ids {
        self.alive.iter().copied().filter(|id| self.members.contains_key(id)).collect()
    }

    /// Whether the proxy is in the table and is to stay.
    pub(super) fn is_listed(&self, id: ProxyId) -> bool {
        self.proxies.get(&id).is_some_and(|listed| !listed.removed)
    }

    fn successors(&self, leader: ProxyId) -> Ids {
        let voters = self.configurations.last().into_iter().flatten().copied();
        voters.filter(|id| *id != leader && self.alive.contains(id)).collect()
    }

    /// The next change, as this leader sees it.
    pub(super) fn proposed(&self, leader: ProxyId) -> Option<Change> {
        let mut watch = self.watch.clone();
        let health = watch.observe(&self.members.keys().copied().collect(), &self.alive_members(), self.now).clone();
        let view = View {
            leader,
            proxies: self.proxies.clone(),
            members: self.members.clone(),
            configurations: self.configurations.clone(),
            successors: self.successors(leader),
            health,
        };
        next_change(&view, &self.rules, self.now)
    }

    /// The leader proposes the next change and it is carried out.
    pub(super) fn step(&mut self, luck: Luck) -> Option<Change> {
        let change = self.proposed(self.leader?);
        assert!(self.has_majority() || change.is_none(), "{change:?} without a majority: {self:#?}");
        if let Some(change) = &change {
            self.carry_out(change, luck);
            self.look();
        }
        change
    }

    fn carry_out(&mut self, change: &Change, luck: Luck) {
        let before = self.configurations.last().expect("at least one").clone();
        match change {
            Change::Readdress(id, address) => {
                assert_ne!(self.members.insert(*id, address.clone()), None);
                self.commit();
            }
            Change::AddLearner(id, address) => {
                assert_eq!(self.members.insert(*id, address.clone()), None);
                self.commit();
            }
            Change::Forget(id) => {
                assert!(!before.contains(id) && self.members.remove(id).is_some() && !self.is_listed(*id));
                self.commit();
                if self.leader == Some(*id) {
                    self.depose();
                }
            }
            Change::Erase(id) => {
                assert!(!self.members.contains_key(id) && self.proxies.remove(id).is_some_and(|listed| listed.removed));
                self.commit();
            }
            Change::HandOver(id) => {
                assert!(self.leader.is_some_and(|leader| !self.is_listed(leader)) && self.is_listed(*id), "{change:?}: {self:#?}");
                assert!(self.successors(ProxyId(0)).contains(id), "{change:?}: {self:#?}");
                // It is brought up to date before it is elected.
                self.holders.insert(*id);
                self.leader = Some(*id);
                self.watch.reset();
                self.commit();
            }
            Change::Settle(voters) => {
                assert!(self.configurations.len() > 1 && *voters == before);
                self.configure(vec![before]);
            }
            Change::Promote(_) | Change::Demote(_) | Change::Replace { .. } => {
                let after = change.voters(before.clone());
                self.examine(change, &before, &after);
                self.configure(vec![before, after.clone()]);
                match luck {
                    Luck::Whole => self.configure(vec![after]),
                    Luck::Half => self.depose(),
                }
            }
        }
    }

    /// What every change of voters must be.
    fn examine(&self, change: &Change, before: &Ids, after: &Ids) {
        assert_eq!(self.configurations.len(), 1, "{change:?} between two configurations");
        assert!(after.iter().all(|id| self.members.contains_key(id)), "{change:?} of a stranger: {self:#?}");
        let (came, gone): (Vec<_>, Vec<_>) = (after.difference(before).collect(), before.difference(after).collect());
        assert!(came.len() <= 1 && gone.len() <= 1 && came.len() + gone.len() > 0, "{change:?} is no single change");
        assert!(came.iter().all(|id| self.alive.contains(id) && self.is_listed(**id)), "{change:?}: {self:#?}");
        let is_forced = before.len() > self.rules.max_voters || gone.iter().any(|id| !self.is_listed(**id));
        let tolerated = |voters| tolerates(voters, &self.alive);
        assert!(is_forced || tolerated(after) >= tolerated(before), "{change:?} makes the group weaker: {self:#?}");
        assert!(after.len() <= before.len().max(self.rules.max_voters), "{change:?} is one too many");
    }

    /// A configuration counts from the moment it is in the log.
    fn configure(&mut self, after: Vec<Ids>) {
        let before = std::mem::replace(&mut self.configurations, after);
        let voters: Vec<_> = before.iter().chain(&self.configurations).flatten().copied().collect::<Ids>().into_iter().collect();
        for chosen in 0..1_u32 << voters.len() {
            let (these, others): (Vec<_>, Vec<_>) = (0..voters.len()).partition(|place| chosen & 1 << place != 0);
            let set = |places: Vec<usize>| places.into_iter().map(|place| voters[place]).collect::<Ids>();
            let two_leaders = is_majority(&before, &set(these)) && is_majority(&self.configurations, &set(others));
            assert!(!two_leaders, "majorities that have no member in common: {before:?} {:?}", self.configurations);
        }
        self.commit();
        let lacking: Ids = self.alive.difference(&self.holders).copied().collect();
        assert!(!is_majority(&self.configurations, &lacking), "a majority lacks what is committed: {self:#?}");
    }

    /// An entry is committed: on the leader, and on no more members than it takes.
    fn commit(&mut self) {
        let mut others: Vec<_> = self.configurations.iter().flatten().copied().filter(|id| self.alive.contains(id)).collect();
        let turn = self.chance() % others.len().max(1);
        others.rotate_left(turn);
        self.holders = self.leader.into_iter().collect();
        for id in others {
            if is_majority(&self.configurations, &self.holders) {
                break;
            }
            self.holders.insert(id);
        }
        assert!(is_majority(&self.configurations, &self.holders), "a change that hangs: {self:#?}");
    }

    fn look(&mut self) {
        if self.leader.is_some() {
            self.watch.observe(&self.members.keys().copied().collect(), &self.alive_members(), self.now);
        }
    }

    fn chance(&mut self) -> usize {
        self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e);
        self.seed >> 33
    }
}
