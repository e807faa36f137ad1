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
    /// What it has said last, without the reasons that do not matter any more.
    pub(in crate::proxy) told: AgentProgress,
    /// How many tunnels it has by the table.
    pub(in crate::proxy) held: usize,
    /// Whether it is stuck.
    pub(in crate::proxy) is_stuck: bool,
}

/// What an agent says is told to all proxies that it has a tunnel to. One that it has left, or that it cannot reach any more, has an old word: a proxy where the
/// table has the agent is believed first, and of those the one that it has told for longest.
type Weight = (bool, u64);

/// What an agent has said last to this proxy.
pub(in crate::proxy) type Told = (ProxyId, AgentProgress);

/// How far the agents are, where each wants `wanted` tunnels, by the table and by what those that lack some have `told`. Nothing has changed for
/// `unchanged`. `places` says where the table has an agent now.
pub(in crate::proxy) fn progress(
    arrangement: &Arrangement,
    wanted: usize,
    told: Vec<Told>,
    unchanged: Duration,
    places: impl Fn(&AgentName) -> BTreeSet<ProxyId>,
) -> Progress {
    let settled = arrangement.placements.iter().filter(|(proxies, _)| arrangement.is_settled(proxies, wanted));
    // Proxies name some of those that lag; where nothing moves any more, all of them are stuck.
    let is_at_rest = unchanged >= STUCK;
    let converged = settled.map(|(_, agents)| agents).sum();
    let mut lagging = BTreeMap::<AgentName, (Weight, Lagging)>::new();
    for (proxy, mut told) in told {
        let places = places(&told.agent);
        // It may have got there since.
        if arrangement.is_settled(&places, wanted) {
            continue;
        }
        let weight = (places.contains(&proxy), told.seconds);
        match lagging.get(&told.agent) {
            Some((known, _)) if *known >= weight => {}
            Some(_) | None => {
                let is_short = forget_what_is_past(&mut told, arrangement, (&places, wanted));
                let lasts = !told.progress.obstacles.is_empty() || Duration::from_secs(told.seconds) >= STUCK;
                let row = Lagging { is_stuck: is_at_rest || (is_short && lasts), held: places.len(), told };
                lagging.insert(row.told.agent.clone(), (weight, row));
            }
        }
    }
    let mut lagging: Vec<_> = lagging.into_values().map(|(_, lagging)| lagging).collect();
    // Stable: otherwise by name.
    lagging.sort_by_key(|lagging| (!lagging.is_stuck, std::cmp::Reverse(lagging.told.seconds)));
    let unsettled = arrangement.agents() - converged;
    let known = lagging.iter().filter(|lagging| lagging.is_stuck).count() as u64;
    let stuck = if is_at_rest { unsettled } else { known.min(unsettled) };
    Progress { converged, moving: unsettled - stuck, stuck, is_at_rest, lagging }
}

/// Drops the reasons that were given under another strategy or concern a proxy that is not wanted any more, since it takes no tunnels or has one. Whether the
/// agent lacks a tunnel at all.
fn forget_what_is_past(told: &mut AgentProgress, arrangement: &Arrangement, (places, wanted): (&BTreeSet<ProxyId>, usize)) -> bool {
    let is_short = places.iter().filter(|proxy| arrangement.takers.contains_key(proxy)).count() < wanted;
    let is_wanted = |proxy: ProxyId| arrangement.takers.contains_key(&proxy) && !places.contains(&proxy);
    told.progress.obstacles.retain(|obstacle| is_short && obstacle.proxy.is_none_or(is_wanted));
    is_short
}

#[cfg(test)]
mod tests {
    use super::super::arrangement::tests::arrangement;
    use super::*;
    use crate::wire::tunnel::{self, Obstacle};

    fn told(proxy: u64, agent: &str, seconds: u64, reasons: &[&str]) -> Told {
        let obstacles = reasons.iter().map(|reason| Obstacle { proxy: None, reason: (*reason).to_owned() }).collect();
        let progress = tunnel::Progress { wanted: 2, held: 1, retiring: 0, obstacles };
        (ProxyId(proxy), AgentProgress { agent: agent.parse().expect("a name"), progress, seconds })
    }

    /// Each row: where the table has the agent, how many tunnels are wanted, which proxies it complains of; of which it still does, and whether it is stuck.
    #[test]
    fn what_was_said_under_another_strategy_or_of_proxies_that_are_gone_is_past() {
        type Case<'a> = (&'a [u64], usize, &'a [Option<u64>], &'a [Option<u64>], bool);
        let table: &[Case] = &[
            (&[1, 2], 1, &[Some(3), None], &[], false),
            (&[1], 3, &[Some(3), Some(2)], &[Some(3), Some(2)], true),
            (&[1, 2], 3, &[Some(2), Some(3), None], &[Some(3), None], true),
            // The ninth takes no tunnels.
            (&[1], 2, &[Some(9)], &[], false),
            (&[1, 9], 2, &[Some(9), Some(2)], &[Some(2)], true),
        ];
        for (at, wanted, complaints, left, is_stuck) in table {
            let arrangement = arrangement(&["", "", ""], &[(at, 1)]);
            let (proxy, mut told) = told(at[0], "lab", 3, &[]);
            let obstacle = |proxy: &Option<u64>| Obstacle { proxy: proxy.map(ProxyId), reason: "draining".to_owned() };
            told.progress.obstacles = complaints.iter().map(obstacle).collect();
            let places = |_: &AgentName| at.iter().copied().map(ProxyId).collect();
            let found = progress(&arrangement, *wanted, vec![(proxy, told)], Duration::ZERO, places);
            let row = &found.lagging[0];
            let of: Vec<_> = row.told.progress.obstacles.iter().map(|obstacle| obstacle.proxy.map(|id| id.0)).collect();
            assert_eq!((&*of, row.is_stuck, row.held), (*left, *is_stuck, at.len()), "{at:?} of {wanted}");
            assert_eq!((found.moving, found.stuck), (u64::from(!is_stuck), u64::from(*is_stuck)));
        }
        // However long it has lacked what the former strategy wanted.
        let (arrangement, late) = (arrangement(&["", "", ""], &[(&[1, 2], 1)]), told(1, "lab", 95, &["refused"]));
        let found = progress(&arrangement, 1, vec![late], Duration::ZERO, |_| [ProxyId(1), ProxyId(2)].into());
        assert_eq!((found.moving, found.stuck), (1, 0));
    }

    #[test]
    fn who_has_got_there_is_told_by_the_table_and_who_is_stuck_by_the_agents() {
        let arrangement = arrangement(&["", ""], &[(&[1, 2], 5), (&[1], 3), (&[1, 9], 1)]);
        let lab: AgentName = "lab".parse().expect("a name");
        let places = |agent: &AgentName| if *agent == lab { [ProxyId(1), ProxyId(2)].into() } else { [ProxyId(1)].into() };
        let brief = Duration::from_secs(1);
        let count = |told: Vec<Told>, unchanged| {
            let found = progress(&arrangement, 2, told, unchanged, places);
            let names: Vec<_> = found.lagging.iter().map(|lagging| lagging.told.agent.to_string()).collect();
            ([found.converged, found.moving, found.stuck], names.join(","))
        };
        let table = [
            (vec![], brief, [5, 4, 0], ""),
            (vec![told(1, "a", 3, &[])], brief, [5, 4, 0], "a"),
            (vec![told(1, "a", 3, &["refused"]), told(1, "a", 2, &[])], brief, [5, 3, 1], "a"),
            (vec![told(1, "a", 3, &[]), told(1, "b", 31, &[])], brief, [5, 3, 1], "b,a"),
            // The second one has not heard of it for long.
            (vec![told(2, "a", 40, &["refused"]), told(1, "a", 3, &[])], brief, [5, 4, 0], "a"),
            (vec![told(2, "a", 40, &["refused"])], brief, [5, 3, 1], "a"),
            // It has got there since it said so.
            (vec![told(1, "lab", 60, &["refused"])], brief, [5, 4, 0], ""),
            (vec![told(1, "a", 3, &[])], STUCK, [5, 0, 4], "a"),
        ];
        for (told, unchanged, counts, names) in table {
            assert_eq!(count(told.clone(), unchanged), (counts, names.to_owned()), "{told:?}");
        }
    }
}
