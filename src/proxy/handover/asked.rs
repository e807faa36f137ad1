//! Which tunnels were asked to move, where to, and whom to ask next. Pure.
//!
//! ```text
//!  unasked --a token of the pace--> asked to move --it is there--> done, once the agent retires the tunnel
//!                                     \--not in time--> asked to go elsewhere, at most three times --> asked to leave, wherever to
//! ```
//! It must *never* ask for more at a time than the pace allows, and counts what is on its way to a proxy as there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId, Sequence};

use super::choose::Places;
use super::pace::Pace;

/// How long an agent may take to have the tunnel it was asked for: two handshakes and a commit.
const PATIENCE: Duration = Duration::from_secs(3);
/// To how many proxies an agent is sent before it is to see for itself.
const TRIES: usize = 3;

/// What an agent is asked to do with its tunnel here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Order {
    /// Hold one to this proxy instead.
    Move(ProxyId),
    /// Hold one elsewhere, wherever that is.
    Leave,
}

/// A tunnel that is here and not about to go by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// Whose it is.
    pub(crate) agent: AgentName,
    /// Its number.
    pub(crate) sequence: Sequence,
}

/// At which other proxies agents have a tunnel: looked up only where it matters, as there may be tens of thousands of tunnels here.
pub(crate) type Elsewhere<'a> = &'a dyn Fn(&AgentName) -> Vec<ProxyId>;

/// What was asked of which tunnel.
#[derive(Debug, Default)]
pub(super) struct Asked(BTreeMap<(AgentName, Sequence), Ask>);

#[derive(Debug)]
struct Ask {
    at: Instant,
    targets: Vec<ProxyId>,
    order: Order,
}

impl Ask {
    /// Whether the agent has done its part.
    fn is_done(&self, elsewhere: &[ProxyId]) -> bool {
        match self.order {
            Order::Move(target) => elsewhere.contains(&target),
            Order::Leave => !elsewhere.is_empty(),
        }
    }
}

impl Asked {
    /// Takes note of what is here now, and tells how many of those that were asked have gone.
    pub(super) fn gone(&mut self, held: &[Held]) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        let here: BTreeSet<_> = held.iter().filter(|held| self.is_asked(held)).map(|held| (held.agent.clone(), held.sequence)).collect();
        let before = self.0.len();
        self.0.retain(|key, _| here.contains(key));
        before - self.0.len()
    }

    /// Counts what is on its way as there.
    pub(super) fn promise(&self, held: &[Held], elsewhere: Elsewhere<'_>, places: &mut Places) {
        for (ask, held) in held.iter().filter_map(|held| Some((self.of(held)?, held))) {
            if let Order::Move(target) = ask.order
                && !ask.is_done(&elsewhere(&held.agent))
            {
                places.promise(target);
            }
        }
    }

    /// What to ask of which tunnels now, by their position: all are to go. Beyond what the pace allows it looks at none.
    pub(super) fn next(
        &mut self,
        held: &[Held],
        elsewhere: Elsewhere<'_>,
        places: &mut Places,
        (pace, now): (&mut Pace, Instant),
    ) -> Vec<(usize, Order)> {
        let mut orders = Vec::new();
        for (position, held) in held.iter().enumerate() {
            let asked = self.of(held);
            if asked.is_some_and(|ask| ask.order == Order::Leave || now < ask.at + PATIENCE) {
                continue;
            }
            if !pace.has_one(now) {
                break;
            }
            let others = elsewhere(&held.agent);
            if asked.is_some_and(|ask| ask.is_done(&others)) {
                continue;
            }
            let failed = asked.map(|ask| ask.targets.clone()).unwrap_or_default();
            let target = if failed.len() < TRIES { places.choose(&others, &failed) } else { None };
            let order = match target {
                Some(target) => Order::Move(target),
                // One that has a tunnel elsewhere, or was asked in vain, sees for itself. For any other there is no place.
                None if !others.is_empty() || !failed.is_empty() => Order::Leave,
                None => continue,
            };
            pace.take(1, now);
            self.note(held, order, now);
            orders.push((position, order));
        }
        orders
    }

    /// Notes that a tunnel was asked.
    pub(super) fn note(&mut self, held: &Held, order: Order, now: Instant) {
        let key = (held.agent.clone(), held.sequence);
        let ask = self.0.entry(key).or_insert_with(|| Ask { at: now, targets: Vec::new(), order });
        (ask.at, ask.order) = (now, order);
        if let Order::Move(target) = order {
            ask.targets.push(target);
        }
    }

    /// Whether a tunnel was asked.
    pub(super) fn is_asked(&self, held: &Held) -> bool {
        self.of(held).is_some()
    }

    /// Whether the agent has what it was asked for since so long that it can be taken for one that does not give tunnels back by itself.
    pub(super) fn is_left_behind(&self, held: &Held, elsewhere: Elsewhere<'_>, now: Instant) -> bool {
        self.of(held).is_some_and(|ask| now >= ask.at + PATIENCE && ask.is_done(&elsewhere(&held.agent)))
    }

    /// Forgets those who were asked longer ago than `patience`, so that they can be asked again.
    pub(super) fn forget(&mut self, patience: Duration, now: Instant) {
        self.0.retain(|_, ask| now < ask.at + patience);
    }

    fn of(&self, held: &Held) -> Option<&Ask> {
        self.0.get(&(held.agent.clone(), held.sequence))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::choose::Place;
    use super::*;

    fn held(agent: &str) -> Held {
        Held { agent: agent.parse().expect("a name"), sequence: Sequence(1) }
    }

    /// Tunnels, each with the other proxies at which its agent has one.
    fn tunnels(of: &[(&str, &[u64])]) -> (Vec<Held>, impl Fn(&AgentName) -> Vec<ProxyId> + use<>) {
        let others: BTreeMap<_, Vec<_>> =
            of.iter().map(|(agent, ids)| (held(agent).agent, ids.iter().map(|id| ProxyId(*id)).collect())).collect();
        (of.iter().map(|(agent, _)| held(agent)).collect(), move |agent: &AgentName| others.get(agent).cloned().unwrap_or_default())
    }

    fn places(ids: &[u64]) -> Places {
        ids.iter().map(|id| (ProxyId(*id), Place { zone: String::new(), load: 0 })).collect()
    }

    /// What is asked of these tunnels at once, with these proxies to go to.
    fn orders(asked: &mut Asked, of: &[(&str, &[u64])], to: &[u64], now: Instant) -> Vec<(usize, Order)> {
        let ((held, elsewhere), mut places, mut pace) = (tunnels(of), places(to), Pace::new(1_000, now));
        asked.promise(&held, &elsewhere, &mut places);
        asked.next(&held, &elsewhere, &mut places, (&mut pace, now))
    }

    #[test]
    fn each_is_asked_once_and_goes_where_there_is_room() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        let tunnels: [(&str, &[u64]); 4] = [("a", &[]), ("b", &[2]), ("c", &[2, 3]), ("d", &[])];
        let to = |id| Order::Move(ProxyId(id));
        assert_eq!(orders(&mut asked, &tunnels, &[2, 3], now), [(0, to(2)), (1, to(3)), (2, Order::Leave), (3, to(2))]);
        assert_eq!(orders(&mut asked, &tunnels, &[2, 3], now + Duration::from_secs(1)), []);
        assert_eq!(orders(&mut Asked::default(), &tunnels[..1], &[], now), [], "there is nowhere to go");
    }

    #[test]
    fn who_does_not_get_there_is_sent_elsewhere_and_left_to_itself_in_the_end() {
        let (mut asked, begun) = (Asked::default(), Instant::now());
        let here: [(&str, &[u64]); 1] = [("a", &[])];
        let mut last = Vec::new();
        for round in 0..6_u32 {
            let now = begun + PATIENCE * round;
            last.extend(orders(&mut asked, &here, &[2, 3, 4, 5], now).into_iter().map(|(_, order)| order));
        }
        let moves: BTreeSet<_> = last.iter().filter_map(|order| if let Order::Move(to) = order { Some(*to) } else { None }).collect();
        assert_eq!((last.len(), moves.len(), last[3]), (4, TRIES, Order::Leave), "{last:?}");
    }

    #[test]
    fn who_has_moved_is_done_and_counted_when_it_has_gone() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        assert_eq!(orders(&mut asked, &[("a", &[])], &[2], now), [(0, Order::Move(ProxyId(2)))]);
        assert_eq!(orders(&mut asked, &[("a", &[2])], &[2, 3], now + PATIENCE * 2), []);
        let (moved, elsewhere) = tunnels(&[("a", &[2])]);
        assert!(!asked.is_left_behind(&moved[0], &elsewhere, now) && asked.is_left_behind(&moved[0], &elsewhere, now + PATIENCE));
        assert_eq!((asked.gone(&moved), asked.gone(&[]), asked.gone(&[])), (0, 1, 0));
    }

    #[test]
    fn what_is_on_its_way_counts_as_there() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        let tunnels: [(&str, &[u64]); 4] = [("a0", &[]), ("a1", &[]), ("a2", &[]), ("a3", &[])];
        let first = orders(&mut asked, &tunnels[..2], &[2, 3], now);
        let second = orders(&mut asked, &tunnels, &[2, 3, 4], now);
        assert_eq!(first.iter().chain(&second).filter(|(_, order)| *order == Order::Move(ProxyId(4))).count(), 1, "{first:?} {second:?}");
        assert_eq!(second.len(), 2, "{second:?}");
    }

    #[test]
    fn no_faster_than_the_pace() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        let tunnels: Vec<_> = (0..100).map(|number| held(&format!("a{number}"))).collect();
        let (mut pace, looked) = (Pace::new(20, now), Cell::new(0));
        let elsewhere = |_: &AgentName| {
            looked.set(looked.get() + 1);
            Vec::new()
        };
        assert_eq!(asked.next(&tunnels, &elsewhere, &mut places(&[2]), (&mut pace, now)).len(), 2);
        assert_eq!(asked.next(&tunnels, &elsewhere, &mut places(&[2]), (&mut pace, now + Duration::from_millis(50))).len(), 1);
        assert_eq!(looked.get(), 3, "nobody looks up where the others are");
    }
}
