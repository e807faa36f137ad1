//! Many proposals at once, and many lookups.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio::time::Instant;
use warren_raft::{AgentName, Command, Epoch, ProxyId, RoutingStore};

use super::deeds::PATIENCE;
use crate::order::Answer;
use crate::population;
use crate::shared::{Samples, nanos};

/// Proposals that wait at the same time while a table is filled.
const AT_ONCE: u64 = 2_000;
/// Agents that a thread looks up in turn.
const SAMPLE: usize = 65_536;
/// Lookups between two looks at the clock.
const BURST: usize = 512;

/// Proposes one command for each number, many at once.
pub(super) async fn propose_all(
    store: &RoutingStore,
    numbers: Range<u64>,
    command: impl Fn(u64) -> anyhow::Result<Command> + Send + Sync + 'static,
) -> anyhow::Result<Answer> {
    let (next, command) = (Arc::new(AtomicU64::new(numbers.start)), Arc::new(command));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE.min(numbers.end.saturating_sub(numbers.start)) {
        let (store, next, command, end) = (store.clone(), next.clone(), command.clone(), numbers.end);
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return anyhow::Ok(());
                }
                store.propose(command(number)?, PATIENCE).await?;
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(Answer::Done)
}

/// What all writers of one turn share.
#[derive(Clone, Copy)]
pub(super) struct Registering {
    /// Where the routes are.
    pub(super) place: (ProxyId, Epoch),
    /// The first sequence.
    pub(super) sequence: u64,
    /// When they stop.
    pub(super) until: Instant,
}

/// Registers a route of each agent again and again. The answer, and the last sequence used.
pub(super) async fn register_until(store: &RoutingStore, agents: Range<u64>, shared: Registering) -> anyhow::Result<(Answer, u64)> {
    let begun = Instant::now();
    let mut writers = JoinSet::new();
    for agent in agents {
        writers.spawn(register_one(store.clone(), agent, shared));
    }
    let (mut taken, mut last) = (Samples::default(), shared.sequence);
    while let Some(writer) = writers.join_next().await {
        let all = writer??;
        last = last.max(shared.sequence + all.len() as u64);
        all.into_iter().for_each(|one| taken.add(one));
    }
    ensure!(taken.len() > 0, "nothing was committed");
    let elapsed = begun.elapsed();
    let (median_nanos, slow_nanos) = (taken.median() as u64, taken.quantile(0.99) as u64);
    Ok((Answer::Committed { count: taken.len() as u64, nanos: nanos(elapsed), median_nanos, slow_nanos }, last))
}

/// How long each registration took, in nanoseconds.
async fn register_one(store: RoutingStore, agent: u64, shared: Registering) -> anyhow::Result<Vec<f64>> {
    let mut taken = Vec::new();
    while Instant::now() < shared.until {
        let command = population::registration(agent, shared.place, shared.sequence + taken.len() as u64)?;
        let asked = Instant::now();
        store.propose(command, PATIENCE).await?;
        taken.push(asked.elapsed().as_secs_f64() * 1e9);
    }
    Ok(taken)
}

/// Looks up routes in the table as it is published, on so many threads.
pub(super) async fn look_up(store: &RoutingStore, agents: u64, threads: usize, turn: Duration) -> anyhow::Result<Answer> {
    let mut workers = JoinSet::new();
    for seed in 0..threads {
        // Laid out in the order in which they are looked up: a name that is dialled has just arrived.
        let names = population::shuffled(agents, seed as u64).take(SAMPLE).map(population::name).collect::<anyhow::Result<_>>()?;
        let store = store.clone();
        workers.spawn_blocking(move || look_up_here(&store, names, turn));
    }
    let (mut found, mut missed, mut each) = (0, 0, Samples::default());
    while let Some(worker) = workers.join_next().await {
        let (hits, misses, nanos) = worker?;
        (found, missed) = (found + hits, missed + misses);
        each.add(nanos);
    }
    Ok(Answer::LookedUp { found, missed, each_nanos: each.median() })
}

/// How many were found and how many not, and how long one took in the middle burst: a burst is over before the scheduler gives the core to others.
fn look_up_here(store: &RoutingStore, names: VecDeque<AgentName>, turn: Duration) -> (u64, u64, f64) {
    let (mut found, mut missed, mut bursts, begun) = (0, 0, Samples::default(), Instant::now());
    let mut names = names.iter().cycle();
    while begun.elapsed() < turn {
        let burst = Instant::now();
        for name in names.by_ref().take(BURST) {
            if store.with_table(|table| table.routes_of(name).next().is_some()) {
                found += 1;
            } else {
                missed += 1;
            }
        }
        bursts.add(burst.elapsed().as_secs_f64() * 1e9 / BURST as f64);
    }
    (found, missed, bursts.median())
}
