//! A plan from a seed.
//!
//! Each class of fault is off in about two of five plans, so that what one of them hides another plan shows (swarm testing, Groce et al. 2012), and each dimension of the
//! topology and of the settings is drawn for itself.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::Plan;
use super::event::{Dial, DiskTrouble, Event, Mode, Operation, Timed};
use super::topology::{Seats, Settings, Topology};
use crate::network::{Effect, HostId, Hosts, Rule};
use crate::points::POINTS;

/// How long faults and work go on, in milliseconds.
const LENGTH_MS: u64 = 30_000;

/// A class of events that a plan has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Crashes,
    Points,
    Wipes,
    Pauses,
    Partitions,
    Losses,
    Rebinds,
    Clocks,
    Disks,
    Strategy,
    Drains,
    Restarts,
    Members,
    Storms,
    Floods,
}

const CLASSES: [Class; 15] = [
    Class::Crashes,
    Class::Points,
    Class::Wipes,
    Class::Pauses,
    Class::Partitions,
    Class::Losses,
    Class::Rebinds,
    Class::Clocks,
    Class::Disks,
    Class::Strategy,
    Class::Drains,
    Class::Restarts,
    Class::Members,
    Class::Storms,
    Class::Floods,
];

impl Plan {
    /// The plan of a seed.
    pub fn generate(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let topology = topology(&mut rng);
        let settings = settings(&mut rng, &topology);
        let mut draft = Draft { rng, topology, events: Vec::new() };
        draft.dials();
        for class in CLASSES {
            if draft.rng.random_ratio(3, 5) {
                draft.class(class);
            }
        }
        let Draft { topology, mut events, .. } = draft;
        // What comes and goes may do so beyond the end.
        events.retain(|timed| timed.at_ms < LENGTH_MS);
        events.sort_by_key(|timed| timed.at_ms);
        Self { seed, topology, settings, length_ms: LENGTH_MS, events }
    }
}

fn topology(rng: &mut StdRng) -> Topology {
    let proxies = *[1, 3, 3, 3, 3, 5].choose(rng).unwrap_or(&3);
    // A few agents in most plans, as many as 50 in some.
    let most = *[3, 6, 10, 50].choose(rng).unwrap_or(&6);
    let agents: u8 = rng.random_range(1..=most);
    let farms = rng.random_range(1..=agents.min(4));
    let farms = (0..farms).map(|farm| agents / farms + u8::from(farm < agents % farms)).collect();
    let spares = u8::from(proxies < 5 && rng.random_ratio(1, 4));
    Topology { proxies, spares, farms, clients: rng.random_range(1..=3), zones: rng.random_range(1..=3) }
}

fn settings(rng: &mut StdRng, topology: &Topology) -> Settings {
    let latency_us = *[1_000, 2_000, 5_000, 15_000, 40_000, 80_000].choose(rng).unwrap_or(&5_000);
    // A heartbeat must be longer than a round trip (config.toml), here and there.
    let (heartbeat_ms, election_ms) = if latency_us > 50_000 { (400, 2_500) } else { (150, 1_000) };
    Settings {
        tick_us: if latency_us < 4_000 { 1_000 } else { 2_000 },
        latency_us,
        connections: *[0, 1, 2, 2, 2, 3].choose(rng).unwrap_or(&2),
        heartbeat_ms,
        election_ms,
        streams_per_agent: *[6, 1_024, 1_024, 1_024].choose(rng).unwrap_or(&1_024),
        stalled: rng.random_ratio(1, 4).then_some((128, 2_000)),
        data_connections: rng.random_range(1..=3),
        snapshot_after: *[20, 60, 200, 5_000].choose(rng).unwrap_or(&200),
        keep_behind_snapshot: *[0, 10, 100].choose(rng).unwrap_or(&10),
        drain_ms: rng.random_range(1_000..8_000),
        lease_ms: if election_ms > 1_000 { 8_000 } else { *[3_000, 5_000].choose(rng).unwrap_or(&3_000) },
        promote_after_ms: if topology.proxies > 3 { 300 } else { 500 },
        ..Settings::default()
    }
}

struct Draft {
    rng: StdRng,
    topology: Topology,
    events: Vec<Timed>,
}

impl Draft {
    fn at(&mut self, event: Event) {
        let at_ms = self.rng.random_range(0..LENGTH_MS);
        self.events.push(Timed { at_ms, event });
    }

    fn proxy(&mut self) -> HostId {
        Seats::proxy(self.rng.random_range(0..self.topology.proxies))
    }

    fn farm(&mut self) -> HostId {
        let farms = u8::try_from(self.topology.farms.len()).unwrap_or(1);
        Seats::farm(self.rng.random_range(0..farms))
    }

    fn client(&mut self) -> HostId {
        Seats::client(self.rng.random_range(0..self.topology.clients))
    }

    /// Any machine but that of the services: it stands for many.
    fn host(&mut self) -> HostId {
        match self.rng.random_range(0..10) {
            0..6 => self.proxy(),
            6..9 => self.farm(),
            _ => self.client(),
        }
    }

    fn agents(&self) -> u16 {
        u16::try_from(self.topology.agents().count()).unwrap_or(1)
    }

    fn dials(&mut self) {
        for _ in 0..self.rng.random_range(20..80) {
            let dial = self.dial();
            self.at(Event::Dial(dial));
        }
    }

    fn dial(&mut self) -> Dial {
        let mode = match self.rng.random_range(0..100) {
            0..45 => Mode::Echo,
            45..55 => Mode::Digest,
            55..65 => Mode::Source,
            65..72 => Mode::Reset,
            72..77 => Mode::Slow,
            77..85 => Mode::Long,
            85..88 => Mode::Refused,
            88..92 => Mode::Unknown,
            92..94 => Mode::Denied,
            94..97 => Mode::Stall,
            _ => Mode::Any,
        };
        // Most are small; some take more than any window.
        let bytes = if self.rng.random_ratio(1, 20) { self.rng.random_range(300_000..1_500_000) } else { self.rng.random_range(0..40_000) };
        let unknown = self.rng.random_ratio(1, 40);
        let agent = if unknown { 60_000 } else { self.rng.random_range(0..self.agents()) };
        Dial { client: self.client(), agent, mode, bytes, timeout_ms: self.rng.random_range(3_000..10_000) }
    }

    /// Many at once, to one agent.
    fn floods(&mut self) {
        let (begin, agent) = (self.rng.random_range(0..LENGTH_MS), self.rng.random_range(0..self.agents()));
        for _ in 0..self.rng.random_range(10..60) {
            let at_ms = begin + self.rng.random_range(0..200);
            let dial = Dial { agent, ..self.dial() };
            self.events.push(Timed { at_ms, event: Event::Dial(dial) });
        }
    }

    /// All agents of a machine, or all that there are, come at once.
    fn storm(&mut self) {
        let (at_ms, all, one) = (self.rng.random_range(0..LENGTH_MS), self.rng.random_ratio(1, 2), self.farm());
        for farm in self.topology.farm_hosts().filter(|farm| all || *farm == one).collect::<Vec<_>>() {
            let down_ms = self.rng.random_range(20..1_000);
            self.events.push(Timed { at_ms, event: Event::Crash { host: farm, down_ms } });
        }
    }

    fn class(&mut self, class: Class) {
        match class {
            Class::Crashes => self.crashes(),
            Class::Points => self.points(),
            Class::Wipes => {
                let (host, down_ms) = (self.proxy(), self.rng.random_range(500..5_000));
                if self.topology.proxies > 2 {
                    self.at(Event::Wipe { host, down_ms });
                }
            }
            Class::Pauses => {
                for _ in 0..self.rng.random_range(1..4) {
                    let (host, for_ms) = (self.host(), self.rng.random_range(300..10_000));
                    self.at(Event::Pause { host, for_ms });
                }
            }
            Class::Partitions => self.partitions(),
            Class::Losses => self.losses(),
            Class::Rebinds => {
                for _ in 0..self.rng.random_range(1..4) {
                    let host = if self.rng.random_ratio(3, 4) { self.farm() } else { self.client() };
                    self.at(Event::Rebind { host });
                }
            }
            Class::Clocks => self.clocks(),
            Class::Disks => self.disks(),
            Class::Strategy => {
                for _ in 0..self.rng.random_range(1..4) {
                    let (host, count) = (self.proxy(), self.rng.random_range(0..4));
                    self.at(Event::Operate { host, operation: Operation::Strategy(count) });
                }
            }
            Class::Drains => self.drains(),
            Class::Restarts => {
                for _ in 0..self.rng.random_range(1..3) {
                    let (host, down_ms) = (self.proxy(), self.rng.random_range(0..3_000));
                    self.at(Event::Restart { host, down_ms });
                }
            }
            Class::Members => self.members(),
            Class::Floods => self.floods(),
            Class::Storms => {
                if self.rng.random_ratio(1, 2) {
                    self.storm();
                }
                for _ in 0..self.rng.random_range(1..10) {
                    let (agent, down_ms) = (self.rng.random_range(0..self.agents()), self.rng.random_range(0..4_000));
                    self.at(Event::AgentRestart { agent, down_ms });
                }
            }
        }
    }

    fn crashes(&mut self) {
        for _ in 0..self.rng.random_range(1..5) {
            let (host, down_ms) = (self.host(), self.rng.random_range(20..8_000));
            self.at(Event::Crash { host, down_ms });
        }
        if self.rng.random_ratio(15, 100) {
            let at_ms = self.rng.random_range(0..LENGTH_MS);
            for number in 0..self.topology.proxies {
                let down_ms = self.rng.random_range(20..4_000);
                self.events.push(Timed { at_ms, event: Event::Crash { host: Seats::proxy(number), down_ms } });
            }
        }
    }

    fn points(&mut self) {
        for _ in 0..self.rng.random_range(1..4) {
            let Some((place, _)) = POINTS.choose(&mut self.rng) else { return };
            let host = if place.starts_with("agent.") { self.farm() } else { self.proxy() };
            let down_ms = self.rng.random_range(20..5_000);
            self.at(Event::CrashAt { host, place: (*place).to_owned(), down_ms });
        }
    }

    /// Some proxies from the others; one direction only; a bridge; all agents from one proxy; clients from all; flapping.
    fn partitions(&mut self) {
        for _ in 0..self.rng.random_range(1..4) {
            let for_ms = self.rng.random_range(200..10_000);
            let one = self.proxy();
            let lone = Hosts::of([one]);
            let proxies = Hosts::of(self.topology.proxy_hosts());
            let agents = Hosts::of(self.topology.farm_hosts());
            let cut = |from, to| Rule { from, to, effect: Effect::Cut };
            let rules = match self.rng.random_range(0..9) {
                0 => vec![cut(lone, lone.others()), cut(lone.others(), lone)],
                1 => vec![cut(lone, lone.others())],
                2 => vec![cut(lone.others(), lone)],
                3 => {
                    let other = Hosts::of([self.proxy()]);
                    vec![cut(lone, other), cut(other, lone)]
                }
                4 => vec![cut(lone, agents), cut(agents, lone)],
                // Clients and agents still reach it: it must not act for a cluster that it cannot ask.
                7 | 8 => {
                    let rest = Hosts(proxies.0 & !lone.0);
                    vec![cut(lone, rest), cut(rest, lone)]
                }
                5 => {
                    let client = Hosts::of([self.client()]);
                    vec![cut(client, proxies), cut(proxies, client)]
                }
                _ => {
                    // It comes and goes.
                    let at_ms = self.rng.random_range(0..LENGTH_MS);
                    for turn in 0..6 {
                        for rule in [cut(lone, lone.others()), cut(lone.others(), lone)] {
                            self.events.push(Timed { at_ms: at_ms + turn * 700, event: Event::Network { rule, for_ms: 350 } });
                        }
                    }
                    continue;
                }
            };
            let at_ms = self.rng.random_range(0..LENGTH_MS);
            self.events.extend(rules.into_iter().map(|rule| Timed { at_ms, event: Event::Network { rule, for_ms } }));
        }
    }

    fn losses(&mut self) {
        for _ in 0..self.rng.random_range(1..5) {
            let for_ms = self.rng.random_range(1_000..20_000);
            let effect = match self.rng.random_range(0..7) {
                0 => Effect::Loss(self.rng.random_range(1_000..100_000)),
                1 => Effect::Bursts { begin: self.rng.random_range(500..5_000), lasts_us: self.rng.random_range(10_000..400_000) },
                2 => Effect::Doubling(self.rng.random_range(1_000..200_000)),
                3 => Effect::Corruption(self.rng.random_range(100..10_000)),
                4 => Effect::Delay { least_us: self.rng.random_range(0..50_000), spread_us: self.rng.random_range(1_000..250_000) },
                5 => Effect::Hole(self.rng.random_range(1_200..1_400)),
                _ => Effect::Hold,
            };
            let for_ms = if effect == Effect::Hold { for_ms.min(5_000) } else { for_ms };
            let from = if self.rng.random_ratio(1, 3) { Hosts::ALL } else { Hosts::of([self.host()]) };
            let rule = Rule { from, to: Hosts::ALL, effect };
            self.at(Event::Network { rule, for_ms });
        }
    }

    fn clocks(&mut self) {
        for _ in 0..self.rng.random_range(1..4) {
            let host = self.host();
            let event = if self.rng.random_ratio(1, 2) {
                // Three steps of two machines stay within the ten minutes of design.md section 9.
                Event::WallStep { host, by_ms: self.rng.random_range(-95_000..95_000) }
            } else {
                Event::Rate { host, millionths: self.rng.random_range(950_000..1_050_000), for_ms: self.rng.random_range(2_000..30_000) }
            };
            self.at(event);
        }
    }

    fn disks(&mut self) {
        for _ in 0..self.rng.random_range(1..4) {
            let host = self.proxy();
            let trouble = match self.rng.random_range(0..5) {
                0 | 1 => DiskTrouble::Full,
                2 => DiskTrouble::FailsOnce,
                _ => DiskTrouble::Slow(self.rng.random_range(20..2_000)),
            };
            let for_ms = self.rng.random_range(500..8_000);
            self.at(Event::Disk { host, trouble, for_ms });
        }
    }

    fn drains(&mut self) {
        let (host, at, drained) = (self.proxy(), self.proxy(), self.proxy());
        let from = self.rng.random_range(0..LENGTH_MS / 2);
        let to = self.rng.random_range(from..LENGTH_MS);
        self.events.push(Timed { at_ms: from, event: Event::Operate { host, operation: Operation::Drain(drained) } });
        self.events.push(Timed { at_ms: to, event: Event::Operate { host: at, operation: Operation::Resume(drained) } });
    }

    fn members(&mut self) {
        for number in self.topology.proxies..self.topology.proxies + self.topology.spares {
            self.at(Event::Join { host: Seats::proxy(number) });
        }
        for _ in 0..self.rng.random_range(1..3) {
            let host = self.proxy();
            let operation = match self.rng.random_range(0..4) {
                0 => Operation::Transfer(None),
                1 => Operation::Transfer(Some(self.proxy())),
                2 => Operation::Token { uses: 1, tries: 2 },
                _ => Operation::Look,
            };
            self.at(Event::Operate { host, operation });
        }
        if self.rng.random_ratio(1, 3) {
            let host = self.proxy();
            self.at(Event::Operate { host, operation: Operation::Expel });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_plan_and_its_file_is_the_same() {
        for seed in 0..200 {
            let plan = Plan::generate(seed);
            assert_eq!(plan, Plan::generate(seed));
            let text = serde_json::to_string(&plan).expect("JSON");
            assert_eq!(serde_json::from_str::<Plan>(&text).expect("a plan"), plan);
            assert!(plan.events.is_sorted_by_key(|timed| timed.at_ms));
            assert!(plan.topology.agents().count() <= 50 && plan.topology.farms.len() <= 4);
        }
    }
}
