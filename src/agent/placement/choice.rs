//! Which proxy of several: two drawn at random, and of these rather the one with fewer tunnels.
//!
//! Agents often decide at the same moment, by figures that were told to all of them and that none of them changes in time: would all take the better of two, all would take the same
//! one of the few there are. So the chance of the lighter one is a half, and more by as much as the two differ, in terms of what each proxy would hold if all held the same. Where
//! as many tunnels are on the move as that, and nobody hears of the others, a difference turns round but does not grow; where the figures are fresh, it
//! stays at about half of the root of it.

use rand::Rng;
use rand::seq::IteratorRandom;
use tokio::time::Instant;
use warren_raft::{ProxyId, Sequence};

use super::{Held, Knowledge, MAX_ATTEMPTS, MAX_WAITING, State, Step, Worth};
use crate::agent::ways::Ways;
use crate::wire::Member;

/// How much the difference of two proxies counts when a tunnel is opened: as many may be opened at once as a proxy is to hold.
const OPENING: f64 = 1.0;
/// The same when one is retired: what is left are fewer, among which a difference weighs more.
const RETIRING: f64 = 0.5;

impl Knowledge {
    /// The proxy to open a tunnel to, or the way in by the configuration.
    pub(super) fn open(&self, ways: &Ways, now: Instant, rng: &mut impl Rng) -> Option<Step> {
        let is_full = self.attempts.len() >= MAX_ATTEMPTS || self.waiting() >= MAX_WAITING;
        if is_full || ways.is_out_of_breath(now) || (self.waiting() > 0 && ways.is_elsewhere_blocked(now)) {
            return None;
        }
        let free: Vec<_> = self.proxies.iter().filter(|proxy| self.is_free(proxy)).collect();
        let ready = || free.iter().copied().filter(|proxy| !ways.is_blocked(Some(proxy.id), now) && !ways.must_wait_to_draw(proxy, now));
        if let Some(named) = ready().find(|proxy| self.is_move_target(proxy.id)) {
            return Some(Step::Open(named.clone()));
        }
        let is_new = |proxy: &&Member| !self.retiring.values().any(|retiring| retiring.proxy == proxy.id);
        // Another zone than the tunnels it has, where there is one; and rather not where a tunnel runs out.
        let is_elsewhere = |proxy: &&Member| !self.zones(now).any(|zone| zone == proxy.zone);
        let chosen = self
            .rather_lighter(ready().filter(|proxy| is_elsewhere(proxy) && is_new(proxy)), rng)
            .or_else(|| self.rather_lighter(ready().filter(is_new), rng))
            .or_else(|| self.rather_lighter(ready(), rng));
        if let Some(proxy) = chosen {
            return Some(Step::Open(proxy.clone()));
        }
        let is_entering = self.attempts.values().any(|attempt| attempt.aim.is_none());
        let is_needed = || self.is_adrift(now) || free.iter().any(|proxy| ways.is_unreachable(proxy.id));
        (!is_entering && !ways.is_blocked(None, now) && is_needed()).then_some(Step::Enter)
    }

    /// The tunnel to retire, when the wanted number is up.
    pub(super) fn surplus(&self, wanted: usize, now: Instant, rng: &mut impl Rng) -> Option<Step> {
        let retire = |(proxy, held): (ProxyId, &Held)| Step::Retire(proxy, held.sequence);
        let goes = |(proxy, held): &(&ProxyId, &Held)| {
            // A silent one would not hear of it.
            let is_going = matches!(held.state, State::Leaving | State::Moving(_)) || self.worth(**proxy, held, now) == Worth::Lingering;
            is_going && held.hearing == super::Hearing::Heard
        };
        if let Some((proxy, held)) = self.tunnels.iter().find(goes) {
            return Some(retire((*proxy, held)));
        }
        let up: Vec<_> = self.tunnels.iter().filter(|(proxy, held)| self.worth(**proxy, held, now) == Worth::Up).collect();
        if up.len() <= wanted {
            return None;
        }
        // Those go first that were opened in place of one that has come back; then those that share their zone.
        let is_back = |sequence: Option<Sequence>| sequence.is_some_and(|sequence| up.iter().any(|(_, held)| held.sequence == sequence));
        let zone = |proxy: &ProxyId| self.member(*proxy).map(|member| member.zone.as_str());
        let shares = |proxy: &ProxyId| up.iter().filter(|(other, _)| zone(other) == zone(proxy)).count() > 1;
        let mut candidates: Vec<_> = up.iter().filter(|(_, held)| is_back(held.stands_in_for)).copied().collect();
        if candidates.is_empty() {
            candidates = up.iter().filter(|(proxy, _)| shares(proxy)).copied().collect();
        }
        if candidates.is_empty() {
            candidates = up.clone();
        }
        let load = |proxy: &ProxyId| self.member(*proxy).map_or(0, |member| member.tunnels);
        let heavier = match candidates.into_iter().choose_multiple(rng, 2)[..] {
            [one, other] if self.is_rather_lighter((load(one.0), load(other.0)), RETIRING, rng) => Some(other),
            [one, ..] => Some(one),
            [] => None,
        };
        heavier.map(|(proxy, held)| retire((*proxy, held)))
    }

    /// Of two drawn at random rather the one that holds fewer tunnels.
    fn rather_lighter<'a>(&self, proxies: impl Iterator<Item = &'a Member>, rng: &mut impl Rng) -> Option<&'a Member> {
        match proxies.choose_multiple(rng, 2)[..] {
            [one, other] if self.is_rather_lighter((one.tunnels, other.tunnels), OPENING, rng) => Some(one),
            [one] | [_, one] => Some(one),
            _ => None,
        }
    }

    /// Whether the proxy with the first of these loads is taken for the lighter one.
    fn is_rather_lighter(&self, (one, other): (u64, u64), pull: f64, rng: &mut impl Rng) -> bool {
        // What those hold that are gone is on its way to the others.
        let total: u64 = self.proxies.iter().map(|proxy| proxy.tunnels).sum();
        let up = self.proxies.iter().filter(|proxy| proxy.is_up()).count().max(1);
        let mean = (total as f64 / up as f64).max(1.0);
        rng.random::<f64>() < 0.5 + pull * (other as f64 - one as f64) / mean
    }

    /// Whether there is neither a tunnel to the proxy nor an attempt.
    fn is_free(&self, proxy: &Member) -> bool {
        let is_aimed_at = self.attempts.values().any(|attempt| attempt.aim == Some(proxy.id));
        let is_taken = self.tunnels.contains_key(&proxy.id) || self.is_withdrawing(proxy.id);
        proxy.is_up() && !proxy.public_addresses.is_empty() && !is_taken && !is_aimed_at
    }

    fn is_move_target(&self, proxy: ProxyId) -> bool {
        self.tunnels.values().any(|held| held.state == State::Moving(proxy))
    }

    /// The zones of the tunnels that count and of those that are tried.
    fn zones(&self, now: Instant) -> impl Iterator<Item = &str> {
        let counts = move |proxy: &Member| {
            let held = self.tunnels.get(&proxy.id);
            held.is_some_and(|held| matches!(self.worth(proxy.id, held, now), Worth::Up | Worth::Coming))
                || self.attempts.values().any(|attempt| attempt.aim == Some(proxy.id))
        };
        self.proxies.iter().filter(move |proxy| counts(proxy)).map(|proxy| proxy.zone.as_str())
    }
}
