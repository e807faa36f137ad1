//! Which tunnels an agent ought to hold: what to open, what to retire. Pure.
//!
//! ```text
//!  attempt --met a proxy--> Greeting --> Up <--> Waiting (no quorum)
//!     |  \__ slow: another is       |    |
//!     |      opened beside it       |    +--> Leaving | Moving: counts no more, goes once the wanted ones are up without it
//!     +-- failed                    |    |
//!                                   +----+--> Retiring: out of the way, its streams run on
//! ```
//! A tunnel in any state can fall silent beside that, and then counts no more until it is heard again. It must *never* give up a tunnel before the wanted
//! number is up without it, and *never* want two tunnels to one proxy.

mod choice;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;
use warren_raft::{ProxyId, Sequence, Strategy};

use super::ways::Ways;
use crate::wire::{Member, MemberState};

/// Most tunnels of one agent, whatever the cluster says.
pub(super) const MAX_TUNNELS: usize = Strategy::MAX_TUNNELS;
/// Most tunnels that wait for a quorum at the same time. Without a quorum anywhere each agent holds so many, which must not be a stampede; a minority
/// in which it could get stuck is smaller in a cluster of nine voters, and in a larger one it lies in another zone.
pub(super) const MAX_WAITING: usize = 8;
/// Most tunnels that are tried at the same time.
pub(super) const MAX_ATTEMPTS: usize = 8;
/// How long a handshake may take before another proxy is tried beside: twice as many handshakes in a stampede would only lengthen it.
pub(super) const HANDSHAKE_HEDGE: Duration = Duration::from_millis(700);
/// How long a proxy that has answered may take to commit the route before another one is tried beside: an election fits in.
pub(super) const WELCOME_HEDGE: Duration = Duration::from_secs(3);

/// How a tunnel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The proxy is known, its answer to the hello is awaited.
    Greeting,
    /// Welcomed.
    Up,
    /// Held by a proxy that has no quorum: its route is not in the table, so that a tunnel elsewhere is wanted too.
    Waiting,
    /// Its proxy is going away.
    Leaving,
    /// Its proxy asked for a tunnel to that one instead.
    Moving(ProxyId),
}

/// Whether signs of life come over a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    /// They do.
    Heard,
    /// They have stopped.
    Silent,
}

/// A tunnel to a proxy that has said who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Its number.
    pub(super) sequence: Sequence,
    /// How it stands.
    pub(super) state: State,
    /// Whether it is heard.
    pub(super) hearing: Hearing,
    /// Whether its proxy was known to drain when it asked for the end of this, or since: should it be up again, it drains no more.
    pub(super) drained: bool,
    /// When the proxy answered the handshake.
    pub(super) since: Instant,
    /// The tunnel that counted no more when this one was begun, and may come back.
    pub(super) stands_in_for: Option<Sequence>,
}

/// A tunnel that is being tried: nobody has answered the handshake yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The proxy it is meant for; `None` by the addresses of the configuration.
    pub(super) aim: Option<ProxyId>,
    /// When it was begun.
    pub(super) since: Instant,
    /// See [`Held::stands_in_for`].
    pub(super) stands_in_for: Option<Sequence>,
}

/// What a tunnel is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// It is one of those that are wanted.
    Up,
    /// It will soon be.
    Coming,
    /// Its proxy drains: it serves until the proxy names another one, and nothing is given up for it.
    Lingering,
    /// Another one is wanted.
    Nothing,
}

/// What the agent knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    /// The proxies, as the last one that spoke has told.
    pub(super) proxies: Arc<[Member]>,
    /// How tunnels are to be held; `None` before the first welcome.
    pub(super) strategy: Option<Strategy>,
    /// The tunnels by proxy, without those that are being retired.
    pub(super) tunnels: BTreeMap<ProxyId, Held>,
    /// What is being tried.
    pub(super) attempts: BTreeMap<Sequence, Attempt>,
    /// Tunnels that nobody wants any more.
    pub(super) retiring: BTreeMap<Sequence, Retiring>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make a tunnel to this proxy: call [`Knowledge::begun`].
    Open(Member),
    /// Make a tunnel to any proxy, by an address from the configuration: call [`Knowledge::begun`].
    Enter,
    /// Ask for the end of this tunnel: call [`Knowledge::retire`].
    Retire(ProxyId, Sequence),
}

/// A tunnel that nobody wants any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retiring {
    /// Where it leads.
    pub(super) proxy: ProxyId,
    /// Whether its proxy takes another tunnel yet: until it has withdrawn the route of this one, another would take its place and cut its streams.
    pub(super) route: Route,
}

/// The route of a tunnel that nobody wants any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// It is being withdrawn.
    Stands,
    /// It is withdrawn.
    Withdrawn,
}

/// What is to become of a connection to a proxy that has answered the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// It becomes a tunnel.
    Taken,
    /// There is a tunnel to this proxy already, or none is wanted to it: another draw may find another one.
    Held,
    /// There are enough.
    Enough,
}

impl Knowledge {
    /// How many tunnels there should be.
    pub(super) fn wanted(&self) -> usize {
        let up = self.proxies.iter().filter(|proxy| proxy.is_up()).count();
        self.strategy.map_or(1, |strategy| strategy.wanted(up))
    }

    /// How many tunnels are up, of those that are wanted or more.
    pub(super) fn up(&self, now: Instant) -> usize {
        self.tunnels.iter().filter(|(proxy, held)| self.worth(**proxy, held, now) == Worth::Up).count()
    }

    /// The next step towards the wanted tunnels, or `None` when they are there or on their way.
    pub(super) fn next(&self, ways: &Ways, now: Instant, rng: &mut impl Rng) -> Option<Step> {
        let wanted = self.wanted();
        let opened = (self.held(now) + self.coming(now) < wanted).then(|| self.open(ways, now, rng)).flatten();
        opened.or_else(|| if self.up(now) >= wanted { self.surplus(wanted, now, rng) } else { None })
    }

    /// When something becomes too slow to be waited for alone.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let attempts = self.attempts.values().map(|attempt| attempt.since + HANDSHAKE_HEDGE);
        let greeting = self.tunnels.values().filter(|held| held.state == State::Greeting).map(|held| held.since + WELCOME_HEDGE);
        attempts.chain(greeting).filter(|at| *at > now).min()
    }

    /// How many tunnels wait for a quorum.
    pub(super) fn waiting(&self) -> usize {
        self.tunnels.values().filter(|held| held.state == State::Waiting).count()
    }

    fn worth(&self, proxy: ProxyId, held: &Held, now: Instant) -> Worth {
        let state = self.member(proxy).map(|member| member.state);
        if held.hearing == Hearing::Silent || state == Some(MemberState::Down) {
            return Worth::Nothing;
        }
        match held.state {
            State::Greeting if now >= held.since + WELCOME_HEDGE => Worth::Nothing,
            State::Greeting => Worth::Coming,
            State::Up if state == Some(MemberState::Draining) => Worth::Lingering,
            State::Up => Worth::Up,
            State::Waiting | State::Leaving | State::Moving(_) => Worth::Nothing,
        }
    }

    /// Tunnels that are or will soon be what is wanted.
    fn held(&self, now: Instant) -> usize {
        self.tunnels.iter().filter(|(proxy, held)| self.worth(**proxy, held, now) != Worth::Nothing).count()
    }

    /// Attempts that another one must not be begun for: beside one that is slow there is one more, not many.
    fn coming(&self, now: Instant) -> usize {
        let slow = self.attempts.values().filter(|attempt| now >= attempt.since + HANDSHAKE_HEDGE).count();
        self.attempts.len() - slow.min(1)
    }

    /// Whether no tunnel is there or on its way that new dials could come over.
    fn is_adrift(&self, now: Instant) -> bool {
        let serves = |held: &Held| held.state != State::Leaving && held.hearing == Hearing::Heard;
        self.coming(now) == 0 && !self.tunnels.values().any(serves)
    }

    /// A tunnel that counts no more and may come back.
    fn missed(&self) -> Option<Sequence> {
        let is_missed = |(proxy, held): &(&ProxyId, &Held)| {
            let is_down = self.member(**proxy).is_some_and(|member| member.state == MemberState::Down);
            held.state == State::Waiting || held.hearing == Hearing::Silent || is_down
        };
        self.tunnels.iter().find(is_missed).map(|(_, held)| held.sequence)
    }

    /// Whether a route of this agent to that proxy is being withdrawn.
    fn is_withdrawing(&self, proxy: ProxyId) -> bool {
        self.retiring.values().any(|retiring| retiring.proxy == proxy && retiring.route == Route::Stands)
    }

    /// Whether an address is one at which this proxy answers and no other: dialled again, it would lead nowhere else.
    pub(super) fn is_own(&self, proxy: ProxyId, address: &str) -> bool {
        let mut listing = self.proxies.iter().filter(|member| member.public_addresses.iter().any(|listed| listed == address));
        listing.next().is_some_and(|member| member.id == proxy) && listing.next().is_none()
    }

    /// Whether a proxy is known to drain.
    fn drains(&self, proxy: ProxyId) -> bool {
        self.member(proxy).is_some_and(|member| member.state == MemberState::Draining)
    }

    /// What is known of a proxy.
    pub(super) fn member(&self, proxy: ProxyId) -> Option<&Member> {
        self.proxies.iter().find(|member| member.id == proxy)
    }
}

/// What has happened.
impl Knowledge {
    /// The proxies are these now. What one that drained was giving away, it keeps if it drains no more; what was to move to one that is gone stays.
    pub(super) fn learn(&mut self, proxies: impl Into<Arc<[Member]>>) {
        let proxies = proxies.into();
        let is =
            |proxies: &[Member], id: ProxyId, state: MemberState| proxies.iter().any(|member| member.id == id && member.state == state);
        for (proxy, held) in self.tunnels.iter_mut().filter(|(_, held)| matches!(held.state, State::Leaving | State::Moving(_))) {
            // It may have lost its lease in between, and been down for a while.
            held.drained |= [&self.proxies, &proxies].into_iter().any(|proxies| is(proxies, *proxy, MemberState::Draining));
            if held.drained && is(&proxies, *proxy, MemberState::Up) {
                (held.state, held.drained) = (State::Up, false);
            }
        }
        self.proxies = proxies;
        let aims = self.tunnels.values().filter_map(|held| if let State::Moving(to) = held.state { Some(to) } else { None });
        let gone: Vec<_> = aims.filter(|to| !self.member(*to).is_some_and(Member::is_up)).collect();
        for to in gone {
            self.stop_moving(to);
        }
    }

    /// A tunnel is tried, as [`Knowledge::next`] wanted.
    pub(super) fn begun(&mut self, sequence: Sequence, aim: Option<ProxyId>, now: Instant) {
        let stands_in_for = self.missed();
        self.attempts.insert(sequence, Attempt { aim, since: now, stands_in_for });
    }

    /// A proxy has answered the handshake of an attempt.
    pub(super) fn met(&mut self, sequence: Sequence, proxy: ProxyId, now: Instant) -> Meeting {
        // The same attempt may meet more than one, on different addresses.
        let Some(attempt) = self.attempts.get(&sequence).copied() else { return Meeting::Enough };
        if self.tunnels.contains_key(&proxy) || self.is_withdrawing(proxy) {
            return Meeting::Held;
        }
        let others = self.tunnels.iter().any(|(proxy, held)| self.worth(*proxy, held, now) != Worth::Nothing);
        if others && self.member(proxy).is_some_and(|member| !member.is_up()) {
            return Meeting::Held;
        }
        if self.held(now) >= self.wanted() {
            return Meeting::Enough;
        }
        self.attempts.remove(&sequence);
        let (state, hearing) = (State::Greeting, Hearing::Heard);
        self.tunnels.insert(proxy, Held { sequence, state, hearing, drained: false, since: now, stands_in_for: attempt.stands_in_for });
        Meeting::Taken
    }

    /// The proxy has said how the route stands: [`State::Up`] or [`State::Waiting`]. One that is going away stays so.
    pub(super) fn stands(&mut self, proxy: ProxyId, sequence: Sequence, state: State) {
        if let Some(held) = self.current(proxy, sequence)
            && matches!(held.state, State::Greeting | State::Up | State::Waiting)
        {
            held.state = state;
        }
        let up = self.tunnels.values().filter(|held| held.state == State::Up && held.hearing == Hearing::Heard).count();
        // A tunnel that was to move there is wanted beside it, where all the others do not suffice.
        if up < self.wanted() {
            self.stop_moving(proxy);
        }
    }

    /// The proxy is going away.
    pub(super) fn leaves(&mut self, proxy: ProxyId, sequence: Sequence) {
        let is_draining = self.drains(proxy);
        if let Some(held) = self.current(proxy, sequence) {
            held.drained |= is_draining;
            held.state = State::Leaving;
        }
    }

    /// The proxy goes away no more.
    pub(super) fn stays(&mut self, proxy: ProxyId, sequence: Sequence) {
        if let Some(held) = self.current(proxy, sequence)
            && held.state == State::Leaving
        {
            held.state = State::Up;
        }
    }

    /// The proxy asks for a tunnel to another one instead. It is done if it can be: the other one is up, and not held. Tells whether it is.
    pub(super) fn moves(&mut self, proxy: ProxyId, sequence: Sequence, to: ProxyId) -> Moved {
        let is_draining = self.drains(proxy);
        let is_possible = self.member(to).is_some_and(Member::is_up) && !self.tunnels.contains_key(&to);
        let Some(held) = self.current(proxy, sequence) else { return Moved::Stays };
        let state = match (is_possible, is_draining) {
            (true, _) => State::Moving(to),
            // Somewhere it has to go.
            (false, true) => State::Leaving,
            (false, false) => return Moved::Stays,
        };
        held.drained |= is_draining;
        if held.state != State::Leaving {
            held.state = state;
        }
        Moved::Goes
    }

    /// Whether signs of life come over a tunnel.
    pub(super) fn hears(&mut self, proxy: ProxyId, sequence: Sequence, hearing: Hearing) {
        if let Some(held) = self.current(proxy, sequence) {
            held.hearing = hearing;
        }
    }

    /// A tunnel is being retired, as [`Knowledge::next`] wanted.
    pub(super) fn retire(&mut self, proxy: ProxyId) {
        if let Some(held) = self.tunnels.remove(&proxy) {
            self.retiring.insert(held.sequence, Retiring { proxy, route: Route::Stands });
        }
    }

    /// The route of a tunnel that is being retired is withdrawn.
    pub(super) fn withdrawn(&mut self, sequence: Sequence) {
        if let Some(retiring) = self.retiring.get_mut(&sequence) {
            retiring.route = Route::Withdrawn;
        }
    }

    /// A tunnel is no more, or an attempt was in vain.
    pub(super) fn ended(&mut self, sequence: Sequence) {
        self.retiring.remove(&sequence);
        // One that has greeted and was refused is as much in vain as one that was not reached.
        let ended: Vec<_> = self.tunnels.iter().filter(|(_, held)| held.sequence == sequence).map(|(proxy, _)| *proxy).collect();
        self.tunnels.retain(|_, held| held.sequence != sequence);
        for proxy in ended {
            self.stop_moving(proxy);
        }
        if let Some(Attempt { aim: Some(aim), .. }) = self.attempts.remove(&sequence) {
            self.stop_moving(aim);
        }
    }

    /// What was to move to that proxy does not, unless it has to go anyway.
    fn stop_moving(&mut self, to: ProxyId) {
        let proxies = &self.proxies;
        for (proxy, held) in self.tunnels.iter_mut().filter(|(_, held)| held.state == State::Moving(to)) {
            // One that is down counts for nothing as long as it is.
            let drains = proxies.iter().any(|member| member.id == *proxy && member.state == MemberState::Draining);
            held.state = if drains || held.drained { State::Leaving } else { State::Up };
        }
    }

    fn current(&mut self, proxy: ProxyId, sequence: Sequence) -> Option<&mut Held> {
        self.tunnels.get_mut(&proxy).filter(|held| held.sequence == sequence)
    }
}

/// What becomes of a tunnel that is asked to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// It goes.
    Goes,
    /// It stays where it is: what it was asked for makes no sense here.
    Stays,
}
