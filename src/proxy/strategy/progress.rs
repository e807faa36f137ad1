//! How far the agents are with the tunnels they ought to hold. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use warren_raft::{AgentName, ProxyId};

use super::arrangement::Arrangement;
use crate::wire::AgentProgress;

/// An agent that has not got there for this long is stuck, whatever it says.
const STUCK: Duration = Duration::from_secs(30);

/// How far the agents are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Progress {
    /// They have what they ought to have.
    pub(in crate::proxy) converged: u64,
    /// They are on the way.
    pub(in crate::proxy) moving: u64,
    /// Something is in their way, or they have not got there for long.
    pub(in crate::proxy) stuck: u64,
    /// Whether nothing has moved for so long that whoever has not got there is stuck.
    pub(in crate::proxy) is_at_rest: bool,
    /// Those of them that are known by name, the longest first.
    pub(in crate::proxy) lagging: Vec<Lagging>,
}

/// An agent that has not got the tunnels it ought to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Lagging {
    /// What it has said last.
    pub(in crate::proxy) told: AgentProgress,
    /// Whether it is stuck.
    pub(in crate::proxy) is_stuck: bool,
}

/// How far the agents are, where each wants `wanted` tunnels, by the table and by what those that lack some have `told`. Nothing has changed for
/// `unchanged`. An agent has told several proxies: what counts is what it lacks for longest. `places` says where the table has an agent now.
pub(in crate::proxy) fn progress(
    arrangement: &Arrangement,
    wanted: usize,
    told: Vec<AgentProgress>,
    unchanged: Duration,
    places: impl Fn(&AgentName) -> BTreeSet<ProxyId>,
) -> Progress {
    let settled = arrangement.placements.iter().filter(|(proxies, _)| arrangement.is_settled(proxies, wanted));
    let converged = settled.map(|(_, agents)| agents).sum();
    let mut lagging = BTreeMap::<AgentName, AgentProgress>::new();
    for told in told {
        // It may have got there since.
        if arrangement.is_settled(&places(&told.agent), wanted) {
            continue;
        }
        match lagging.get(&told.agent) {
            Some(known) if known.seconds >= told.seconds => {}
            Some(_) | None => drop(lagging.insert(told.agent.clone(), told)),
        }
    }
    let is_stuck = |told: &AgentProgress| !told.progress.obstacles.is_empty() || Duration::from_secs(told.seconds) >= STUCK;
    let mut lagging: Vec<_> = lagging.into_values().map(|told| Lagging { is_stuck: is_stuck(&told), told }).collect();
    // Stable: otherwise by name.
    lagging.sort_by_key(|lagging| (!lagging.is_stuck, std::cmp::Reverse(lagging.told.seconds)));
    let unsettled = arrangement.agents() - converged;
    let known = lagging.iter().filter(|lagging| lagging.is_stuck).count() as u64;
    // Proxies name some of those that lag; where nothing moves any more, all of them are stuck.
    let is_at_rest = unchanged >= STUCK;
    let stuck = if is_at_rest { unsettled } else { known.min(unsettled) };
    Progress { converged, moving: unsettled - stuck, stuck, is_at_rest, lagging }
}

#[cfg(test)]
mod tests {
    use super::super::arrangement::tests::arrangement;
    use super::*;
    use crate::wire::tunnel::{self, Obstacle};

    fn told(agent: &str, seconds: u64, reasons: &[&str]) -> AgentProgress {
        let obstacles = reasons.iter().map(|reason| Obstacle { proxy: None, reason: (*reason).to_owned() }).collect();
        AgentProgress {
            agent: agent.parse().expect("a name"),
            progress: tunnel::Progress { wanted: 2, held: 1, retiring: 0, obstacles },
            seconds,
        }
    }

    #[test]
    fn who_has_got_there_is_told_by_the_table_and_who_is_stuck_by_the_agents() {
        let arrangement = arrangement(&["", ""], &[(&[1, 2], 5), (&[1], 3), (&[1, 9], 1)]);
        let lab: AgentName = "lab".parse().expect("a name");
        let places = |agent: &AgentName| if *agent == lab { [ProxyId(1), ProxyId(2)].into() } else { [ProxyId(1)].into() };
        let brief = Duration::from_secs(1);
        let count = |told: Vec<AgentProgress>, unchanged| {
            let found = progress(&arrangement, 2, told, unchanged, places);
            let names: Vec<_> = found.lagging.iter().map(|lagging| lagging.told.agent.to_string()).collect();
            ([found.converged, found.moving, found.stuck], names.join(","))
        };
        let table = [
            (vec![], brief, [5, 4, 0], ""),
            (vec![told("a", 3, &[])], brief, [5, 4, 0], "a"),
            (vec![told("a", 3, &["refused"]), told("a", 2, &[])], brief, [5, 3, 1], "a"),
            (vec![told("a", 3, &[]), told("b", 31, &[])], brief, [5, 3, 1], "b,a"),
            // It has got there since it said so.
            (vec![told("lab", 60, &["refused"])], brief, [5, 4, 0], ""),
            (vec![told("a", 3, &[])], STUCK, [5, 0, 4], "a"),
        ];
        for (told, unchanged, counts, names) in table {
            assert_eq!(count(told.clone(), unchanged), (counts, names.to_owned()), "{told:?}");
        }
    }
}
