//! Congestion control on a simulated link: who shares it fairly, who floods it, and what lines that lose leave of it.
//!
//! The connections are QUIC's own with the production's settings, in time that is only reckoned. All the figures, of every controller:
//! `cargo test --profile tuning --test congestion -- --ignored --nocapture`

#![expect(clippy::print_stdout, reason = "the figures are what the tests are for")]

#[path = "support/bottleneck/mod.rs"]
mod bottleneck;
#[path = "support/link/mod.rs"]
mod link;

use std::time::Duration;

use bottleneck::{Bottleneck, Flow, Outcome};
use link::{Loss, Shape};
use warren::net::quic::CongestionControl::{self, Cubic, TolerantCubic};

const SECOND: Duration = Duration::from_secs(1);
const ROUND_TRIP: Duration = Duration::from_millis(40);
const MEGABITS: f64 = 20.0;

/// What a run has shown.
#[derive(Debug)]
struct Seen {
    /// Of each flow, in Mbit/s from some second on.
    rates: Vec<f64>,
    /// The share of packets that found the queue full.
    overflow: f64,
    outcomes: Vec<Outcome>,
}

/// Runs these flows for so many seconds over this link, and counts from a later one.
fn run(shape: Shape, flows: &[Flow], (counted, length): (u32, u32)) -> Seen {
    seen(Bottleneck::new(shape, 7), flows, (counted, length))
}

fn seen(mut link: Bottleneck, flows: &[Flow], (counted, length): (u32, u32)) -> Seen {
    let outcomes = link.run(flows, SECOND * length);
    let rates = outcomes.iter().map(|outcome| outcome.megabits(SECOND * counted)).collect();
    Seen { rates, overflow: link.count().overflowed as f64 / link.count().sent as f64, outcomes }
}

fn of(control: CongestionControl, count: usize) -> Vec<Flow> {
    vec![Flow::new(control); count]
}

fn mean(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / rates.len() as f64
}

/// Jain's index: 1 where all have the same.
fn jain(rates: &[f64]) -> f64 {
    let (sum, squares) = (rates.iter().sum::<f64>(), rates.iter().map(|rate| rate * rate).sum::<f64>());
    sum * sum / squares / rates.len() as f64
}

#[test]
fn beside_cubic_it_takes_no_more_than_a_fair_multiple() {
    // Cubic flows among themselves come out at up to 1.7 times each other's rate within such a time (who was cut when), so twice is what nobody
    // would notice; and whoever gives way more than that would not be used.
    for queue in [0.25, 0.5, 1.0, 4.0] {
        for (tolerant, cubic, start) in [(1, 1, 0), (1, 4, 0), (4, 4, 0), (2, 2, 10)] {
            let mut flows = vec![Flow::later(TolerantCubic, SECOND * start); tolerant];
            flows.extend(of(Cubic, cubic));
            let seen = run(Shape::new(MEGABITS, ROUND_TRIP, queue), &flows, (20, 50));
            let multiple = mean(&seen.rates[..tolerant]) / mean(&seen.rates[tolerant..]);
            println!("queue {queue}: {tolerant} (from {start} s) beside {cubic}: {multiple:.2} of Cubic's rate, {:.1?}", seen.rates);
            assert!((0.4..=2.0).contains(&multiple), "queue {queue}, {tolerant} beside {cubic}: {multiple:.2}, {:?}", seen.rates);
        }
    }
}

#[test]
fn a_queue_too_short_to_be_seen_is_not_flooded() {
    // Where a full queue is a twentieth of the round trip, its losses look like a bad line's: then the bound on what may be lost is all
    // that protects others: one packet in twenty, and what is lost before it is noticed.
    let mut flows = of(TolerantCubic, 2);
    flows.extend(of(Cubic, 2));
    let seen = run(Shape::new(MEGABITS, ROUND_TRIP, 0.05), &flows, (10, 40));
    println!("a queue of 1/20: {:.1?}, {:.2} % lost", seen.rates, seen.overflow * 100.0);
    assert!(seen.overflow < 0.1 && mean(&seen.rates[2..]) > mean(&seen.rates[..2]) / 6.0, "{seen:?}");
}

#[test]
fn its_own_flows_share_alike() {
    for (queue, count) in [(0.25, 4), (1.0, 4), (1.0, 8)] {
        let seen = run(Shape::new(MEGABITS, ROUND_TRIP, queue), &of(TolerantCubic, count), (20, 60));
        println!("queue {queue}: {count} flows: Jain {:.3}, {:.1?}", jain(&seen.rates), seen.rates);
        assert!(jain(&seen.rates) > 0.85, "{seen:?}");
        assert!(seen.rates.iter().sum::<f64>() > 0.8 * MEGABITS, "{seen:?}");
    }
}

#[test]
fn it_loses_little_by_itself() {
    for queue in [0.25, 1.0, 4.0] {
        for loss in [Loss::None, Loss::Random(0.01), Loss::Random(0.03)] {
            let seen = run(Shape::new(MEGABITS, ROUND_TRIP, queue).losing(loss), &of(TolerantCubic, 1), (5, 30));
            println!("queue {queue}, {loss:?}: {:.1} Mbit/s, {:.2} % lost in the queue", seen.rates[0], seen.overflow * 100.0);
            assert!(seen.overflow < 0.02, "queue {queue}, {loss:?}: {seen:?}");
            assert!(seen.rates[0] > 0.6 * MEGABITS, "queue {queue}, {loss:?}: {seen:?}");
        }
    }
}

#[test]
fn a_line_that_loses_carries_several_times_what_cubic_gets_of_it() {
    for loss in [Loss::Random(0.01), Loss::Random(0.03), Loss::Bursts { share: 0.01, length: 4.0 }] {
        let shape = Shape::new(MEGABITS, ROUND_TRIP, 1.0).losing(loss);
        let [tolerant, cubic] = [TolerantCubic, Cubic].map(|control| run(shape, &of(control, 1), (5, 30)));
        let [ping, cubics] = [&tolerant, &cubic].map(|seen| seen.outcomes[0].quantile(0.99));
        println!(
            "{loss:?}: {:.1} Mbit/s, Cubic {:.1}; ping beside it p99 {ping:.0} ms, Cubic's {cubics:.0}",
            tolerant.rates[0], cubic.rates[0]
        );
        assert!(tolerant.rates[0] > 3.0 * cubic.rates[0], "{loss:?}: {:?} and {:?}", tolerant.rates, cubic.rates);
        assert!(ping < 4.0 * ROUND_TRIP.as_secs_f64() * 1e3, "{loss:?}: {ping}");
    }
}

#[test]
fn packets_that_are_overtaken_do_not_slow_it_down() {
    let shape = Shape { late: 0.01, ..Shape::new(MEGABITS, ROUND_TRIP, 1.0) };
    let [tolerant, cubic] = [TolerantCubic, Cubic].map(|control| run(shape, &of(control, 1), (5, 30)).rates[0]);
    println!("one packet in a hundred is overtaken: {tolerant:.1} Mbit/s, Cubic {cubic:.1}");
    assert!(tolerant > 0.7 * MEGABITS, "{tolerant}");
}

#[test]
fn a_drop_of_the_capacity_is_followed_and_so_is_its_return() {
    let shape = Shape::new(MEGABITS, ROUND_TRIP, 1.0);
    let narrow = Shape { rate: shape.rate / 5.0, ..shape };
    let link = Bottleneck::new(shape, 7).changing(SECOND * 15, narrow).changing(SECOND * 30, shape);
    let seen = seen(link, &of(TolerantCubic, 1), (45, 60));
    let narrowed = mean(&seen.outcomes[0].arrived[18..30].iter().map(|bytes| *bytes as f64 / 125_000.0).collect::<Vec<_>>());
    println!("{narrowed:.1} of {:.1} Mbit/s, then {:.1} of {MEGABITS}; {:.2} % lost", MEGABITS / 5.0, seen.rates[0], seen.overflow * 100.0);
    assert!(narrowed > 0.8 * MEGABITS / 5.0 && seen.rates[0] > 0.7 * MEGABITS, "{narrowed} {seen:?}");
    assert!(seen.overflow < 0.03, "{seen:?}");
}

#[test]
fn a_round_trip_that_changes_is_learnt() {
    for (before, after) in [(40, 120), (120, 40)] {
        let shape = |ms| Shape::new(MEGABITS, Duration::from_millis(ms), 1.0).losing(Loss::Random(0.01));
        let link = Bottleneck::new(shape(before), 7).changing(SECOND * 15, shape(after));
        let seen = seen(link, &of(TolerantCubic, 1), (50, 75));
        println!("from {before} to {after} ms at 1 % loss: {:.1} Mbit/s in the end", seen.rates[0]);
        assert!(seen.rates[0] > 0.5 * MEGABITS, "{before} to {after}: {seen:?}");
    }
}

#[test]
#[ignore = "a table of every controller, for which there is a command above"]
fn table() {
    for round_trip in [20, 100] {
        for queue in [0.25, 1.0] {
            CongestionControl::ALL.into_iter().for_each(|control| line_of_the_table(round_trip, queue, control));
        }
    }
}

fn line_of_the_table(round_trip: u64, queue: f64, control: CongestionControl) {
    let cell = |loss: Loss| {
        let shape = Shape::new(100.0, Duration::from_millis(round_trip), queue).losing(loss);
        let seen = run(shape, &of(control, 1), (2, if round_trip == 20 { 15 } else { 25 }));
        assert!(seen.rates[0] > 0.1, "{control} moved nothing");
        let ping = &seen.outcomes[0];
        format!("{:.0} / {:.1} % / {:.0}, {:.0}", seen.rates[0], seen.overflow * 100.0, ping.quantile(0.5), ping.quantile(0.99))
    };
    let cells = [Loss::None, Loss::Random(0.001), Loss::Random(0.01), Loss::Random(0.03)].map(cell);
    println!("| {round_trip} ms, {queue} | `{control}` | {} |", cells.join(" | "));
}
