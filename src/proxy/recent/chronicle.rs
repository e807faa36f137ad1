//! What happened, the newest last: what differs from one look to the next. Pure.

use std::collections::VecDeque;

use warren_raft::{ProxyId, Timestamp};

use super::agents::Moves;
use super::glance::{Glance, Presence};
use super::happening::{Happening, Tone};

/// Events that are kept.
pub(super) const KEPT: usize = 200;

/// What happened since this proxy was started.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    before: Option<Glance>,
    happened: VecDeque<Happening>,
    /// Agents that move still, when their line is the last one.
    moving: Option<Moves>,
}

impl Chronicle {
    /// Looks at how the cluster is now. The first look tells of nothing but itself.
    pub(super) fn look(&mut self, now: Glance, at: Timestamp) {
        match self.before.take() {
            None => self.tell(at, Tone::Neutral, "this proxy was started".to_owned()),
            Some(before) => {
                self.leaders(&before, &now, at);
                self.proxies(&before, &now, at);
                self.own(&before, &now, at);
                self.settings(&before, &now, at);
                self.agents(&before, &now, at);
            }
        }
        self.before = Some(now);
    }

    /// All events, the newest first.
    pub(super) fn happened(&self) -> impl Iterator<Item = &Happening> {
        self.happened.iter().rev()
    }

    fn leaders(&mut self, before: &Glance, now: &Glance, at: Timestamp) {
        match (before.leader, now.leader) {
            (Some(old), None) => self.tell(at, Tone::Bad, format!("no leader: {} led before", named(before, old))),
            (old, Some(new)) if old != Some(new) || before.term != now.term => {
                self.tell(at, Tone::Good, format!("{} leads, term {}", named(now, new), now.term));
            }
            (_, _) => {}
        }
    }

    fn proxies(&mut self, before: &Glance, now: &Glance, at: Timestamp) {
        for (id, (name, presence)) in &now.proxies {
            let was = before.proxies.get(id).map(|(_, presence)| *presence);
            let (tone, text) = match (was, presence) {
                (Some(was), now) if was == *now => continue,
                (None, _) => (Tone::Neutral, format!("proxy `{name}` has joined")),
                (Some(Presence::Draining), Presence::Up) => (Tone::Good, format!("proxy `{name}` takes agents again")),
                (Some(_), Presence::Up) => (Tone::Good, format!("proxy `{name}` is up")),
                (Some(_), Presence::Draining) => (Tone::Warning, format!("proxy `{name}` drains")),
                // Whoever stops in good order has drained before.
                (Some(Presence::Draining), Presence::Down) => (Tone::Warning, format!("proxy `{name}` has stopped")),
                (Some(_), Presence::Down) => (Tone::Bad, format!("proxy `{name}` is down")),
                (Some(_), Presence::Removed) => (Tone::Warning, format!("proxy `{name}` was removed")),
            };
            self.tell(at, tone, text);
        }
        for (name, _) in before.proxies.iter().filter(|(id, _)| !now.proxies.contains_key(id)).map(|(_, proxy)| proxy) {
            self.tell(at, Tone::Neutral, format!("proxy `{name}` has left the cluster"));
        }
    }

    fn own(&mut self, before: &Glance, now: &Glance, at: Timestamp) {
        let (before, now) = (&before.own, &now.own);
        match (before.holds_lease, now.holds_lease) {
            (true, false) => self.tell(at, Tone::Bad, "this proxy has lost its lease: it takes no new traffic".to_owned()),
            (false, true) => self.tell(at, Tone::Good, "this proxy holds its lease".to_owned()),
            (true, true) | (false, false) => {}
        }
        match (before.is_writable, now.is_writable) {
            (true, false) => self.tell(at, Tone::Bad, "the disk of this proxy takes no writes".to_owned()),
            (false, true) => self.tell(at, Tone::Good, "the disk of this proxy takes writes again".to_owned()),
            (true, true) | (false, false) => {}
        }
        match (&before.renewal_failed, &now.renewal_failed) {
            (None, Some(reason)) => self.tell(at, Tone::Warning, format!("the certificate of this proxy was not renewed: {reason}")),
            (Some(_), None) => self.tell(at, Tone::Good, "the certificate of this proxy was renewed".to_owned()),
            (_, _) => {}
        }
        if before.expiring == 0 && now.expiring > 0 {
            let text = format!("{} machines connected here have not renewed their certificates in time", now.expiring);
            self.tell(at, Tone::Warning, text);
        }
    }

    fn settings(&mut self, before: &Glance, now: &Glance, at: Timestamp) {
        if before.strategy != now.strategy {
            let count = match now.strategy.kind {
                warren_raft::StrategyKind::ProxyPeering => format!(", {} tunnels for each agent", now.strategy.agent_connection_count),
                warren_raft::StrategyKind::AgentMesh => String::new(),
            };
            self.tell(at, Tone::Neutral, format!("the strategy is `{}`{count}", now.strategy.kind));
        }
        match (&before.rotation, &now.rotation) {
            (old, Some(phase)) if old.as_ref() != Some(phase) => {
                self.tell(at, Tone::Neutral, format!("the certificate authority is being rotated: {phase}"));
            }
            (Some(_), None) => self.tell(at, Tone::Good, "the rotation of the certificate authority is over".to_owned()),
            (_, _) => {}
        }
    }

    fn agents(&mut self, before: &Glance, now: &Glance, at: Timestamp) {
        let Some(moves) = Moves::between(&before.online, &now.online, at) else { return };
        let before = self.moving.take();
        let grown = before.and_then(|mut before| before.grow(&moves).then_some(before));
        if grown.is_some() {
            self.happened.pop_back();
        }
        let moves = grown.unwrap_or(moves);
        let tone = if moves.is_loss() { Tone::Warning } else { Tone::Neutral };
        self.tell(at, tone, moves.text(now.online.count()));
        self.moving = Some(moves);
    }

    fn tell(&mut self, at: Timestamp, tone: Tone, text: String) {
        self.moving = None;
        if self.happened.len() == KEPT {
            self.happened.pop_front();
        }
        self.happened.push_back(Happening { at, tone, text });
    }
}

fn named(glance: &Glance, id: ProxyId) -> String {
    glance.proxies.get(&id).map_or_else(|| format!("proxy {id}"), |(name, _)| format!("`{name}`"))
}

#[cfg(test)]
mod tests {
    use warren_raft::Strategy;

    use super::super::agents::Online;
    use super::super::glance::Own;
    use super::*;

    fn glance() -> Glance {
        let proxy = |id: u64| (ProxyId(id), (format!("proxy-{id}").parse().expect("a name"), Presence::Up));
        Glance {
            leader: Some(ProxyId(1)),
            term: 3,
            proxies: [1, 2].into_iter().map(proxy).collect(),
            strategy: Strategy::default(),
            online: Online::Counted(0),
            rotation: None,
            own: Own { holds_lease: true, is_writable: true, renewal_failed: None, expiring: 0 },
        }
    }

    /// What is told when the cluster changes by `change`.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Glance), expected: &[(Tone, &str)]) {
        let (mut chronicle, mut now) = (Chronicle::default(), glance());
        chronicle.look(glance(), Timestamp(0));
        change(&mut now);
        chronicle.look(now, Timestamp(1));
        let told: Vec<_> = chronicle.happened().map(|happening| (happening.tone, happening.text.as_str())).collect();
        let (started, told) = told.split_last().expect("the start");
        assert_eq!((started.1, told), ("this proxy was started", expected));
    }

    fn set(glance: &mut Glance, id: u64, presence: Presence) {
        glance.proxies.get_mut(&ProxyId(id)).expect("it is there").1 = presence;
    }

    #[test]
    fn each_change_is_told_once() {
        check(|_| {}, &[]);
        check(|now| now.leader = None, &[(Tone::Bad, "no leader: `proxy-1` led before")]);
        check(|now| (now.leader, now.term) = (Some(ProxyId(2)), 4), &[(Tone::Good, "`proxy-2` leads, term 4")]);
        check(|now| now.term = 4, &[(Tone::Good, "`proxy-1` leads, term 4")]);
        check(|now| set(now, 2, Presence::Down), &[(Tone::Bad, "proxy `proxy-2` is down")]);
        check(|now| set(now, 2, Presence::Draining), &[(Tone::Warning, "proxy `proxy-2` drains")]);
        check(|now| drop(now.proxies.remove(&ProxyId(2))), &[(Tone::Neutral, "proxy `proxy-2` has left the cluster")]);
        check(|now| now.own.holds_lease = false, &[(Tone::Bad, "this proxy has lost its lease: it takes no new traffic")]);
        check(|now| now.own.is_writable = false, &[(Tone::Bad, "the disk of this proxy takes no writes")]);
        check(|now| now.rotation = Some("p".to_owned()), &[(Tone::Neutral, "the certificate authority is being rotated: p")]);
        check(|now| now.own.expiring = 2, &[(Tone::Warning, "2 machines connected here have not renewed their certificates in time")]);
        check(|now| now.online = Online::Counted(5), &[(Tone::Neutral, "5 agents came online; 5 online")]);
    }

    #[test]
    fn what_comes_back_is_told_as_that() {
        let mut chronicle = Chronicle::default();
        for (at, presence) in [Presence::Up, Presence::Draining, Presence::Down, Presence::Up].into_iter().enumerate() {
            let mut now = glance();
            set(&mut now, 2, presence);
            chronicle.look(now, Timestamp(at as u64));
        }
        let told: Vec<_> = chronicle.happened().map(|happening| happening.text.as_str()).collect();
        assert_eq!(told, ["proxy `proxy-2` is up", "proxy `proxy-2` has stopped", "proxy `proxy-2` drains", "this proxy was started"]);
    }

    #[test]
    fn agents_that_come_one_by_one_share_a_line_until_something_else_happens() {
        let mut chronicle = Chronicle::default();
        for count in 0..50 {
            chronicle.look(Glance { online: Online::Counted(count), ..glance() }, Timestamp(count * 100));
        }
        assert_eq!(chronicle.happened().next().map(|last| last.text.as_str()), Some("49 agents came online; 49 online"));
        chronicle.look(Glance { online: Online::Counted(50), leader: None, ..glance() }, Timestamp(5_000));
        let told: Vec<_> = chronicle.happened().map(|happening| happening.text.as_str()).collect();
        let expected = ["1 agent came online; 50 online", "no leader: `proxy-1` led before", "49 agents came online; 49 online"];
        assert_eq!(told[..3], expected);
    }

    #[test]
    fn the_oldest_go() {
        let mut chronicle = Chronicle::default();
        for term in 0..3 * KEPT as u64 {
            chronicle.look(Glance { term, ..glance() }, Timestamp(term));
        }
        assert_eq!(chronicle.happened().count(), KEPT);
    }
}
