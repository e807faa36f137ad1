use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use warren_raft::StrategyKind;

use super::*;

pub(super) fn member(id: u64, zone: &str) -> Member {
    Member {
        id: ProxyId(id),
        name: format!("proxy-{id}"),
        peer_address: String::new(),
        public_addresses: vec![format!("127.0.0.1:{id}")],
        zone: zone.to_owned(),
        state: MemberState::Up,
        tunnels: 0,
    }
}

pub(super) fn peering(count: u32) -> Option<Strategy> {
    Some(Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: count })
}

fn mesh() -> Option<Strategy> {
    Some(Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: 1 })
}

fn members(count: u64) -> Vec<Member> {
    (1..=count).map(|id| member(id, "")).collect()
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

/// What an agent knows at one moment; the number of the tunnel to proxy 7 is 7.
struct Scene {
    knowledge: Knowledge,
    ways: Ways,
    now: Instant,
}

impl Scene {
    fn new(proxies: &[Member], strategy: Option<Strategy>, tunnels: &[(u64, State)]) -> Self {
        let now = Instant::now();
        let held = |(id, state): &(u64, State)| {
            let held =
                Held { sequence: Sequence(*id), state: *state, hearing: Hearing::Heard, drained: false, since: now, stands_in_for: None };
            (ProxyId(*id), held)
        };
        let tunnels = tunnels.iter().map(held).collect();
        let knowledge = Knowledge { proxies: proxies.into(), strategy, tunnels, ..Knowledge::default() };
        Self { knowledge, ways: Ways::default(), now }
    }

    fn next(&self) -> Option<Step> {
        self.knowledge.next(&self.ways, self.now, &mut rng())
    }

    fn blocked(mut self, ids: &[u64]) -> Self {
        for id in ids {
            self.ways.failed(Some(ProxyId(*id)), ("silent", Some(Duration::from_secs(60))), self.now, &mut rng());
        }
        self
    }

    fn silent(mut self, id: u64) -> Self {
        self.knowledge.hears(ProxyId(id), Sequence(id), Hearing::Silent);
        self
    }

    fn told(mut self, id: u64, state: MemberState) -> Self {
        let known = Arc::make_mut(&mut self.knowledge.proxies).iter_mut().find(|proxy| proxy.id.0 == id).expect("it is known");
        known.state = state;
        self
    }

    fn begun(mut self, sequence: u64, aim: Option<u64>) -> Self {
        self.knowledge.begun(Sequence(sequence), aim.map(ProxyId), self.now);
        self
    }

    fn later(mut self, by: Duration) -> Self {
        self.now += by;
        self
    }

    fn met(&mut self, sequence: u64, proxy: u64) -> Meeting {
        self.knowledge.met(Sequence(sequence), ProxyId(proxy), self.now)
    }
}

fn opens(step: Option<Step>) -> Option<u64> {
    match step {
        Some(Step::Open(member)) => Some(member.id.0),
        Some(Step::Enter | Step::Retire(..)) | None => None,
    }
}

fn retires(step: Option<Step>) -> Option<u64> {
    match step {
        Some(Step::Retire(proxy, _)) => Some(proxy.0),
        Some(Step::Enter | Step::Open(_)) | None => None,
    }
}

#[test]
fn knows_when_it_has_enough() {
    use State::{Greeting, Leaving, Moving, Up, Waiting};
    let table = [
        (1, vec![(1, Up)], true),
        (1, vec![(1, Greeting)], true),
        (1, vec![(1, Leaving)], false),
        (1, vec![(1, Moving(ProxyId(2)))], false),
        (1, vec![(1, Waiting)], false),
        (1, vec![(1, Waiting), (2, Up)], true),
        (2, vec![(1, Up)], false),
        (9, vec![(1, Up), (2, Up), (3, Up)], true),
    ];
    for (count, tunnels, enough) in table {
        let step = Scene::new(&members(3), peering(count), &tunnels).next();
        assert_eq!(step.is_none(), enough, "{count} {tunnels:?} {step:?}");
    }
    assert_eq!(opens(Scene::new(&members(3), mesh(), &[(1, Up), (2, Up)]).next()), Some(3));
}

#[test]
fn gives_nothing_up_before_the_wanted_ones_are_up_without_it() {
    use State::{Greeting, Leaving, Moving, Up, Waiting};
    let three = members(3);
    let table = [
        (1, vec![(1, Leaving), (2, Greeting)], None),
        (1, vec![(1, Leaving), (2, Waiting)], None),
        (1, vec![(1, Leaving), (2, Up)], Some(1)),
        (1, vec![(1, Moving(ProxyId(2))), (2, Up)], Some(1)),
        (2, vec![(1, Leaving), (2, Up)], None),
        (2, vec![(1, Leaving), (2, Up), (3, Up)], Some(1)),
        // One that waits is kept until it is back.
        (1, vec![(1, Waiting), (2, Up)], None),
        (3, vec![(1, Up), (2, Up), (3, Up)], None),
    ];
    for (count, tunnels, expected) in table {
        assert_eq!(retires(Scene::new(&three, peering(count), &tunnels).next()), expected, "{count} {tunnels:?}");
    }
    let fewer = Scene::new(&three, peering(1), &[(1, Up), (2, Up), (3, Up)]);
    assert!(retires(fewer.next()).is_some(), "a smaller count");
    // The only proxy that is left drains: better one that drains than none.
    let last = Scene::new(&members(1), peering(1), &[(1, Up)]).told(1, MemberState::Draining);
    assert_eq!(last.next(), None);
}

#[test]
fn of_too_many_the_one_of_the_fuller_zone_goes_and_the_more_loaded() {
    let mut proxies = vec![member(1, "a"), member(2, "a"), member(3, "b")];
    proxies[1].tunnels = 1_000;
    proxies[2].tunnels = 1_000;
    let scene = Scene::new(&proxies, peering(2), &[(1, State::Up), (2, State::Up), (3, State::Up)]);
    assert_eq!(retires(scene.next()), Some(2));
}

#[test]
fn a_stand_in_goes_when_the_one_that_it_stood_in_for_is_back() {
    let mut scene = Scene::new(&members(3), peering(1), &[(3, State::Waiting)]);
    let stand_in = opens(scene.next()).expect("another one is wanted");
    scene = scene.begun(100, Some(stand_in));
    assert_eq!(scene.met(100, stand_in), Meeting::Taken);
    scene.knowledge.stands(ProxyId(stand_in), Sequence(100), State::Up);
    assert_eq!(scene.next(), None, "it is kept beside");
    scene.knowledge.stands(ProxyId(3), Sequence(3), State::Up);
    assert_eq!(retires(scene.next()), Some(stand_in));
    scene.knowledge.retire(ProxyId(stand_in));
    assert_eq!(scene.next(), None);
}

#[test]
fn a_silent_tunnel_and_one_to_a_dead_proxy_count_no_more_and_are_kept() {
    let scene = || Scene::new(&members(2), peering(1), &[(1, State::Up)]);
    for scene in [scene().silent(1), scene().told(1, MemberState::Down)] {
        assert_eq!(opens(scene.next()), Some(2));
    }
    let beside = Scene::new(&members(2), peering(1), &[(1, State::Up), (2, State::Up)]).silent(1);
    assert_eq!(beside.next(), None, "it may be heard again");
}

#[test]
fn what_drains_serves_until_it_is_told_where_to_go() {
    let scene = || Scene::new(&members(3), peering(1), &[(1, State::Up)]).told(1, MemberState::Draining);
    assert_eq!(scene().next(), None, "all agents at the same moment would be a stampede");
    let mut scene = scene();
    assert_eq!(scene.knowledge.moves(ProxyId(1), Sequence(1), ProxyId(3)), Moved::Goes);
    assert_eq!(opens(scene.next()), Some(3), "to the named one");
    let scene = Scene::new(&members(3), peering(2), &[(1, State::Up), (2, State::Up), (3, State::Up)]).told(1, MemberState::Draining);
    assert_eq!(retires(scene.next()), Some(1), "where there are enough others it goes at once");
}

#[test]
fn a_move_that_cannot_be_is_none() {
    let scene = || Scene::new(&members(3), peering(2), &[(1, State::Up), (2, State::Up)]);
    for (to, state) in [(2, State::Up), (9, State::Up), (3, State::Moving(ProxyId(3)))] {
        let mut scene = scene();
        scene.knowledge.moves(ProxyId(1), Sequence(1), ProxyId(to));
        assert_eq!(scene.knowledge.tunnels[&ProxyId(1)].state, state, "to {to}");
    }
    // Where it drains, it has to go somewhere.
    let mut draining = scene().told(1, MemberState::Draining);
    draining.knowledge.moves(ProxyId(1), Sequence(1), ProxyId(2));
    assert_eq!(draining.knowledge.tunnels[&ProxyId(1)].state, State::Leaving);
    // The named proxy does not answer: it stays where it is.
    let mut scene = scene().begun(100, Some(3));
    scene.knowledge.moves(ProxyId(1), Sequence(1), ProxyId(3));
    scene.knowledge.ended(Sequence(100));
    assert_eq!(scene.knowledge.tunnels[&ProxyId(1)].state, State::Up);
    // It answers, and refuses.
    let mut scene = scene_that_moves();
    assert_eq!(scene.met(100, 3), Meeting::Taken);
    scene.knowledge.ended(Sequence(100));
    assert_eq!(scene.knowledge.tunnels[&ProxyId(1)].state, State::Up);
    // It is gone.
    let mut scene = scene_that_moves();
    scene.knowledge.learn(members(2));
    assert_eq!(scene.knowledge.tunnels[&ProxyId(1)].state, State::Up);
}

/// The tunnel to the first is to move to the third, which is tried.
fn scene_that_moves() -> Scene {
    let mut scene = Scene::new(&members(3), peering(2), &[(1, State::Up), (2, State::Up)]).begun(100, Some(3));
    assert_eq!(scene.knowledge.moves(ProxyId(1), Sequence(1), ProxyId(3)), Moved::Goes);
    scene
}

#[test]
fn a_proxy_that_drains_no_more_keeps_what_it_was_giving_away() {
    for state in [State::Leaving, State::Moving(ProxyId(2))] {
        let mut scene = Scene::new(&members(2), peering(2), &[(1, state), (2, State::Up)]).told(1, MemberState::Draining);
        scene.knowledge.learn(members(2));
        assert_eq!(scene.knowledge.tunnels[&ProxyId(1)].state, State::Up);
    }
    // It was without a lease for a while, and the drain was taken back meanwhile.
    for state in [State::Leaving, State::Moving(ProxyId(3))] {
        let mut scene = Scene::new(&members(3), peering(3), &[(1, State::Up), (2, State::Up)]).told(1, MemberState::Draining);
        match state {
            State::Moving(to) => assert_eq!(scene.knowledge.moves(ProxyId(1), Sequence(1), to), Moved::Goes),
            State::Greeting | State::Up | State::Waiting | State::Leaving => scene.knowledge.leaves(ProxyId(1), Sequence(1)),
        }
        let mut scene = scene.told(1, MemberState::Down).begun(100, Some(3));
        assert_eq!(scene.met(100, 3), Meeting::Taken);
        scene.knowledge.stands(ProxyId(3), Sequence(100), State::Up);
        assert_ne!(scene.knowledge.tunnels[&ProxyId(1)].state, State::Up, "{state:?}");
        scene.knowledge.learn(members(3));
        assert_eq!(scene.knowledge.tunnels[&ProxyId(1)].state, State::Up, "{state:?}");
    }
    // One that goes away before anybody has told that it drains goes away.
    let mut scene = Scene::new(&members(2), peering(2), &[(1, State::Leaving), (2, State::Up)]);
    scene.knowledge.learn(members(2));
    assert_eq!(scene.knowledge.tunnels[&ProxyId(1)].state, State::Leaving);
}

#[test]
fn beside_what_is_slow_there_is_one_more() {
    let scene = || Scene::new(&members(9), peering(1), &[]).begun(100, Some(1));
    assert_eq!(scene().next(), None);
    assert!(scene().knowledge.next_change(scene().now).is_some());
    let slow = scene().later(HANDSHAKE_HEDGE);
    assert!(opens(slow.next()).is_some_and(|id| id != 1));
    assert_eq!(slow.begun(101, Some(2)).later(HANDSHAKE_HEDGE).next(), None, "and not more and more");
    let mut greeting = scene();
    assert_eq!(greeting.met(100, 1), Meeting::Taken);
    assert_eq!(greeting.next(), None);
    assert!(opens(greeting.later(WELCOME_HEDGE).next()).is_some());
}

#[test]
fn takes_whoever_answers_if_it_is_wanted_and_not_held() {
    let scene = || Scene::new(&members(3), peering(2), &[(1, State::Up)]).begun(100, Some(2));
    assert_eq!(scene().met(100, 2), Meeting::Taken);
    assert_eq!(scene().met(100, 3), Meeting::Taken, "another one behind the same address");
    assert_eq!(scene().met(100, 9), Meeting::Taken, "one of which it has not been told yet");
    assert_eq!(scene().met(100, 1), Meeting::Held);
    assert_eq!(scene().told(3, MemberState::Draining).met(100, 3), Meeting::Held);
    let mut twice = scene();
    assert_eq!((twice.met(100, 2), twice.met(100, 3)), (Meeting::Taken, Meeting::Enough), "one attempt is one tunnel");
    let mut hedged = scene().begun(101, Some(3));
    assert_eq!((hedged.met(101, 3), hedged.met(100, 2)), (Meeting::Taken, Meeting::Enough), "two attempts for one tunnel");
    // Without any other even one that drains is taken.
    let mut last = Scene::new(&members(1), peering(1), &[]).told(1, MemberState::Draining).begun(100, None);
    assert_eq!(last.met(100, 1), Meeting::Taken);
}

#[test]
fn without_a_quorum_anywhere_it_stops_at_a_bound_and_does_not_enter_anew() {
    let mut scene = Scene::new(&members(20), peering(1), &[]);
    for sequence in 100.. {
        let Some(step) = scene.next() else { break };
        let id = opens(Some(step)).expect("an opening");
        scene = scene.begun(sequence, Some(id));
        assert_eq!(scene.met(sequence, id), Meeting::Taken);
        scene.knowledge.stands(ProxyId(id), Sequence(sequence), State::Waiting);
    }
    assert_eq!(scene.knowledge.waiting(), MAX_WAITING);
    assert_eq!(Scene::new(&members(1), peering(1), &[(1, State::Waiting)]).next(), None);
    let mut soon = Scene::new(&members(2), peering(1), &[(1, State::Waiting)]);
    soon.ways.waits(Duration::from_secs(1), soon.now, &mut rng());
    assert_eq!(soon.next(), None, "the quorum may be back in a moment");
    assert!(soon.later(Duration::from_secs(3)).next().is_some());
}

#[test]
fn goes_to_another_zone_and_around_what_has_failed() {
    let proxies = [member(1, "a"), member(2, "a"), member(3, "b")];
    let scene = || Scene::new(&proxies, peering(2), &[(1, State::Up)]);
    assert_eq!(opens(scene().next()), Some(3));
    assert_eq!(opens(scene().blocked(&[3]).next()), Some(2));
    assert_eq!(scene().blocked(&[2, 3]).next(), None);
}

#[test]
fn does_not_come_back_to_where_a_tunnel_runs_out_if_there_is_another() {
    let scene = || {
        let mut scene = Scene::new(&members(3), peering(2), &[(1, State::Up), (2, State::Up)]);
        scene.knowledge.retire(ProxyId(2));
        scene
    };
    assert_eq!(opens(scene().next()), Some(3));
    let mut only = scene().blocked(&[3]);
    assert_eq!(only.next(), None, "its route is not withdrawn yet");
    only.knowledge.withdrawn(Sequence(2));
    assert_eq!(opens(only.next()), Some(2));
}

#[test]
fn enters_by_its_configuration_when_it_knows_no_other_way() {
    assert_eq!(Scene::new(&[], None, &[]).next(), Some(Step::Enter));
    assert_eq!(Scene::new(&[], None, &[]).begun(100, None).next(), None);
    assert_eq!(Scene::new(&members(1), peering(1), &[]).blocked(&[1]).next(), Some(Step::Enter));
    assert_eq!(Scene::new(&members(1), peering(1), &[(1, State::Leaving)]).next(), Some(Step::Enter));
    assert_eq!(Scene::new(&members(1), peering(1), &[(1, State::Up)]).silent(1).next(), Some(Step::Enter));
}

#[test]
fn enters_by_its_configuration_when_listed_addresses_do_not_answer() {
    let scene = || Scene::new(&members(2), peering(2), &[(1, State::Up)]);
    assert_eq!(scene().blocked(&[2]).next(), None, "once is chance");
    assert_eq!(scene().blocked(&[2, 2, 2]).next(), Some(Step::Enter));
    assert_eq!(scene().blocked(&[2, 2, 2]).begun(100, None).next(), None);
}

/// A proxy that answers at its own address a second time is no sign of a balancer.
#[test]
fn an_address_that_one_proxy_lists_is_its_own() {
    let mut knowledge = Knowledge { proxies: members(3).into(), ..Knowledge::default() };
    assert!(knowledge.is_own(ProxyId(1), "127.0.0.1:1"));
    assert!(!knowledge.is_own(ProxyId(2), "127.0.0.1:1") && !knowledge.is_own(ProxyId(1), "balancer:1"));
    Arc::make_mut(&mut knowledge.proxies)[1].public_addresses = vec!["127.0.0.1:1".to_owned()];
    assert!(!knowledge.is_own(ProxyId(1), "127.0.0.1:1"), "two are behind it");
}

#[test]
fn a_proxy_that_goes_away_no_more_is_worth_as_much_as_before() {
    let mut scene = Scene::new(&members(2), peering(2), &[(1, State::Up), (2, State::Up)]);
    scene.knowledge.leaves(ProxyId(1), Sequence(1));
    assert_eq!(scene.knowledge.up(scene.now), 1);
    // Another tunnel's word is none about this one.
    scene.knowledge.stays(ProxyId(1), Sequence(9));
    assert_eq!(scene.knowledge.up(scene.now), 1);
    scene.knowledge.stays(ProxyId(1), Sequence(1));
    assert_eq!((scene.knowledge.up(scene.now), scene.next()), (2, None));
}
