//! Three members on a network that loses, delays, doubles and repeats, and that are cut off, killed and started again: every acknowledged
//! change was applied exactly once and in order, every other one at most once, and whoever confirms a read sees what was acknowledged.
//!
//! The clock is simulated and everything is drawn from the seed: `WARREN_CHAOS_SEED=7 cargo test -p warren-raft --test chaos` runs that one.

#[path = "../network/mod.rs"]
mod network;

mod group;
mod nemesis;
mod numbers;
mod routes;

use std::time::Duration;

use group::Group;
use network::weather::Random;
use tokio_util::sync::CancellationToken;

/// How long the weather is bad, simulated.
const STORM: Duration = Duration::from_secs(45);
/// The seeds that are run when none is asked for.
const SEEDS: std::ops::Range<u64> = 1..4;

#[test]
fn changes_are_applied_once_and_reads_are_new() {
    let seeds = match std::env::var("WARREN_CHAOS_SEED") {
        Ok(seed) => seed.parse().map(|seed| seed..seed + 1).expect("a number"),
        Err(_) => SEEDS,
    };
    for seed in seeds {
        run(seed);
    }
}

#[expect(clippy::print_stdout, reason = "the runner shows it when the test fails: how to run it again")]
fn run(seed: u64) {
    println!("again: WARREN_CHAOS_SEED={seed} cargo test -p warren-raft --test chaos");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let mut random = Random(seed);
        let group = Group::new(&mut random).await;
        let routes = routes::Routes::prepare(&group).await;
        // From here on each epoch is one of its changes.
        let numbers = numbers::Numbers::prepare(&group).await;
        let over = CancellationToken::new();
        let storm = async {
            nemesis::rage(&group, &mut random, STORM).await;
            over.cancel();
        };
        let ((), numbers, routes) = tokio::join!(storm, numbers.run(&group, &over), routes.run(&group, &over, seed));
        group.calm().await;
        numbers.check(&group).await;
        routes.check();
        group.stop().await;
        println!("{numbers}; {routes}");
    });
}
