//! The table alone, without a log or a disk: lookups from one thread and from two, and changes while a reader holds older versions.
//!
//! ```sh
//! cargo bench -p warren-raft --bench table              # 10^3, 10^5 and 10^6 agents of one route each
//! cargo bench -p warren-raft --bench table -- 1000000   # so many
//! ```
//!
//! A figure is the median of turns that are short enough to fit between two that the scheduler gives to others. The yardstick is a `HashMap` of the standard library with the same names, which cannot be read while it is changed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;
use std::io::Write;

use tokio::time::{Duration, Instant};
use warren_raft::command::{Bootstrap, Enrollment, NewToken, ProxyStart};
use warren_raft::{
    AgentName, ClusterId, Command, Epoch, Incarnation, KeyHash, Level, Proposal, ProxyId, Route, Sequence, Strategy, Table, Timestamp,
    TokenId, TokenRole,
};

/// Names that are looked up by one thread, laid out in that order: a name that is dialled has just arrived.
const SAMPLE: usize = 1 << 18;
/// Lookups or changes of one turn.
const TURN: usize = 1 << 10;
/// Changes with batches of one size.
const CHANGES: u64 = 20_000;
/// Agents of one token: a change of a token copies the keys that have used it.
const AGENTS_PER_TOKEN: u64 = 1_000;

type Flat = HashMap<AgentName, Route, BuildHasherDefault<DefaultHasher>>;

fn main() {
    // cargo passes a flag of its own.
    let asked: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    for agents in if asked.is_empty() { vec![1_000, 100_000, 1_000_000] } else { asked } {
        bench(agents);
    }
}

fn bench(agents: u64) {
    let mut world = World::new(agents);
    let flat: Flat = world.table.routes().map(|(name, route)| (name.clone(), *route)).collect();
    for threads in [1, 2] {
        let table = &world.table;
        say(agents, &format!("lookup, {threads} threads"), on(threads, agents, |name| table.routes_of(name).count()));
        say(agents, &format!("  yardstick, {threads} threads"), on(threads, agents, |name| flat.get(name).map_or(0, |_| 1)));
    }
    for batch in [1, 1_000] {
        say(agents, &format!("change, {batch} in a batch"), world.change(batch));
    }
    say(agents, "count all", median((0..100).map(|_| clocked(1, || drop(black_box(world.table.counts())))).collect()));
}

fn say(agents: u64, what: &str, each: Duration) {
    let line = writeln!(std::io::stdout(), "{agents:>9} agents  {what:<28} {:>9} ns each", each.as_nanos());
    line.expect("somebody reads it");
}

/// How long one of `count` takes that are done together.
fn clocked(count: u64, work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed() / u32::try_from(count).expect("few enough")
}

/// Looks up on so many threads at once.
fn on(threads: u64, agents: u64, look_up: impl Fn(&AgentName) -> usize + Sync) -> Duration {
    let look_up = &look_up;
    let samples: Vec<Vec<AgentName>> = (0..threads).map(|seed| shuffled(agents, seed).take(SAMPLE).map(name).collect()).collect();
    let turn = |names: &[AgentName]| {
        clocked(TURN as u64, || {
            let found: usize = names.iter().map(look_up).sum();
            assert_eq!(found, names.len(), "each agent has a route");
        })
    };
    let turns: Vec<Duration> = std::thread::scope(|scope| {
        let workers: Vec<_> = samples.iter().map(|names| scope.spawn(|| names.chunks(TURN).map(turn).collect::<Vec<_>>())).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it has found all")).collect()
    });
    median(turns)
}

fn median(mut turns: Vec<Duration>) -> Duration {
    turns.sort_unstable();
    turns[turns.len() / 2]
}

struct World {
    table: Table,
    agents: u64,
    number: u64,
}

impl World {
    /// A cluster with so many agents, each with a route.
    fn new(agents: u64) -> Self {
        let mut world = Self { table: Table::default(), agents, number: 0 };
        let bootstrap = Bootstrap {
            id: ClusterId([7; 16]),
            name: "bench".to_owned(),
            ca_certificate: vec![],
            ca_key: vec![],
            strategy: Strategy::default(),
            proxy: "proxy-1".parse().expect("a name"),
            key: KeyHash([1; 32]),
        };
        let (address, zone, version) = ("host:3021".to_owned(), String::new(), String::new());
        let start = ProxyStart { proxy: ProxyId(1), peer_address: address, public_addresses: vec![], zone, version, level: Level::CURRENT };
        world.apply(vec![Command::Bootstrap(Box::new(bootstrap)), Command::StartProxy(start)]);
        for first in (0..agents).step_by(AGENTS_PER_TOKEN as usize) {
            let these = first..agents.min(first + AGENTS_PER_TOKEN);
            world.apply([token(first)].into_iter().chain(these.clone().map(|number| enrollment(first, number))).collect());
            world.apply(these.map(|number| registration(number, 1)).collect());
        }
        world
    }

    fn apply(&mut self, commands: Vec<Command>) {
        self.number += 1;
        let proposal = Proposal { proposer: ProxyId(1), incarnation: Incarnation(1), number: self.number, at: Timestamp(1), commands };
        for answer in self.table.apply(&proposal) {
            answer.expect("accepted");
        }
    }

    /// Registers newer tunnels of agents in no order, a version held by a reader through each batch.
    fn change(&mut self, batch: u64) -> Duration {
        let sequence = self.number + 2;
        let commands = shuffled(self.agents, sequence).take(CHANGES as usize).map(|number| registration(number, sequence + number));
        let batches: Vec<Vec<Command>> = commands.collect::<Vec<_>>().chunks(batch as usize).map(<[_]>::to_vec).collect();
        let turns = batches.chunks((TURN as u64 / batch) as usize).map(|batches| {
            clocked(batches.len() as u64 * batch, || {
                for commands in batches {
                    let held = self.table.clone();
                    self.apply(commands.clone());
                    drop(held);
                }
            })
        });
        median(turns.collect())
    }
}

fn name(number: u64) -> AgentName {
    format!("store-{:05}-pi-{}", number / 4, number % 4).parse().expect("a name")
}

fn token(first: u64) -> Command {
    Command::CreateToken(NewToken {
        id: TokenId(first.to_be_bytes()),
        secret: KeyHash([9; 32]),
        role: TokenRole::Agent,
        name: "*".parse().expect("a glob"),
        allow: vec![],
        expires_at: Timestamp(u64::MAX),
        uses: u32::MAX,
    })
}

fn enrollment(first: u64, number: u64) -> Command {
    let (token, secret) = (TokenId(first.to_be_bytes()), KeyHash([9; 32]));
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    Command::Enroll(Enrollment { token, secret, role: TokenRole::Agent, name: name(number).to_string(), key: KeyHash(key) })
}

fn registration(number: u64, sequence: u64) -> Command {
    Command::RegisterRoute { agent: name(number), proxy: ProxyId(1), epoch: Epoch(1), sequence: Sequence(sequence) }
}

/// Numbers below a bound in no order, the same ones each time (`SplitMix64`).
fn shuffled(below: u64, seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    })
}
