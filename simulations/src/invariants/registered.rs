//! G2, G4: what an agent was told of stays in the table until it is withdrawn, a newer tunnel takes its place, or its epoch ends; and no withdrawal takes a newer tunnel with it.
//!
//! It is asked of the member that has applied most, which knows all that was acknowledged.

use std::collections::BTreeMap;

use warren_raft::fault::Observation;
use warren_raft::{AgentName, Epoch, ProxyId, Sequence};

use super::glimpse::{Shown, newest};
use super::{Invariant, Violation};
use crate::run::Scene;

/// Compares what agents were told with what the table has.
#[derive(Debug, Default)]
pub(super) struct Registered {
    told: BTreeMap<(AgentName, ProxyId), Told>,
    /// The newest tunnel that a proxy has proposed to withdraw.
    withdrawn: BTreeMap<(AgentName, ProxyId), Sequence>,
    /// Which epoch each proxy held at the last look.
    epochs: BTreeMap<ProxyId, Epoch>,
}

#[derive(Debug)]
struct Told {
    sequence: Sequence,
    index: u64,
    /// The epoch that its proxy held last when it was told.
    before: Option<Epoch>,
    /// The epoch of the route, once it was seen.
    epoch: Option<Epoch>,
}

impl Registered {
    fn welcomed(&mut self, key: (AgentName, ProxyId), sequence: Sequence, index: u64) {
        let is_newest = self.told.get(&key).is_none_or(|told| told.sequence <= sequence);
        if is_newest && self.withdrawn.get(&key).is_none_or(|withdrawn| *withdrawn < sequence) {
            let before = self.epochs.get(&key.1).copied();
            self.told.insert(key, Told { sequence, index, before, epoch: None });
        }
    }

    fn compare(&mut self, shown: &Shown) -> Result<(), Violation> {
        let Self { told, withdrawn, .. } = self;
        let mut violation = None;
        told.retain(|key, told| {
            if told.index > shown.applied {
                return true;
            }
            let gone = withdrawn.get(key);
            if gone.is_some_and(|gone| *gone >= told.sequence) {
                return false;
            }
            let now = shown.epochs.get(&key.1).copied();
            // Until its route was seen, the epoch may be the one that began with it.
            if now.is_none() || told.epoch.is_some_and(|epoch| now != Some(epoch)) {
                return false;
            }
            let route = shown.routes.get(key);
            if let Some((epoch, _)) = route.filter(|(_, sequence)| *sequence >= told.sequence) {
                told.epoch = Some(*epoch);
                return true;
            }
            if told.epoch.is_none() && now != told.before {
                return false;
            }
            let invariant = if gone.is_some() && route.is_none() { "G4" } else { "G2" };
            let ((agent, proxy), Told { sequence, index, .. }) = (key, &*told);
            let what = format!(
                "tunnel {sequence} of {agent} to proxy {proxy} was acknowledged in entry {index}, and after entry {} there is {route:?}; \
                 withdrawn up to {gone:?}, epoch {now:?}",
                shown.applied
            );
            violation.get_or_insert_with(|| Violation::new(invariant, what));
            false
        });
        self.epochs.clone_from(&shown.epochs);
        violation.map_or(Ok(()), Err)
    }
}

impl Invariant for Registered {
    fn observe(&mut self, observation: &Observation) -> Result<(), Violation> {
        if let Observation::Welcomed { proxy, agent, sequence, index } = observation {
            self.welcomed((agent.clone(), *proxy), *sequence, *index);
        }
        if let Observation::Withdrawing { proxy, agent, sequence } = observation {
            let newest = self.withdrawn.entry((agent.clone(), *proxy)).or_insert(*sequence);
            *newest = (*newest).max(*sequence);
        }
        Ok(())
    }

    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        newest(scene.glimpses.values()).map_or(Ok(()), |glimpse| self.compare(&glimpse.shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ProxyId = ProxyId(1);

    fn agent() -> AgentName {
        "a".parse().expect("a name")
    }

    fn shown(applied: u64, epoch: Option<u64>, sequence: Option<u64>) -> Shown {
        let epoch = epoch.map(Epoch);
        let route = epoch.zip(sequence).map(|(epoch, sequence)| ((agent(), ONE), (epoch, Sequence(sequence))));
        Shown {
            applied,
            epochs: epoch.map(|epoch| (ONE, epoch)).into_iter().collect(),
            routes: route.into_iter().collect(),
            ..Shown::default()
        }
    }

    /// An agent is told of its tunnel 5 in entry 7, after that the withdrawals come, and then the tables are seen.
    fn told(withdrawn: &[u64], tables: &[Shown]) -> Result<(), &'static str> {
        let mut registered = Registered::default();
        let look = |registered: &mut Registered, table: &Shown| registered.compare(table).map_err(|violation| violation.invariant);
        look(&mut registered, &shown(6, Some(1), None))?;
        let welcome = Observation::Welcomed { proxy: ONE, agent: agent(), sequence: Sequence(5), index: 7 };
        registered.observe(&welcome).map_err(|violation| violation.invariant)?;
        for sequence in withdrawn {
            let withdrawing = Observation::Withdrawing { proxy: ONE, agent: agent(), sequence: Sequence(*sequence) };
            registered.observe(&withdrawing).map_err(|violation| violation.invariant)?;
        }
        tables.iter().try_for_each(|table| look(&mut registered, table))
    }

    #[test]
    fn what_was_acknowledged_may_go_for_a_reason_only() {
        let there = || shown(7, Some(1), Some(5));
        for (withdrawn, tables, expected) in [
            (&[][..], vec![shown(6, Some(1), None), there(), shown(8, Some(1), Some(6))], Ok(())),
            (&[], vec![there(), shown(8, Some(1), None)], Err("G2")),
            (&[], vec![shown(7, Some(1), None)], Err("G2")),
            (&[], vec![there(), shown(8, Some(1), Some(4))], Err("G2")),
            (&[], vec![there(), shown(8, None, None)], Ok(())),
            (&[], vec![there(), shown(8, Some(2), None)], Ok(())),
            (&[], vec![shown(9, Some(2), None)], Ok(())),
            (&[5], vec![there(), shown(8, Some(1), None)], Ok(())),
            (&[4], vec![there(), shown(8, Some(1), None)], Err("G4")),
        ] {
            assert_eq!(told(withdrawn, &tables), expected, "{withdrawn:?} {tables:?}");
        }
    }
}
