//! Which proxy of several: two drawn at random, and of these the better one, so that agents that decide at the same moment by the same figures spread.

use rand::Rng;
use rand::seq::IteratorRandom;
use tokio::time::Instant;
use warren_raft::{ProxyId, Sequence};

use super::{Held, Knowledge, MAX_ATTEMPTS, MAX_WAITING, State, Step, Worth};
use crate::agent::ways::Ways;
use crate::wire::Member;

impl Knowledge {
    /// The proxy to open a tunnel to, or the way in by the configuration.
    pub(super) fn open(&self, ways: &Ways, now: Instant, rng: &mut impl Rng) -> Option<Step> {
        if self.attempts.len() >= MAX_ATTEMPTS || self.waiting() >= MAX_WAITING || (self.waiting() > 0 && ways.is_elsewhere_blocked(now)) {
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
        let chosen = less_loaded(ready().filter(|proxy| is_elsewhere(proxy) && is_new(proxy)), rng)
            .or_else(|| less_loaded(ready().filter(is_new), rng))
            .or_else(|| less_loaded(ready(), rng));
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
        let two = candidates.into_iter().choose_multiple(rng, 2);
        two.into_iter().max_by_key(|(proxy, held)| (load(proxy), held.sequence)).map(|(proxy, held)| retire((*proxy, held)))
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

/// Of two drawn at random the one that holds fewer tunnels.
fn less_loaded<'a>(proxies: impl Iterator<Item = &'a Member>, rng: &mut impl Rng) -> Option<&'a Member> {
    // Equal ones must not always be told apart by their order.
    let mut two = proxies.choose_multiple(rng, 2);
    if rng.random() {
        two.reverse();
    }
    two.into_iter().min_by_key(|proxy| proxy.tunnels)
}
