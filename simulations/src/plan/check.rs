//! Whether a plan makes sense: one is written by hand now and then.

use std::collections::BTreeSet;

use super::{Event, Plan, Seats};
use crate::mutants::MUTANTS;
use crate::network::HostId;
use crate::points::POINTS;

/// Most proxies, those that may join among them: a client is told of eight.
const PROXIES: u8 = 8;
/// Most machines of agents, and of clients.
const MACHINES: usize = 8;
/// Most agents.
const AGENTS: usize = 200;
/// The longest run, in milliseconds.
const LENGTH_MS: u64 = 3_600_000;

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan makes no sense: {0}")]
pub struct Senseless(String);

impl Plan {
    /// Whether it can be run as it stands.
    ///
    /// # Errors
    /// [`Senseless`] names the first thing that cannot be.
    pub fn check(&self) -> Result<(), Senseless> {
        let topology = &self.topology;
        let proxies = topology.proxies.saturating_add(topology.spares);
        within("proxies", topology.proxies.into(), 1, PROXIES.into())?;
        within("proxies and spares", proxies.into(), 1, PROXIES.into())?;
        within("zones", topology.zones.into(), 1, PROXIES.into())?;
        within("farms", topology.farms.len() as u64, 0, MACHINES as u64)?;
        within("clients", topology.clients.into(), 1, MACHINES as u64)?;
        within("agents", topology.farms.iter().map(|farm| u64::from(*farm)).sum(), 0, AGENTS as u64)?;
        within("length_ms", self.length_ms, 0, LENGTH_MS)?;
        self.check_settings()?;
        let hosts = self.hosts();
        for timed in &self.events {
            within("at_ms", timed.at_ms, 0, self.length_ms)?;
            for host in timed.event.hosts() {
                if !hosts.contains(&host) {
                    return Err(Senseless(format!("there is no machine {} for {:?}", host.0, timed.event)));
                }
            }
            if let Event::CrashAt { place, .. } = &timed.event
                && !POINTS.iter().any(|(known, _)| known == place)
            {
                return Err(Senseless(format!("there is no point `{place}`: src/points.rs has them")));
            }
        }
        Ok(())
    }

    fn check_settings(&self) -> Result<(), Senseless> {
        let settings = &self.settings;
        within("tick_us", settings.tick_us, 100, 100_000)?;
        within("latency_us", settings.latency_us, 0, 10_000_000)?;
        within("heartbeat_ms", settings.heartbeat_ms, 10, 60_000)?;
        within("election_ms", settings.election_ms, 3 * settings.heartbeat_ms + 1, 600_000)?;
        within("lease_ms", settings.lease_ms, 1_000, 600_000)?;
        within("promote_after_ms", settings.promote_after_ms, 1, 600_000)?;
        within("drain_ms", settings.drain_ms, 0, LENGTH_MS)?;
        within("connections", settings.connections.into(), 0, 8)?;
        within("data_connections", settings.data_connections.into(), 1, 16)?;
        within("streams_per_agent", settings.streams_per_agent, 1, 1 << 20)?;
        let unknown = settings.mutants.iter().find(|name| !MUTANTS.iter().any(|mutant| mutant.name == name.as_str()));
        match unknown {
            Some(name) => {
                let known: Vec<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
                Err(Senseless(format!("there is no mutant `{name}`; there are {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }

    fn hosts(&self) -> BTreeSet<HostId> {
        let topology = &self.topology;
        topology.proxy_hosts().chain(topology.farm_hosts()).chain(topology.client_hosts()).chain([Seats::SERVICES]).collect()
    }
}

fn within(what: &str, value: u64, least: u64, most: u64) -> Result<(), Senseless> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(Senseless(format!("`{what}` is from {least} to {most}, not {value}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_generated_makes_sense_and_nonsense_is_named() {
        for seed in 0..300 {
            assert_eq!(Plan::generate(seed).check(), Ok(()), "seed {seed}");
        }
        let wrong = |change: fn(&mut Plan)| {
            let mut plan = Plan::generate(1);
            change(&mut plan);
            plan.check().expect_err("it makes no sense").to_string()
        };
        assert!(wrong(|plan| plan.topology.proxies = 0).contains("`proxies` is from 1 to 8, not 0"));
        assert!(wrong(|plan| plan.topology.spares = 255).contains("spares"));
        assert!(wrong(|plan| plan.settings.tick_us = 0).contains("tick_us"));
        assert!(wrong(|plan| plan.settings.lease_ms = u64::MAX).contains("lease_ms"));
        assert!(wrong(|plan| plan.length_ms = u64::MAX).contains("length_ms"));
        assert!(wrong(|plan| plan.settings.mutants = vec!["nope".to_owned()]).contains("no mutant `nope`"));
        assert!(wrong(|plan| plan.events.iter_mut().for_each(|timed| timed.at_ms = u64::MAX)).contains("at_ms"));
        let host = HostId(63);
        assert!(
            wrong(|plan| plan.events.iter_mut().for_each(|timed| timed.event = Event::Rebind { host: HostId(63) })).contains("machine 63"),
            "{host:?}"
        );
    }
}
