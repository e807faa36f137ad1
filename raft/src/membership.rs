//! Who votes: from what the leader knows to the next single change. Pure; it must *never* propose a change that could leave
//! the group without a healthy majority.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::ids::ProxyId;

/// What does not change while a member runs.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Most voters.
    pub max_voters: usize,
    /// How long a learner must have been healthy to be promoted.
    pub promote_after: Duration,
}

/// What the leader knows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Where the proxies of the table that have ever started are reached.
    pub started: BTreeMap<ProxyId, String>,
    /// Where the members of the group are reached, as the log has it.
    pub members: BTreeMap<ProxyId, String>,
    /// The members that vote, in the newest configuration.
    pub voters: BTreeSet<ProxyId>,
    /// Whether the group is between two configurations.
    pub joint: bool,
    /// Since when each member has been alive and caught up; absent when it is not. The leader is there itself.
    pub healthy_since: BTreeMap<ProxyId, Instant>,
}

/// One change of the membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Finish a change that an earlier leader, or an earlier try, has left between two configurations.
    Settle(BTreeSet<ProxyId>),
    /// A proxy becomes a learner.
    AddLearner(ProxyId, String),
    /// A member is reached elsewhere now.
    Readdress(ProxyId, String),
    /// A learner becomes a voter.
    Promote(ProxyId),
}

/// The next change, if one is due.
pub fn next_change(view: &View, rules: &Rules, now: Instant) -> Option<Change> {
    if view.joint {
        return Some(Change::Settle(view.voters.clone()));
    }
    readdress(view).or_else(|| add_learner(view)).or_else(|| promote(view, rules, now))
}

fn readdress(view: &View) -> Option<Change> {
    let moved = view.members.iter().find_map(|(id, old)| view.started.get(id).filter(|new| *new != old).map(|new| (id, new)));
    moved.map(|(id, address)| Change::Readdress(*id, address.clone()))
}

fn add_learner(view: &View) -> Option<Change> {
    let stranger = view.started.iter().find(|(id, _)| !view.members.contains_key(id));
    stranger.map(|(id, address)| Change::AddLearner(*id, address.clone()))
}

fn promote(view: &View, rules: &Rules, now: Instant) -> Option<Change> {
    if view.voters.len() >= rules.max_voters {
        return None;
    }
    let ripe = |id: &ProxyId| view.healthy_since.get(id).is_some_and(|since| now.saturating_duration_since(*since) >= rules.promote_after);
    let candidate = view.members.keys().find(|id| !view.voters.contains(id) && ripe(id))?;
    let healthy = view.voters.iter().filter(|id| view.healthy_since.contains_key(id)).count() + 1;
    let needed = view.voters.len().div_ceil(2) + 1;
    (healthy >= needed).then_some(Change::Promote(*candidate))
}

/// Whether these members are a majority of the group, between two configurations of both.
pub fn is_majority(configurations: &[BTreeSet<ProxyId>], members: &BTreeSet<ProxyId>) -> bool {
    configurations.iter().all(|voters| voters.intersection(members).count() > voters.len() / 2)
}

/// Since when each member has been healthy without a break.
#[derive(Debug, Default)]
pub struct HealthWatch {
    since: BTreeMap<ProxyId, Instant>,
}

impl HealthWatch {
    /// Takes note of who is healthy now and returns since when each of them has been.
    pub fn observe(&mut self, healthy: impl IntoIterator<Item = ProxyId>, now: Instant) -> &BTreeMap<ProxyId, Instant> {
        let before = std::mem::take(&mut self.since);
        self.since = healthy.into_iter().map(|id| (id, before.get(&id).copied().unwrap_or(now))).collect();
        &self.since
    }

    /// Forgets everything: this member does not lead any more.
    pub fn reset(&mut self) {
        self.since.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { max_voters: 3, promote_after: Duration::from_secs(10) };

    /// Members `1..=members` of which `1..=voters` vote; who is healthy has been for long.
    fn view(started: u64, members: u64, voters: u64, healthy: &[u64], now: Instant) -> View {
        let address = |id: u64| (ProxyId(id), format!("host-{id}:3021"));
        View {
            started: (1..=started).map(address).collect(),
            members: (1..=members).map(address).collect(),
            voters: (1..=voters).map(ProxyId).collect(),
            joint: false,
            healthy_since: healthy.iter().map(|id| (ProxyId(*id), now)).collect(),
        }
    }

    #[test]
    fn the_next_change() {
        let now = Instant::now();
        let later = now + RULES.promote_after;
        let learner = |id: u64| Some(Change::AddLearner(ProxyId(id), format!("host-{id}:3021")));
        let promote = |id: u64| Some(Change::Promote(ProxyId(id)));
        let table: [(&str, View, Option<Change>); 9] = [
            ("nothing to do", view(1, 1, 1, &[1], now), None),
            ("a proxy has started", view(3, 1, 1, &[1], now), learner(2)),
            ("one that never started waits", view(1, 1, 1, &[1], now), None),
            ("a healthy learner", view(2, 2, 1, &[1, 2], now), promote(2)),
            ("a learner that is not healthy", view(2, 2, 1, &[1], now), None),
            ("it does not stop the next one", view(3, 3, 1, &[1, 3], now), promote(3)),
            ("enough voters", view(4, 4, 3, &[1, 2, 3, 4], now), None),
            ("a voter is down: two of three remain", view(3, 3, 2, &[1, 3], now), promote(3)),
            ("no healthy majority afterwards", View { voters: [1, 2].map(ProxyId).into(), ..view(3, 3, 2, &[3], now) }, None),
        ];
        for (name, view, expected) in table {
            assert_eq!(next_change(&view, &RULES, later), expected, "{name}");
        }
        assert_eq!(next_change(&view(2, 2, 1, &[1, 2], now), &RULES, now), None, "not yet");
    }

    #[test]
    fn a_joint_configuration_is_settled_first() {
        let now = Instant::now();
        let view = View { joint: true, ..view(3, 2, 2, &[1, 2], now) };
        assert_eq!(next_change(&view, &RULES, now), Some(Change::Settle([1, 2].map(ProxyId).into())));
    }

    #[test]
    fn a_member_that_moved_is_followed() {
        let now = Instant::now();
        let mut view = view(2, 2, 2, &[1, 2], now);
        view.started.insert(ProxyId(2), "elsewhere:1".to_owned());
        assert_eq!(next_change(&view, &RULES, now), Some(Change::Readdress(ProxyId(2), "elsewhere:1".to_owned())));
    }

    #[test]
    fn a_majority_is_one_of_both_configurations() {
        let set = |ids: &[u64]| ids.iter().copied().map(ProxyId).collect::<BTreeSet<_>>();
        let table = [
            (vec![set(&[1])], set(&[1]), true),
            (vec![set(&[1, 2])], set(&[1]), false),
            (vec![set(&[1, 2, 3])], set(&[1]), false),
            (vec![set(&[1, 2, 3])], set(&[1, 3]), true),
            (vec![set(&[1, 2, 3])], set(&[1, 4, 5]), false),
            (vec![set(&[1]), set(&[1, 2])], set(&[1]), false),
            (vec![set(&[1, 2, 3]), set(&[3, 4, 5])], set(&[1, 2, 3, 4]), true),
        ];
        for (configurations, members, expected) in table {
            assert_eq!(is_majority(&configurations, &members), expected, "{configurations:?} {members:?}");
        }
    }

    #[test]
    fn health_counts_without_a_break() {
        let (start, step) = (Instant::now(), Duration::from_secs(1));
        let mut watch = HealthWatch::default();
        watch.observe([ProxyId(1), ProxyId(2)], start);
        watch.observe([ProxyId(1)], start + step);
        let since = watch.observe([ProxyId(1), ProxyId(2)], start + step * 2);
        assert_eq!(since.get(&ProxyId(1)), Some(&start));
        assert_eq!(since.get(&ProxyId(2)), Some(&(start + step * 2)));
    }
}
