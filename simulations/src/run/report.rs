//! What a run was like.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::disk::DiskCounters;
use crate::network::Counts;

/// How a run has ended, and what it was like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// What was violated first, if anything was: the invariant, and what was seen.
    pub violation: Option<(String, String)>,
    /// How long it was, in milliseconds of the world.
    pub simulated_ms: u64,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
    /// What happened to datagrams.
    pub network: Counts,
    /// What happened to disks.
    pub disks: DiskCounters,
    /// How often each point of the product's code was come to.
    pub points: BTreeMap<String, u64>,
    /// How often a program has crashed at each.
    pub crashes_at: BTreeMap<String, u64>,
    /// Why programs have ended that failed, and how often.
    #[serde(default)]
    pub failures: BTreeMap<String, u64>,
    /// Faults and work that were carried out, by class.
    pub events: BTreeMap<String, u64>,
    /// How dials have ended.
    pub dials: BTreeMap<String, u64>,
    /// Dials that were asked for.
    pub asked: u64,
    /// Those that have moved all they should.
    pub served: u64,
    /// Bytes that came back and were compared.
    pub compared: u64,
    /// What operators did, and how it ended.
    pub operations: BTreeMap<String, u64>,
    /// Registrations that agents were told of.
    pub registrations: u64,
    /// Elections that were won.
    pub leaders: u64,
    /// How long the cluster took to be whole again after the last fault, in milliseconds.
    pub whole_after_ms: u64,
    /// The longest time between two writes that were acknowledged while nothing was wrong, in milliseconds (L5).
    #[serde(default)]
    pub longest_write_gap_ms: u64,
    /// The same between two dials that were served.
    #[serde(default)]
    pub longest_dial_gap_ms: u64,
    /// What the trace comes to, and its lines.
    pub trace: (u64, u64),
    /// The last events, of a run that has failed.
    pub last: Vec<String>,
}

impl Report {
    /// Adds what another run was like: sums, of all that is one. Which run it was, how it ended, how long it took to be whole and its trace belong to that run alone.
    pub fn add(&mut self, other: &Self) {
        self.simulated_ms += other.simulated_ms;
        self.took_ms += other.took_ms;
        self.network.add(&other.network);
        self.disks += other.disks;
        add(&mut self.points, &other.points);
        add(&mut self.crashes_at, &other.crashes_at);
        add(&mut self.events, &other.events);
        add(&mut self.dials, &other.dials);
        self.asked += other.asked;
        self.served += other.served;
        self.compared += other.compared;
        add(&mut self.operations, &other.operations);
        self.registrations += other.registrations;
        self.leaders += other.leaders;
        self.longest_write_gap_ms = self.longest_write_gap_ms.max(other.longest_write_gap_ms);
        self.longest_dial_gap_ms = self.longest_dial_gap_ms.max(other.longest_dial_gap_ms);
    }
}

fn add(sums: &mut BTreeMap<String, u64>, further: &BTreeMap<String, u64>) {
    for (name, count) in further {
        *sums.entry(name.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up() {
        let counts = |names: &[(&str, u64)]| names.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>();
        let one = Report {
            seed: 1,
            simulated_ms: 40_000,
            events: counts(&[("crash", 2), ("pause", 1)]),
            network: Counts { lost: 5, ..Counts::default() },
            disks: DiskCounters { flushes: 9, ..DiskCounters::default() },
            served: 20,
            whole_after_ms: 700,
            ..Report::default()
        };
        let other =
            Report { seed: 2, events: counts(&[("crash", 3), ("wipe", 4)]), violation: Some(("T3".into(), "x".into())), ..one.clone() };
        let mut sum = Report::default();
        sum.add(&one);
        sum.add(&other);
        let expected = Report {
            simulated_ms: 80_000,
            events: counts(&[("crash", 5), ("pause", 1), ("wipe", 4)]),
            network: Counts { lost: 10, ..Counts::default() },
            disks: DiskCounters { flushes: 18, ..DiskCounters::default() },
            served: 40,
            ..Report::default()
        };
        assert_eq!(sum, expected);
    }
}
