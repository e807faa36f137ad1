//! B4: a stream that its client does not read stops no other one: a short one beside it ends within a second.

use std::collections::BTreeMap;

use super::{Invariant, SETTLED_US, Violation};
use crate::cast::{Dialled, Outcome};
use crate::network::HostId;
use crate::plan::Mode;
use crate::run::Scene;

const BOUND_US: u64 = 1_000_000;
/// How often a datagram goes to and fro in a short stream by way of two proxies, its handshakes among it.
const TURNS: u64 = 24;
/// More than this is not short.
const SHORT: u32 = 10_000;
/// Less than this is read too soon to be slow.
const SLOW: u32 = 100_000;

/// Notes when dials have ended.
#[derive(Debug, Default)]
pub(super) struct Progress {
    ended: BTreeMap<u64, u64>,
}

impl Progress {
    fn note(&mut self, now_us: u64, dials: &BTreeMap<u64, Dialled>) -> Vec<u64> {
        let new: Vec<_> = dials
            .iter()
            .filter(|(number, dial)| dial.outcome.is_some() && !self.ended.contains_key(number))
            .map(|(number, _)| *number)
            .collect();
        self.ended.extend(new.iter().map(|number| (*number, now_us)));
        new
    }

    /// A slow stream of the same client that stood for as long as this one.
    fn beside(&self, number: u64, dials: &BTreeMap<u64, Dialled>) -> Option<u64> {
        let (dial, ended) = (&dials[&number], self.ended.get(&number).copied().unwrap_or(u64::MAX));
        let is_beside = |other: &Dialled, until: u64| {
            other.dial.mode == Mode::Slow
                && other.dial.bytes >= SLOW
                && other.dial.client == dial.dial.client
                && other.asked_us < dial.asked_us
                && until >= ended
                && !matches!(other.outcome, Some(Outcome::Failed(..)))
        };
        let found = dials.iter().find(|(other, record)| is_beside(record, self.ended.get(other).copied().unwrap_or(u64::MAX)));
        found.map(|(other, _)| *other)
    }

    fn judge(&self, number: u64, dials: &BTreeMap<u64, Dialled>, latency_us: u64) -> Result<(), Violation> {
        let dial = &dials[&number];
        let took = self.ended[&number].saturating_sub(dial.asked_us);
        let is_short = matches!(dial.dial.mode, Mode::Echo | Mode::Source | Mode::Any) && dial.dial.bytes <= SHORT;
        match self.beside(number, dials) {
            Some(slow) if is_short && took > BOUND_US + TURNS * latency_us => {
                Err(Violation::new("B4", format!("dial {number} took {} ms beside the slow dial {slow}", took / 1_000)))
            }
            _ => Ok(()),
        }
    }
}

impl Invariant for Progress {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let hosts = scene.conditions.began.keys().chain(scene.conditions.down.keys()).copied();
        let hosts: Vec<HostId> = hosts.filter(|host| !scene.is_spare(*host)).collect();
        scene.stage.with_dials(|dials| {
            let new = self.note(scene.now_us, dials);
            new.into_iter().try_for_each(|number| {
                let since = dials[&number].asked_us.saturating_sub(2 * SETTLED_US);
                let well = scene.conditions.all_well_since(since, hosts.iter().copied(), None);
                if well { self.judge(number, dials, scene.plan.settings.latency_us) } else { Ok(()) }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Dial;

    fn dialled(mode: Mode, bytes: u32, asked_us: u64, outcome: Option<Outcome>) -> Dialled {
        let dial = Dial { client: HostId(32), agent: 1, mode, bytes, timeout_ms: 5_000 };
        Dialled { outcome, ..Dialled::new(dial, asked_us) }
    }

    #[test]
    fn a_short_stream_that_waits_for_a_slow_one_is_seen() {
        for (slow, ended, violated) in [(500_000, 1_100_001, true), (500_000, 1_000_000, false), (5_000, 1_100_001, false)] {
            let dials = [(1, dialled(Mode::Slow, slow, 0, None)), (2, dialled(Mode::Echo, 100, 100_000, Some(Outcome::Whole)))].into();
            let mut progress = Progress::default();
            assert_eq!(progress.note(ended, &dials), [2]);
            assert_eq!(progress.judge(2, &dials, 0).is_err(), violated, "{slow} {ended}");
            assert_eq!(progress.note(ended, &dials), [0; 0], "it is looked at once");
        }
    }
}
