//! The classes of what happens, by which it is counted.

use super::event::{DiskTrouble, Event, Operation};
use crate::network::Effect;

/// All classes that random plans have: a sweep in which one is missing has not looked everywhere.
pub const CLASSES: &[&str] = &[
    "agent_restart",
    "clock_rate",
    "crash",
    "crash_at",
    "dial",
    "disk_fails",
    "disk_full",
    "disk_slow",
    "join",
    "network_bursts",
    "network_corruption",
    "network_cut",
    "network_delay",
    "network_doubling",
    "network_hold",
    "network_hole",
    "network_loss",
    "operate_drain",
    "operate_expel",
    "operate_look",
    "operate_resume",
    "operate_strategy",
    "operate_token",
    "operate_transfer",
    "pause",
    "rebind",
    "restart",
    "wall_step",
    "wipe",
];

/// The classes that only plans have which are written by hand: no sweep misses them.
pub const BY_HAND: [&str; 3] = ["disk_lies", "disk_reverts", "operate_remove"];

impl Event {
    /// The class that it belongs to.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::CrashAt { .. } => "crash_at",
            Self::Wipe { .. } => "wipe",
            Self::Pause { .. } => "pause",
            Self::Network { rule, .. } => rule.effect.class(),
            Self::Rebind { .. } => "rebind",
            Self::WallStep { .. } => "wall_step",
            Self::Rate { .. } => "clock_rate",
            Self::Disk { trouble, .. } => trouble.class(),
            Self::Dial(_) => "dial",
            Self::Operate { operation, .. } => operation.class(),
            Self::Restart { .. } => "restart",
            Self::AgentRestart { .. } => "agent_restart",
            Self::Join { .. } => "join",
        }
    }
}

impl Effect {
    fn class(self) -> &'static str {
        match self {
            Self::Cut => "network_cut",
            Self::Loss(_) => "network_loss",
            Self::Bursts { .. } => "network_bursts",
            Self::Doubling(_) => "network_doubling",
            Self::Corruption(_) => "network_corruption",
            Self::Delay { .. } => "network_delay",
            Self::Hole(_) => "network_hole",
            Self::Hold => "network_hold",
        }
    }
}

impl DiskTrouble {
    fn class(self) -> &'static str {
        match self {
            Self::Full => "disk_full",
            Self::FailsOnce => "disk_fails",
            Self::Slow(_) => "disk_slow",
            Self::Lies => BY_HAND[0],
            Self::Reverts => BY_HAND[1],
        }
    }
}

impl Operation {
    fn class(&self) -> &'static str {
        match self {
            Self::Strategy(_) => "operate_strategy",
            Self::Drain(_) => "operate_drain",
            Self::Resume(_) => "operate_resume",
            Self::Transfer(_) => "operate_transfer",
            // A plan's own removals follow a disk that was lost; by itself it is in plans that are written by hand.
            Self::Remove(_) => BY_HAND[2],
            Self::Token { .. } => "operate_token",
            Self::Expel => "operate_expel",
            Self::Look => "operate_look",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::Plan;

    #[test]
    fn random_plans_have_every_class_that_is_listed_and_no_other() {
        let seen: BTreeSet<_> = (0..400).flat_map(|seed| Plan::generate(seed).events).map(|timed| timed.event.class()).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), CLASSES);
    }
}
