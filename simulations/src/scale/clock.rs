//! What the production's cores take in processor time where there is much to decide: by the clock, so no two runs print the same.

use std::hint::black_box;
use std::time::Duration;

use tokio::time::Instant;
use warren::model::scale::{Costs, ScaleWorld, Setup};
use warren_raft::{ProxyId, Strategy, StrategyKind};

/// How often what takes short is done.
const TIMES: u32 = 200;

/// Prints them.
///
/// # Errors
/// Agents did not come to rest.
pub fn clock(say: &mut impl FnMut(&str)) -> anyhow::Result<()> {
    say("proxies agents tunnels-each | combinations | routes by proxy, all counts, a view, us each | a drain's step with n tunnels, ms");
    for (proxies, agents, count) in [(3, 100_000, 2), (27, 30_000, 3), (100, 100_000, 1), (100, 100_000, 2), (100, 100_000, 3)] {
        let strategy = Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: count };
        let mut world = ScaleWorld::new(Setup { proxies, agents, strategy, zones: 1, seed: 1, costs: Costs::default() });
        world.arrive();
        anyhow::ensure!(world.settle(Duration::from_secs(600)).is_some(), "agents did not come to rest");
        let table = world.table().clone();
        let combinations = table.placements().len();
        let routes = timed(TIMES, || drop(black_box(table.routes_by_proxy())));
        let counts = timed(5, || drop(black_box(table.counts())));
        let view = timed(TIMES, || drop(black_box(warren::model::scale::encoded_view(&table))));
        let (tunnels, step) = world.timed_drain_step(ProxyId(2), |work| timed(1, work));
        let in_us = |duration: Duration| duration.as_secs_f64() * 1e6;
        say(&format!(
            "{proxies} {agents} {count} | {combinations} | {:.1} {:.1} {:.1} | {tunnels}: {:.2}",
            in_us(routes),
            in_us(counts),
            in_us(view),
            in_us(step) / 1e3
        ));
    }
    Ok(())
}

/// How long one of `times` takes.
fn timed(times: u32, mut work: impl FnMut()) -> Duration {
    let begun = Instant::now();
    (0..times).for_each(|_| work());
    begun.elapsed() / times
}
