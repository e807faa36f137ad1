//! Routes against a model that keeps everything and looks through all of it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;

const AGENTS: [&str; 2] = ["lab-0", "lab-1"];

#[derive(Clone, Debug)]
enum Event {
    Register { agent: usize, proxy: u64, epoch: u64, sequence: u64 },
    Withdraw { agent: usize, proxy: u64, epoch: u64, sequence: u64 },
    Start(u64),
    Expire { proxy: u64, epoch: u64 },
}

/// Every route that was ever registered and not withdrawn or overtaken, and each proxy's epoch.
#[derive(Default)]
struct Model {
    routes: Vec<(usize, u64, u64, u64)>,
    epochs: [Option<u64>; 3],
    next_epoch: u64,
}

impl Model {
    fn apply(&mut self, event: &Event) {
        match *event {
            Event::Start(proxy) => {
                self.next_epoch += 1;
                self.epochs[proxy as usize] = Some(self.next_epoch);
            }
            Event::Expire { proxy, epoch } => {
                let current = &mut self.epochs[proxy as usize];
                *current = current.filter(|current| *current != epoch);
            }
            Event::Register { agent, proxy, epoch, sequence } => {
                let newer = |route: &&(usize, u64, u64, u64)| (route.0, route.1, route.2) == (agent, proxy, epoch) && route.3 > sequence;
                if self.epochs[proxy as usize] == Some(epoch) && !self.routes.iter().any(|route| newer(&route)) {
                    self.routes.retain(|route| (route.0, route.1) != (agent, proxy));
                    self.routes.push((agent, proxy, epoch, sequence));
                }
            }
            Event::Withdraw { agent, proxy, epoch, sequence } => {
                self.routes.retain(|route| *route != (agent, proxy, epoch, sequence));
            }
        }
    }

    fn valid(&self) -> Vec<(usize, u64, u64, u64)> {
        let current = |route: &&(usize, u64, u64, u64)| self.epochs[route.1 as usize] == Some(route.2);
        let mut valid: Vec<_> = self.routes.iter().filter(current).copied().collect();
        valid.sort_unstable();
        valid
    }
}

fn event() -> impl Strategy<Value = Event> {
    let tunnel = (0..2_usize, 1..3_u64, 1..6_u64, 1..5_u64);
    prop_oneof![
        6 => tunnel.clone().prop_map(|(agent, proxy, epoch, sequence)| Event::Register { agent, proxy, epoch, sequence }),
        3 => tunnel.prop_map(|(agent, proxy, epoch, sequence)| Event::Withdraw { agent, proxy, epoch, sequence }),
        1 => (1..3_u64).prop_map(Event::Start),
        1 => (1..3_u64, 1..6_u64).prop_map(|(proxy, epoch)| Event::Expire { proxy, epoch }),
    ]
}

fn command(event: &Event) -> Command {
    match *event {
        Event::Start(proxy) => Command::StartProxy(start(proxy)),
        Event::Expire { proxy, epoch } => Command::ExpireProxy { proxy: ProxyId(proxy), epoch: Epoch(epoch) },
        Event::Register { agent, proxy, epoch, sequence } => Command::RegisterRoute {
            agent: super::agent(AGENTS[agent]),
            proxy: ProxyId(proxy),
            epoch: Epoch(epoch),
            sequence: Sequence(sequence),
        },
        Event::Withdraw { agent, proxy, epoch, sequence } => Command::WithdrawRoute {
            agent: super::agent(AGENTS[agent]),
            proxy: ProxyId(proxy),
            epoch: Epoch(epoch),
            sequence: Sequence(sequence),
        },
    }
}

/// Two proxies that have not started, two agents.
fn world() -> World {
    let mut world = World::default();
    world.accept(Command::Bootstrap(Box::new(bootstrap())));
    world.accept(Command::CreateToken(token(2, TokenRole::Proxy)));
    world.accept(Command::Enroll(enrollment(2, TokenRole::Proxy, "lab-proxy", 20)));
    world.accept(Command::CreateToken(NewToken { uses: 2, ..token(1, TokenRole::Agent) }));
    for (name, key) in AGENTS.into_iter().zip(10..) {
        world.accept(Command::Enroll(enrollment(1, TokenRole::Agent, name, key)));
    }
    world
}

proptest! {
    #[test]
    fn routes_are_as_the_model_has_them(events in proptest::collection::vec(event(), 0..60)) {
        let (mut world, mut model) = (world(), Model::default());
        for event in &events {
            // Whatever the answer: a rejection changes nothing, and the model knows when.
            let _ = world.apply(command(event));
            model.apply(event);
            let place = |name: &AgentName| AGENTS.iter().position(|agent| *agent == name.as_str()).expect("one of them");
            let mut routes: Vec<_> = world.table.routes()
                .map(|(agent, route)| (place(agent), route.proxy.0, route.epoch.0, route.sequence.0))
                .collect();
            routes.sort_unstable();
            prop_assert_eq!(&routes, &model.valid());
            let counts = world.table.counts();
            prop_assert_eq!(counts.routes, routes.len() as u64);
            prop_assert_eq!(world.table.routes_by_proxy(), counts.routes_by_proxy.clone());
            prop_assert_eq!(counts.agents_online, routes.iter().map(|route| route.0).collect::<BTreeSet<_>>().len() as u64);
            let mut placements = BTreeMap::new();
            for agent in 0..AGENTS.len() {
                let held: BTreeSet<_> = routes.iter().filter(|route| route.0 == agent).map(|route| ProxyId(route.1)).collect();
                if !held.is_empty() {
                    *placements.entry(held).or_default() += 1;
                }
            }
            prop_assert_eq!(world.table.placements(), placements);
            for proxy in 1..3 {
                let held = routes.iter().filter(|route| route.1 == proxy).count() as u64;
                prop_assert_eq!(counts.routes_by_proxy.get(&ProxyId(proxy)).copied().unwrap_or_default(), held);
            }
        }
    }

    #[test]
    fn a_table_survives_its_records(events in proptest::collection::vec(event(), 0..40)) {
        let mut world = world();
        for event in &events {
            let _ = world.apply(command(event));
        }
        let mut back = Table::default();
        for record in world.table.section_records() {
            let mut bytes = Vec::new();
            record.write(&mut bytes);
            back.put_section_record(record.section(), &bytes).expect("a record");
        }
        // With everything that is not stored and follows from the rest.
        prop_assert_eq!(back, world.table);
    }
}
