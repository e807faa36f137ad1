//! What a run consists of, as data: made from a seed, kept in a file, made smaller. Nothing of a run is decided elsewhere.

mod check;
mod class;
mod event;
mod generate;
mod topology;

pub use check::Senseless;
pub use class::{BY_HAND, CLASSES};
pub use event::{Dial, DiskTrouble, Event, Mode, Operation, Timed};
pub use topology::{Seats, Settings, Topology};

use serde::{Deserialize, Serialize};

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// From which all randomness of the run comes.
    pub seed: u64,
    /// Who is there.
    pub topology: Topology,
    /// How they are set.
    pub settings: Settings,
    /// How long faults and work go on after the boot, in milliseconds.
    pub length_ms: u64,
    /// What happens, in order of time, which counts from the end of the boot.
    pub events: Vec<Timed>,
}
