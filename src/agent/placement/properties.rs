//! Whatever happens and in whatever order: nothing is given up too early, nothing is held twice, and when the world is quiet the wanted tunnels are there.

use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use warren_raft::{ProxyId, Sequence, StrategyKind};

use super::super::ways::Ways;
use super::tests::{member, peering};
use super::{Hearing, Knowledge, MAX_ATTEMPTS, MAX_WAITING, Meeting, Route, State, Step};
use crate::wire::{Member, MemberState};

const PROXIES: u64 = 6;

/// Something that happens to an agent from outside.
#[derive(Clone, Debug)]
enum Event {
    Strategy(StrategyKind, u32),
    Member(u64, MemberState),
    /// Somebody answers the attempt with this index, perhaps another proxy than the one that was meant.
    Answers(usize, u64),
    Fails(usize),
    Stands(u64, State),
    Leaves(u64),
    Moves(u64, u64),
    Hears(u64, Hearing),
    Dies(u64),
    Withdrawn,
    RunsOut,
    Later(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let proxy = || 1..=PROXIES;
    let kind = prop_oneof![Just(StrategyKind::AgentMesh), Just(StrategyKind::ProxyPeering)];
    let state = prop_oneof![Just(MemberState::Up), Just(MemberState::Draining), Just(MemberState::Down)];
    let stands = prop_oneof![3 => Just(State::Up), 1 => Just(State::Waiting)];
    let hearing = prop_oneof![Just(Hearing::Heard), Just(Hearing::Silent)];
    prop_oneof![
        1 => (kind, 1_u32..8).prop_map(|(kind, count)| Event::Strategy(kind, count)),
        1 => (proxy(), state).prop_map(|(id, state)| Event::Member(id, state)),
        4 => (0_usize..8, proxy()).prop_map(|(index, id)| Event::Answers(index, id)),
        1 => (0_usize..8).prop_map(Event::Fails),
        4 => (proxy(), stands).prop_map(|(id, state)| Event::Stands(id, state)),
        1 => proxy().prop_map(Event::Leaves),
        1 => (proxy(), proxy()).prop_map(|(id, to)| Event::Moves(id, to)),
        1 => (proxy(), hearing).prop_map(|(id, hearing)| Event::Hears(id, hearing)),
        1 => proxy().prop_map(Event::Dies),
        1 => Just(Event::Withdrawn),
        1 => Just(Event::RunsOut),
        1 => (0_u64..5_000).prop_map(Event::Later),
    ]
}

/// An agent in a world of events.
struct World {
    knowledge: Knowledge,
    ways: Ways,
    now: Instant,
    sequence: u64,
    rng: StdRng,
}

impl World {
    fn new(seed: u64) -> Self {
        let proxies = (1..=PROXIES).map(|id| member(id, ["a", "b", "c"][usize::try_from(id % 3).expect("small")])).collect();
        let knowledge = Knowledge { proxies, strategy: peering(2), ..Knowledge::default() };
        Self { knowledge, ways: Ways::default(), now: Instant::now(), sequence: 0, rng: StdRng::seed_from_u64(seed) }
    }

    /// Takes every step that is wanted now, and checks each.
    fn reconcile(&mut self) {
        for _ in 0..100 {
            let before = self.knowledge.up(self.now);
            let Some(step) = self.knowledge.next(&self.ways, self.now, &mut self.rng) else { return };
            match step {
                Step::Open(member) => {
                    assert!(member.is_up() && !self.knowledge.tunnels.contains_key(&member.id), "two tunnels to one proxy");
                    assert!(self.knowledge.attempts.values().all(|attempt| attempt.aim != Some(member.id)), "two attempts at one proxy");
                    let mut retiring = self.knowledge.retiring.values();
                    assert!(retiring.all(|known| known.proxy != member.id || known.route == Route::Withdrawn), "its streams would be cut");
                    self.begin(Some(member.id));
                }
                Step::Enter => self.begin(None),
                Step::Retire(proxy, sequence) => {
                    assert_eq!(self.knowledge.tunnels[&proxy].sequence, sequence);
                    self.knowledge.retire(proxy);
                    let (after, wanted) = (self.knowledge.up(self.now), self.knowledge.wanted());
                    assert!(after >= before.min(wanted), "{after} of {wanted} are up after one of {before} was given up");
                    assert!(after >= wanted, "nothing goes before the wanted ones are up without it");
                }
            }
            assert!(self.knowledge.attempts.len() <= MAX_ATTEMPTS && self.knowledge.waiting() <= MAX_WAITING);
        }
        panic!("no end of steps");
    }

    fn begin(&mut self, aim: Option<ProxyId>) {
        self.sequence += 1;
        self.knowledge.begun(Sequence(self.sequence), aim, self.now);
    }

    fn take(&mut self, event: Event) {
        let sequence_of = |knowledge: &Knowledge, id: u64| knowledge.tunnels.get(&ProxyId(id)).map_or(Sequence(0), |held| held.sequence);
        let attempt = |knowledge: &Knowledge, index: usize| knowledge.attempts.keys().nth(index).copied();
        match event {
            Event::Strategy(kind, count) => {
                self.knowledge.strategy = Some(warren_raft::Strategy { kind, agent_connection_count: count });
            }
            Event::Member(id, state) => {
                self.tell(|member| if member.id.0 == id { state } else { member.state });
            }
            Event::Answers(index, id) => {
                if let Some(sequence) = attempt(&self.knowledge, index)
                    && self.knowledge.met(sequence, ProxyId(id), self.now) != Meeting::Taken
                {
                    self.knowledge.ended(sequence);
                }
            }
            Event::Fails(index) => {
                if let Some(sequence) = attempt(&self.knowledge, index) {
                    let aim = self.knowledge.attempts[&sequence].aim;
                    self.knowledge.ended(sequence);
                    self.ways.failed(aim, ("it failed", None), self.now, &mut self.rng);
                }
            }
            Event::Stands(id, state) => self.knowledge.stands(ProxyId(id), sequence_of(&self.knowledge, id), state),
            Event::Leaves(id) => self.knowledge.leaves(ProxyId(id), sequence_of(&self.knowledge, id)),
            Event::Moves(id, to) => _ = self.knowledge.moves(ProxyId(id), sequence_of(&self.knowledge, id), ProxyId(to)),
            Event::Hears(id, hearing) => self.knowledge.hears(ProxyId(id), sequence_of(&self.knowledge, id), hearing),
            Event::Dies(id) => self.knowledge.ended(sequence_of(&self.knowledge, id)),
            Event::Withdrawn => {
                if let Some(sequence) = self.knowledge.retiring.keys().next_back().copied() {
                    self.knowledge.withdrawn(sequence);
                }
            }
            Event::RunsOut => {
                if let Some(sequence) = self.knowledge.retiring.keys().next().copied() {
                    self.knowledge.ended(sequence);
                }
            }
            Event::Later(ms) => self.now += Duration::from_millis(ms),
        }
    }

    fn tell(&mut self, state: impl Fn(&Member) -> MemberState) {
        let told: Vec<_> = self.knowledge.proxies.iter().map(|member| Member { state: state(member), ..member.clone() }).collect();
        self.knowledge.learn(told);
    }

    /// The world becomes quiet: proxies that were going away have gone, every one is up and answers, until nothing is left to be done.
    fn settle(&mut self) {
        self.tell(|_| MemberState::Up);
        self.knowledge.tunnels.retain(|_, held| held.state != State::Leaving);
        for _ in 0..50 {
            self.now += Duration::from_secs(31);
            self.reconcile();
            while let Some((sequence, attempt)) = self.knowledge.attempts.iter().next().map(|(sequence, attempt)| (*sequence, *attempt)) {
                let proxy = attempt.aim.unwrap_or(ProxyId(1));
                if self.knowledge.met(sequence, proxy, self.now) != Meeting::Taken {
                    self.knowledge.ended(sequence);
                }
            }
            let held: Vec<_> = self.knowledge.tunnels.iter().map(|(proxy, held)| (*proxy, held.sequence)).collect();
            for (proxy, sequence) in held {
                self.knowledge.hears(proxy, sequence, Hearing::Heard);
                self.knowledge.stands(proxy, sequence, State::Up);
            }
            self.knowledge.retiring.clear();
        }
        self.reconcile();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn makes_before_it_breaks_and_arrives(seed: u64, events in proptest::collection::vec(event(), 0..80)) {
        let mut world = World::new(seed);
        world.reconcile();
        for event in events {
            world.take(event);
            world.reconcile();
        }
        world.settle();
        let wanted = world.knowledge.wanted();
        prop_assert_eq!(world.knowledge.up(world.now), wanted, "{:?}", &world.knowledge);
        prop_assert_eq!(world.knowledge.tunnels.len(), wanted, "{:?}", &world.knowledge);
        prop_assert_eq!(world.knowledge.next(&world.ways, world.now, &mut world.rng), None);
    }

    /// Where tunnels are spread over as many zones as there can be, giving one up leaves as many zones as the rest can cover.
    #[test]
    fn keeps_its_zones_apart(seed: u64, count in 1_u32..=6) {
        let mut world = World::new(seed);
        world.knowledge.strategy = peering(6);
        world.settle();
        world.knowledge.strategy = peering(count);
        world.settle();
        let zones: std::collections::BTreeSet<_> =
            world.knowledge.tunnels.keys().filter_map(|proxy| world.knowledge.member(*proxy)).map(|proxy| &proxy.zone).collect();
        prop_assert_eq!(zones.len(), usize::try_from(count).expect("small").min(3));
    }
}
