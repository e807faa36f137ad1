//! What happens to a datagram on its way. Pure.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::wire::HostId;

/// Names a rule that is in force, so that it can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleId(pub u64);

/// Some of the hosts, as bits: there are never more than 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hosts(pub u64);

impl Hosts {
    /// All of them.
    pub const ALL: Self = Self(u64::MAX);

    /// These.
    pub fn of(hosts: impl IntoIterator<Item = HostId>) -> Self {
        Self(hosts.into_iter().fold(0, |bits, host| bits | 1 << host.0))
    }

    /// All the others.
    #[must_use]
    pub fn others(self) -> Self {
        Self(!self.0)
    }

    /// Whether the host is one of them.
    pub fn contains(self, host: HostId) -> bool {
        self.0 & 1 << host.0 != 0
    }
}

/// What a rule does to a datagram. Shares are of a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Nothing comes through.
    Cut,
    /// So many are lost by chance.
    Loss(u32),
    /// They are lost in bursts: so many begin one, which lasts for this long, in microseconds.
    Bursts {
        /// The share that begins one.
        begin: u32,
        /// How long one lasts, in microseconds.
        lasts_us: u64,
    },
    /// So many arrive twice.
    Doubling(u32),
    /// So many arrive with a wrong byte.
    Corruption(u32),
    /// It takes longer by at least the first and at most both together, in microseconds: datagrams overtake each other.
    Delay {
        /// At least.
        least_us: u64,
        /// At most so much more.
        spread_us: u64,
    },
    /// Datagrams of more bytes than this are lost without a word.
    Hole(u16),
    /// Everything waits, and comes at once when the rule is taken back.
    Hold,
}

/// An effect on the datagrams from some hosts to some others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// From these.
    pub from: Hosts,
    /// To these.
    pub to: Hosts,
    /// What happens.
    pub effect: Effect,
}

/// A rule in force, with what it remembers.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) id: RuleId,
    pub(super) rule: Rule,
    /// Until when a burst lasts, in microseconds.
    burst_until: u64,
}

/// What becomes of one datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is on its way for so long, in microseconds; perhaps twice, perhaps with this byte wrong.
    Travels { after_us: u64, again_after_us: Option<u64>, wrong_byte: Option<usize> },
    /// It waits for that rule to go.
    Waits(RuleId),
    /// It is lost by chance.
    Lost,
    /// It is stopped.
    Cut,
    /// It is too large.
    TooLarge,
}

impl Active {
    pub(super) fn new(id: RuleId, rule: Rule) -> Self {
        Self { id, rule, burst_until: 0 }
    }

    fn applies(&self, from: HostId, to: HostId) -> bool {
        self.rule.from.contains(from) && self.rule.to.contains(to)
    }
}

/// Decides on a datagram of `size` bytes that leaves at `now_us` and takes `base_us` by itself.
pub(super) fn decide(
    rules: &mut [Active],
    (from, to): (HostId, HostId),
    size: usize,
    (now_us, base_us): (u64, u64),
    rng: &mut impl Rng,
) -> Fate {
    let (mut after_us, mut again_after_us, mut wrong_byte, mut waits) = (base_us, None, None, None);
    let by_chance = |share: u32, rng: &mut dyn rand::RngCore| rng.random_range(0..1_000_000) < share;
    for active in rules.iter_mut().filter(|active| active.applies(from, to)) {
        match active.rule.effect {
            Effect::Cut => return Fate::Cut,
            Effect::Loss(share) if by_chance(share, rng) => return Fate::Lost,
            Effect::Bursts { .. } if now_us < active.burst_until => return Fate::Lost,
            Effect::Bursts { begin, lasts_us } if by_chance(begin, rng) => {
                active.burst_until = now_us + lasts_us;
                return Fate::Lost;
            }
            Effect::Hole(most) if size > usize::from(most) => return Fate::TooLarge,
            Effect::Doubling(share) if by_chance(share, rng) => again_after_us = Some(rng.random_range(0..50_000)),
            Effect::Corruption(share) if by_chance(share, rng) => wrong_byte = Some(rng.random_range(0..size.max(1))),
            Effect::Delay { least_us, spread_us } => after_us += least_us + rng.random_range(0..=spread_us),
            Effect::Hold => waits = Some(active.id),
            Effect::Loss(_) | Effect::Bursts { .. } | Effect::Hole(_) | Effect::Doubling(_) | Effect::Corruption(_) => {}
        }
    }
    let again_after_us = again_after_us.map(|later| after_us + later);
    waits.map_or(Fate::Travels { after_us, again_after_us, wrong_byte }, Fate::Waits)
}

/// How long a datagram takes without any rule.
pub(super) fn base(latency: Duration, rng: &mut impl Rng) -> u64 {
    let latency = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    latency + rng.random_range(0..=latency / 4)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn fates(effect: Effect, size: usize) -> Vec<Fate> {
        let rule = Rule { from: Hosts::of([HostId(1)]), to: Hosts::ALL, effect };
        let (mut rules, mut rng) = (vec![Active::new(RuleId(7), rule)], StdRng::seed_from_u64(1));
        (0..1_000).map(|n| decide(&mut rules, (HostId(1), HostId(2)), size, (n * 1_000, 5_000), &mut rng)).collect()
    }

    fn count(fates: &[Fate], is: impl Fn(&Fate) -> bool) -> usize {
        fates.iter().filter(|fate| is(fate)).count()
    }

    #[test]
    fn each_effect_does_what_it_says() {
        assert_eq!(count(&fates(Effect::Cut, 10), |fate| *fate == Fate::Cut), 1_000);
        assert!((60..140).contains(&count(&fates(Effect::Loss(100_000), 10), |fate| *fate == Fate::Lost)));
        let lost = fates(Effect::Bursts { begin: 20_000, lasts_us: 20_000 }, 10);
        let in_a_row = lost.windows(2).filter(|pair| pair[0] == Fate::Lost && pair[1] == Fate::Lost).count();
        assert!(in_a_row * 10 > count(&lost, |fate| *fate == Fate::Lost) * 8, "{in_a_row}");
        assert_eq!(count(&fates(Effect::Hole(1_200), 1_201), |fate| *fate == Fate::TooLarge), 1_000);
        assert_eq!(count(&fates(Effect::Hole(1_200), 1_200), |fate| *fate == Fate::TooLarge), 0);
        assert_eq!(count(&fates(Effect::Hold, 10), |fate| *fate == Fate::Waits(RuleId(7))), 1_000);
        let doubled = fates(Effect::Doubling(500_000), 10);
        assert!(count(&doubled, |fate| matches!(fate, Fate::Travels { again_after_us: Some(_), .. })) > 400);
        let wrong = fates(Effect::Corruption(500_000), 10);
        assert!(count(&wrong, |fate| matches!(fate, Fate::Travels { wrong_byte: Some(0..10), .. })) > 400);
        let late = fates(Effect::Delay { least_us: 1_000, spread_us: 9_000 }, 10);
        assert_eq!(count(&late, |fate| matches!(fate, Fate::Travels { after_us: 6_000..=15_000, .. })), 1_000);
    }

    #[test]
    fn a_rule_is_about_its_hosts_only() {
        let rule = Rule { from: Hosts::of([HostId(1)]), to: Hosts::of([HostId(2)]), effect: Effect::Cut };
        let (mut rules, mut rng) = (vec![Active::new(RuleId(1), rule)], StdRng::seed_from_u64(1));
        let mut fate = |from, to| decide(&mut rules, (HostId(from), HostId(to)), 10, (0, 5_000), &mut rng);
        assert_eq!(fate(1, 2), Fate::Cut);
        assert_ne!(fate(2, 1), Fate::Cut);
        assert_ne!(fate(1, 3), Fate::Cut);
        assert!(!Hosts::of([HostId(3)]).others().contains(HostId(3)));
    }
}
