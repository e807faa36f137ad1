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
    /// What the trace comes to, and its lines.
    pub trace: (u64, u64),
    /// The last events, of a run that has failed.
    pub last: Vec<String>,
}
