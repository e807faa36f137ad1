//! One table per rule.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::super::{Change, Health, Listed, Rules, View, next_change};
use crate::ids::ProxyId;

const SECOND: Duration = Duration::from_secs(1);
const FIVE: Rules = Rules { max_voters: 5, promote_after: Duration::from_secs(10), replace_after: Duration::from_secs(30) };
const THREE: Rules = Rules { max_voters: 3, ..FIVE };

/// A group led by 1, all up for long, all voters first; each test changes what it is about.
struct Group(View, Instant);

/// Members of which the first so many vote.
fn group(members: u64, voters: u64) -> Group {
    let start = Instant::now();
    let ids = || (1..=members).map(ProxyId);
    let view = View {
        leader: ProxyId(1),
        proxies: ids().map(|id| (id, Listed { address: Some(address(id.0)), ..Listed::default() })).collect(),
        members: ids().map(|id| (id, address(id.0))).collect(),
        configurations: vec![(1..=voters).map(ProxyId).collect()],
        successors: BTreeSet::new(),
        health: ids().map(|id| (id, Health::Up { since: start })).collect(),
    };
    Group(view, start + SECOND * 100)
}

fn address(id: u64) -> String {
    format!("host-{id}:3021")
}

fn set(ids: &[u64]) -> BTreeSet<ProxyId> {
    ids.iter().copied().map(ProxyId).collect()
}

impl Group {
    /// Down since so many seconds.
    fn down(mut self, id: u64, seconds: u32) -> Self {
        self.0.health.insert(ProxyId(id), Health::Down { since: self.1 - SECOND * seconds });
        self
    }

    /// Up since so many seconds.
    fn up(mut self, id: u64, seconds: u32) -> Self {
        self.0.health.insert(ProxyId(id), Health::Up { since: self.1 - SECOND * seconds });
        self
    }

    /// Not in the table any more.
    fn removed(mut self, id: u64) -> Self {
        self.0.proxies.remove(&ProxyId(id));
        self
    }

    /// To leave, but still in the table.
    fn leaving(mut self, id: u64) -> Self {
        self.0.proxies.entry(ProxyId(id)).or_default().removed = true;
        self
    }

    /// A member no more.
    fn no_member(mut self, id: u64) -> Self {
        self.0.members.remove(&ProxyId(id));
        self
    }

    /// Leadership can be handed over to these.
    fn successors(mut self, ids: &[u64]) -> Self {
        self.0.successors = set(ids);
        self
    }

    /// One letter for each proxy's zone.
    fn zones(mut self, zones: &str) -> Self {
        for (listed, zone) in self.0.proxies.values_mut().zip(zones.chars()) {
            listed.zone = zone.to_string();
        }
        self
    }

    fn led_by(mut self, id: u64) -> Self {
        self.0.leader = ProxyId(id);
        self
    }

    fn listed(mut self, id: u64, address: Option<&str>) -> Self {
        self.0.proxies.insert(ProxyId(id), Listed { address: address.map(str::to_owned), ..Listed::default() });
        self
    }

    fn joint(mut self, newer: &[u64]) -> Self {
        self.0.configurations.push(set(newer));
        self
    }
}

fn promote(id: u64) -> Option<Change> {
    Some(Change::Promote(ProxyId(id)))
}

fn demote(id: u64) -> Option<Change> {
    Some(Change::Demote(ProxyId(id)))
}

fn replace(voter: u64, by: u64) -> Option<Change> {
    Some(Change::Replace { voter: ProxyId(voter), by: ProxyId(by) })
}

fn forget(id: u64) -> Option<Change> {
    Some(Change::Forget(ProxyId(id)))
}

fn check(rules: &Rules, table: impl IntoIterator<Item = (&'static str, Group, Option<Change>)>) {
    for (name, Group(view, now), expected) in table {
        assert_eq!(next_change(&view, rules, now), expected, "{name}: {view:?}");
    }
}

#[test]
fn members_are_the_proxies_that_have_started() {
    check(
        &FIVE,
        [
            ("alone", group(1, 1), None),
            ("one has started", group(1, 1).listed(2, Some("b:1")), Some(Change::AddLearner(ProxyId(2), "b:1".to_owned()))),
            ("one never has", group(1, 1).listed(2, None), None),
            ("one has moved", group(3, 3).listed(2, Some("b:1")), Some(Change::Readdress(ProxyId(2), "b:1".to_owned()))),
            ("the leader has moved", group(3, 3).listed(1, Some("a:1")), Some(Change::Readdress(ProxyId(1), "a:1".to_owned()))),
            ("a learner was removed", group(4, 3).removed(4), forget(4)),
            ("a learner that is down was removed", group(4, 3).removed(4).down(4, 100), forget(4)),
            ("a learner that is only down stays", group(4, 3).down(4, 10_000), None),
            ("nothing is in the table yet", group(1, 1).removed(1), None),
        ],
    );
}

#[test]
fn a_learner_is_promoted_once_it_was_up_for_long_enough() {
    check(
        &FIVE,
        [
            ("for long enough", group(2, 1).up(2, 10), promote(2)),
            ("not yet", group(2, 1).up(2, 9), None),
            ("down", group(2, 1).down(2, 0), None),
            ("one that is not holds up nobody", group(3, 1).down(2, 0), promote(3)),
            ("a third", group(3, 2), promote(3)),
        ],
    );
}

#[test]
fn an_odd_number_votes_or_two() {
    check(
        &FIVE,
        [
            ("two of two", group(2, 2), None),
            ("three of four", group(4, 3), None),
            ("two at once make five", group(5, 3), promote(4)),
            ("and the second of them", group(5, 4), promote(5)),
            ("the second is soon fit", group(5, 4).up(5, 2), None),
            ("the second has failed", group(5, 4).down(5, 0), demote(4)),
            ("a fourth is no use", group(4, 4), demote(4)),
            ("the one that is down goes", group(4, 4).down(2, 1), demote(2)),
            ("five is most", group(7, 5), None),
        ],
    );
    let shrinking = [("too many", group(5, 5), demote(5)), ("still", group(5, 4), demote(4)), ("enough", group(5, 3), None)];
    check(&THREE, shrinking);
    check(&Rules { max_voters: 1, ..FIVE }, [("two are too many", group(2, 2), demote(2)), ("one", group(3, 1), None)]);
    check(&Rules { max_voters: 4, ..FIVE }, [("four are never meant", group(6, 3), None)]);
}

#[test]
fn a_dead_voter_is_replaced_after_the_grace() {
    check(
        &THREE,
        [
            ("in its grace", group(4, 3).down(2, 29), None),
            ("after it", group(4, 3).down(2, 30), replace(2, 4)),
            ("by one that is fit", group(5, 3).down(2, 30).up(4, 9), replace(2, 5)),
            ("by nobody", group(4, 3).down(2, 30).down(4, 0), None),
            ("it is back as a learner", group(4, 3), None),
            ("no majority", group(5, 3).down(2, 30).down(3, 30), None),
        ],
    );
    check(
        &FIVE,
        [
            ("a fourth is up and takes the seat", group(4, 3).down(2, 30), replace(2, 4)),
            ("and then there are three again", group(4, 3).down(4, 100), None),
            ("one of five keeps its seat", group(5, 5).down(2, 100), None),
            ("two of five do not", group(5, 5).down(2, 100).down(3, 100), demote(2)),
            ("one of four does not", group(4, 4).down(3, 100), demote(3)),
            ("three that are up are enough", group(6, 5).down(2, 100).down(3, 100), demote(2)),
            ("five that are up are better", group(7, 5).down(2, 100).down(3, 100), replace(2, 6)),
        ],
    );
}

#[test]
fn a_removed_proxy_is_forgotten() {
    check(
        &FIVE,
        [
            ("first it stops to vote", group(3, 3).removed(3), demote(3)),
            ("whether it is up or not", group(3, 3).removed(3).down(3, 0), demote(3)),
            ("one that is fit takes its seat", group(4, 3).removed(3).down(3, 0), replace(3, 4)),
            ("not the only one", group(1, 1).removed(1), None),
            ("the only one hands over", group(2, 1).removed(1), replace(1, 2)),
            ("not without a majority", group(2, 2).removed(2).down(2, 100), None),
            ("not so that there is none", group(3, 3).removed(3).down(2, 0), None),
            ("unless that one is dead too", group(3, 3).removed(3).down(2, 100), demote(2)),
            ("the leader is the last", group(4, 4).removed(1).removed(3), demote(3)),
            ("but it goes", group(3, 3).removed(1), demote(1)),
        ],
    );
    let without = |mut group: Group| {
        group.0.configurations = vec![set(&[2])];
        group
    };
    let last = [
        ("the other is forgotten first", without(group(3, 3).removed(1).removed(3)), forget(3)),
        ("and then the leader", without(group(2, 2).removed(1)), forget(1)),
    ];
    check(&FIVE, last);
}

/// In this order: it votes no more, it is a member no more, its record goes.
#[test]
fn a_proxy_that_is_to_leave_goes_step_by_step() {
    let hand_over = |id: u64| Some(Change::HandOver(ProxyId(id)));
    let erase = |id: u64| Some(Change::Erase(ProxyId(id)));
    check(
        &FIVE,
        [
            ("first it stops to vote", group(3, 3).leaving(3), demote(3)),
            ("down or not", group(3, 3).leaving(3).down(3, 0), demote(3)),
            ("of two it acknowledges that itself", group(2, 2).leaving(2), demote(2)),
            ("of two it cannot when it is down", group(2, 2).leaving(2).down(2, 0), None),
            ("one that is fit takes its seat", group(4, 3).leaving(3), replace(3, 4)),
            ("not one that is to leave too", group(4, 3).leaving(3).leaving(4), demote(3)),
            ("then it is forgotten", group(4, 3).leaving(4), forget(4)),
            ("and then its record goes", group(4, 3).leaving(4).no_member(4), erase(4)),
            ("no sooner, though it never started", group(3, 3).listed(4, None).leaving(4), erase(4)),
            ("it is not taken in again", group(3, 3).listed(4, Some("d:1")).leaving(4), erase(4)),
            ("no vote for it", group(2, 1).leaving(2), forget(2)),
        ],
    );
    check(
        &FIVE,
        [
            ("the leader hands over first", group(3, 3).leaving(1).successors(&[2, 3]), hand_over(2)),
            ("to one that stays", group(3, 3).leaving(1).leaving(2).successors(&[2, 3]), hand_over(3)),
            ("before another one goes", group(3, 3).leaving(1).leaving(3).successors(&[2, 3]), hand_over(2)),
            ("or goes without", group(3, 3).leaving(1), demote(1)),
            ("nobody is left to hand over to", group(2, 1).leaving(1).successors(&[]), replace(1, 2)),
            ("a leader that stays keeps leading", group(3, 3).successors(&[2, 3]), None),
            ("not while a change is half done", group(3, 3).joint(&[1, 2]).leaving(1).successors(&[2]), settle_with(&[1, 2])),
        ],
    );
}

fn settle_with(ids: &[u64]) -> Option<Change> {
    Some(Change::Settle(set(ids)))
}

#[test]
fn voters_are_spread_over_zones() {
    check(
        &THREE,
        [
            ("the sparse zone is promoted first", group(4, 2).zones("aaab"), promote(4)),
            ("a zone without a voter", group(4, 3).zones("aaab"), replace(3, 4)),
            ("two more zones", group(5, 3).zones("aabbc"), replace(2, 5)),
            ("never the leader", group(4, 3).led_by(3).zones("aaab"), replace(2, 4)),
            ("no zone is worse than another", group(5, 3).zones("abcab"), None),
            ("one that is not fit yet", group(4, 3).zones("aaab").up(4, 9), None),
            ("not while one is down", group(4, 3).zones("aaab").down(2, 3), None),
            ("it takes the seat of the dead in any case", group(5, 3).zones("aabac").down(3, 30), replace(3, 5)),
            ("proxies without a zone are in one", group(4, 3).zones("   b"), replace(3, 4)),
        ],
    );
    check(
        &FIVE,
        [
            ("no zone has a majority that need not", group(6, 5).zones("aaabcb"), replace(3, 6)),
            ("two and two and one", group(7, 5).zones("aabbcab"), None),
            ("the crowded zone gives the fourth up", group(4, 4).zones("abbc"), demote(3)),
        ],
    );
}

#[test]
fn what_was_begun_is_finished_first() {
    let settle = |ids: &[u64]| Some(Change::Settle(set(ids)));
    check(
        &THREE,
        [
            ("before anything else", group(4, 2).joint(&[1, 2, 3]).listed(5, Some("e:1")), settle(&[1, 2, 3])),
            ("although it is no use any more", group(4, 3).joint(&[1, 2, 4]).down(4, 100), settle(&[1, 2, 4])),
            ("not without a majority of both", group(3, 1).joint(&[1, 2]).down(2, 0), None),
        ],
    );
}

#[test]
fn nothing_is_begun_without_a_majority() {
    check(
        &THREE,
        [
            ("one of two", group(3, 2).down(2, 100), None),
            ("one of three", group(4, 3).down(2, 1).down(3, 1).listed(5, Some("e:1")), None),
            ("no address is changed either", group(3, 3).down(2, 1).down(3, 1).listed(2, Some("b:1")), None),
        ],
    );
}
