//! What a plan can be without, or with less of. Pure.

use std::ops::Range;

use crate::network::HostId;
use crate::plan::{Event, Plan, Seats, Settings};

/// The least that a time is cut down to, in milliseconds.
const LEAST_MS: u64 = 20;

/// Without these events.
pub fn events(plan: &Plan, without: Range<usize>) -> Plan {
    let mut plan = plan.clone();
    plan.events.drain(without);
    plan
}

/// With fewer agents, farms, clients and proxies, as far as no event names what goes.
pub fn topology(plan: &Plan) -> Vec<Plan> {
    let mut fewer: Vec<Plan> = Vec::new();
    let mut with = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        fewer.push(smaller);
    };
    let topology = &plan.topology;
    if topology.farms.len() > 1 {
        with(&|plan| plan.topology.farms.truncate(1));
        with(&|plan| plan.topology.farms.truncate(plan.topology.farms.len() - 1));
    }
    if topology.farms.last().is_some_and(|agents| *agents > 1) {
        with(&|plan| plan.topology.farms.iter_mut().for_each(|agents| *agents = 1));
        with(&|plan| change_last(&mut plan.topology.farms, |agents| agents.div_ceil(2)));
        with(&|plan| change_last(&mut plan.topology.farms, |agents| agents - 1));
    }
    if topology.clients > 1 {
        with(&|plan| plan.topology.clients -= 1);
    }
    if topology.spares > 0 {
        with(&|plan| plan.topology.spares -= 1);
    }
    if topology.proxies > 1 {
        with(&|plan| plan.topology.proxies = 1);
        with(&|plan| plan.topology.proxies -= 1);
    }
    if topology.zones > 1 {
        with(&|plan| plan.topology.zones = 1);
    }
    fewer.retain(names_only_who_is_there);
    fewer
}

fn change_last(farms: &mut [u8], to: impl Fn(u8) -> u8) {
    if let Some(last) = farms.last_mut() {
        *last = to(*last);
    }
}

/// Whether every machine and agent that an event names is there. One that nobody has is meant to be unknown, and stays so.
fn names_only_who_is_there(plan: &Plan) -> bool {
    let topology = &plan.topology;
    let is_host = |host: HostId| {
        topology.proxy_hosts().chain(topology.farm_hosts()).chain(topology.client_hosts()).any(|other| other == host)
            || host == Seats::SERVICES
    };
    let agents = u16::try_from(topology.agents().count()).unwrap_or(u16::MAX);
    let is_agent = |agent: u16| agent < agents || agent >= 1_000;
    plan.events.iter().all(|timed| timed.event.hosts().all(is_host) && timed.event.agent().is_none_or(is_agent))
}

/// With half of a time: of all, of the whole plan, or of one event.
pub fn times(plan: &Plan) -> Vec<Plan> {
    let mut shorter = Vec::new();
    let last = plan.events.last().map_or(0, |timed| timed.at_ms);
    if plan.length_ms > last + 1_000 {
        shorter.push(Plan { length_ms: last + (plan.length_ms - last) / 2, ..plan.clone() });
    }
    if last > LEAST_MS {
        let mut sooner = plan.clone();
        sooner.events.iter_mut().for_each(|timed| timed.at_ms /= 2);
        shorter.push(sooner);
        // As it is, and the first at once.
        let first = plan.events.first().map_or(0, |timed| timed.at_ms);
        if first > LEAST_MS {
            let mut sooner = plan.clone();
            sooner.events.iter_mut().for_each(|timed| timed.at_ms -= first);
            shorter.push(sooner);
        }
    }
    for place in 0..plan.events.len() {
        let mut less = plan.clone();
        if lasts(&mut less.events[place].event).is_some_and(halve) {
            shorter.push(less);
        }
    }
    shorter
}

/// How long an event lasts.
fn lasts(event: &mut Event) -> Option<&mut u64> {
    match event {
        Event::Crash { down_ms, .. }
        | Event::CrashAt { down_ms, .. }
        | Event::Wipe { down_ms, .. }
        | Event::Restart { down_ms, .. }
        | Event::AgentRestart { down_ms, .. } => Some(down_ms),
        Event::Pause { for_ms, .. } | Event::Network { for_ms, .. } | Event::Rate { for_ms, .. } | Event::Disk { for_ms, .. } => {
            Some(for_ms)
        }
        Event::Rebind { .. } | Event::WallStep { .. } | Event::Dial(_) | Event::Operate { .. } | Event::Join { .. } => None,
    }
}

/// Whether there was anything to halve.
fn halve(time: &mut u64) -> bool {
    let is_long = *time > LEAST_MS;
    *time = if is_long { *time / 2 } else { *time };
    is_long
}

/// With a setting as it usually is. Bugs that are switched on stay, as does the tick: it says how closely is looked.
pub fn settings(plan: &Plan) -> Vec<Plan> {
    let usual = Settings::default();
    let changes: &[fn(&mut Settings, &Settings)] = &[
        |settings, usual| settings.latency_us = usual.latency_us,
        |settings, usual| settings.heartbeat_ms = usual.heartbeat_ms,
        |settings, usual| settings.election_ms = usual.election_ms,
        |settings, usual| settings.lease_ms = usual.lease_ms,
        |settings, usual| settings.promote_after_ms = usual.promote_after_ms,
        |settings, usual| settings.drain_ms = usual.drain_ms,
        |settings, usual| settings.connections = usual.connections,
        |settings, usual| settings.data_connections = usual.data_connections,
        |settings, usual| settings.snapshot_after = usual.snapshot_after,
        |settings, usual| settings.keep_behind_snapshot = usual.keep_behind_snapshot,
    ];
    let changed = changes.iter().map(|change| {
        let mut plan = plan.clone();
        change(&mut plan.settings, &usual);
        plan
    });
    changed.filter(|changed| changed != plan).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_events_name_stays_and_each_cut_makes_it_smaller() {
        for seed in 0..200 {
            let plan = Plan::generate(seed);
            for smaller in topology(&plan) {
                assert!(names_only_who_is_there(&smaller), "seed {seed}");
                assert_ne!(smaller, plan);
            }
            let ends = |plan: &Plan| {
                let mut plan = plan.clone();
                plan.length_ms
                    + plan.events.iter_mut().map(|timed| timed.at_ms + lasts(&mut timed.event).map_or(0, |time| *time)).sum::<u64>()
            };
            for shorter in times(&plan) {
                assert!(ends(&shorter) < ends(&plan), "seed {seed}");
                assert!(shorter.events.is_sorted_by_key(|timed| timed.at_ms));
                let is_within = |plan: &Plan| plan.events.last().is_none_or(|timed| timed.at_ms <= plan.length_ms);
                assert!(is_within(&shorter) || !is_within(&plan), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_plan_of_usual_settings_has_none_to_change() {
        let mut plan = Plan::generate(1);
        plan.settings = Settings { mutants: vec!["stale_read".to_owned()], tick_us: 1_000, ..Settings::default() };
        assert_eq!(settings(&plan), []);
        plan.settings.lease_ms += 1;
        assert_eq!(settings(&plan).len(), 1);
        assert_eq!(settings(&plan)[0].settings.mutants, ["stale_read"]);
    }
}
