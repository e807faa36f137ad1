//! A snapshot of a large table comes, is decoded and installed, and the table before it is freed: readers and timers have their turn between
//! any two steps of it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::{LocalSet, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::message::Received;
use super::receiving::{Target, image_of, number, propose};
use super::state::codec::Encoder;
use super::state::{Image, STEP};
use crate::command::{Command, ProxyStart};
use crate::ids::{Epoch, Level, ProxyId, Sequence};
use crate::table::Agent;

/// Agents, each with a route.
const AGENTS: u64 = 100_000;
/// Most agents that one node of the table holds.
const NODE: usize = 48;

/// A state with a route for each agent, as of this entry.
fn image(index: u64) -> Image {
    let mut image = image_of(index, AGENTS);
    let (proxy, peer_address) = (ProxyId(1), "host:3021".to_owned());
    let start = ProxyStart { proxy, peer_address, public_addresses: vec![], zone: String::new(), version: String::new(), level: Level(1) };
    let register = |agent| Command::RegisterRoute { agent, proxy, epoch: Epoch(1), sequence: Sequence(1) };
    let agents: Vec<_> = image.table.agents().map(|(name, _)| name.clone()).collect();
    let commands = [Command::StartProxy(start)].into_iter().chain(agents.into_iter().map(register)).collect();
    propose(&mut image, AGENTS, commands);
    image
}

/// The agents of the table that is replaced, in its order; it is taken apart from the end.
struct Old {
    agents: Vec<Weak<Agent>>,
}

impl Old {
    /// How many have been freed since the last look.
    fn freed(&mut self) -> usize {
        let before = self.agents.len();
        while self.agents.last().is_some_and(|agent| agent.strong_count() == 0) {
            self.agents.pop();
        }
        before - self.agents.len()
    }
}

/// What a reader saw who looks whenever it has its turn.
#[derive(Debug, Default)]
struct Looks {
    count: usize,
    most_pieces: u32,
    most_freed: usize,
    longest: Duration,
}

async fn send(target: &Target, pieces: &[Vec<u8>], index: u64, taken: &Cell<u32>) {
    let last = pieces.len() - 1;
    for (place, piece) in pieces.iter().enumerate() {
        let received = target.received(index, number(place), piece).await;
        assert_eq!(received, if place == last { Received::All } else { Received::Before(number(place) + 1) });
        taken.set(taken.get() + 1);
    }
}

/// Looks until all pieces are taken and nothing of the old table is left.
async fn look(target: &Target, mut old: Old, pieces: u32, taken: &Cell<u32>) -> Looks {
    let (mut looks, mut seen, mut at) = (Looks::default(), 0, Instant::now());
    while seen < pieces || !old.agents.is_empty() {
        yield_now().await;
        assert_eq!(target.store.with_table(|table| table.counts().routes), AGENTS, "there is always a whole table");
        let freed = old.freed();
        looks.count += 1;
        looks.most_freed = looks.most_freed.max(freed);
        looks.most_pieces = looks.most_pieces.max(taken.get() - seen);
        looks.longest = looks.longest.max(at.elapsed());
        (seen, at) = (taken.get(), Instant::now());
    }
    looks
}

/// Ticks until it is dropped.
async fn tick(ticks: Rc<Cell<u32>>) {
    let mut timer = interval(Duration::from_millis(1));
    timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        timer.tick().await;
        ticks.set(ticks.get() + 1);
    }
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "how long the longest pause was is for whoever runs it")]
async fn readers_and_timers_go_on_while_a_large_table_is_installed() {
    let (target, taken) = (Target::new().await, Cell::new(0));
    let first: Vec<_> = Encoder::new(&image(9)).collect();
    send(&target, &first, 9, &taken).await;
    let agents = target.store.table().agent_records().map(Arc::downgrade).collect::<Vec<_>>();
    assert_eq!(agents.len() as u64, AGENTS);
    let pieces: Vec<_> = Encoder::new(&image(12)).collect();
    taken.set(0);
    let (local, ticks) = (LocalSet::new(), Rc::new(Cell::new(0)));
    let ticking = local.spawn_local(tick(ticks.clone()));
    let both = async { tokio::join!(send(&target, &pieces, 12, &taken), look(&target, Old { agents }, number(pieces.len()), &taken)) };
    let begun = Instant::now();
    let ((), looks) = local.run_until(both).await;
    let whole = begun.elapsed();
    ticking.abort();
    eprintln!(
        "the longest pause of a reader is {:?} of {whole:?}: {looks:?}, {} ticks, {} pieces",
        looks.longest,
        ticks.get(),
        pieces.len()
    );
    assert!(looks.most_pieces <= 1, "{looks:?}");
    // Decoded or freed in one go, it would be most of the whole.
    assert!(looks.longest < whole / 4, "{looks:?} of {whole:?}");
    assert!(looks.most_freed <= STEP * NODE, "{looks:?}");
    assert!(looks.count > pieces.len() + AGENTS as usize / (STEP * NODE), "{looks:?}");
    assert!(ticks.get() > number(pieces.len()) / 2, "{} ticks while {} pieces came", ticks.get(), pieces.len());
    assert_eq!(target.store.usage().snapshot_index, 12);
    target.store.shutdown().await;
}
