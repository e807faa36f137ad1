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
pub(super) struct Held {
    /// Whose it is.
    pub(super) agent: AgentName,
    /// Its number.
    pub(super) sequence: Sequence,
    /// At which other proxies the agent has a tunnel.
    pub(super) elsewhere: Vec<ProxyId>,
}

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
    fn is_done(&self, held: &Held) -> bool {
        match self.order {
            Order::Move(target) => held.elsewhere.contains(&target),
            Order::Leave => !held.elsewhere.is_empty(),
        }
    }
}

impl Asked {
    /// Takes note of what is here now, and tells how many of those that were asked have gone.
    pub(super) fn gone(&mut self, held: &[Held]) -> usize {
        let here: BTreeSet<_> = held.iter().map(|held| (&held.agent, held.sequence)).collect();
        let before = self.0.len();
        self.0.retain(|(agent, sequence), _| here.contains(&(agent, *sequence)));
        before - self.0.len()
    }

    /// Counts what is on its way as there.
    pub(super) fn promise(&self, held: &[Held], places: &mut Places) {
        for (ask, held) in held.iter().filter_map(|held| Some((self.of(held)?, held))) {
            if let Order::Move(target) = ask.order
                && !ask.is_done(held)
            {
                places.promise(target);
            }
        }
    }

    /// What to ask of which tunnels now, by their position: all are to go.
    pub(super) fn next(&mut self, held: &[Held], places: &mut Places, (pace, now): (&mut Pace, Instant)) -> Vec<(usize, Order)> {
        let mut orders = Vec::new();
        for (position, held) in held.iter().enumerate() {
            let failed = match self.of(held) {
                None => Vec::new(),
                Some(ask) if ask.is_done(held) || ask.order == Order::Leave || now < ask.at + PATIENCE => continue,
                Some(ask) => ask.targets.clone(),
            };
            let target = if failed.len() < TRIES { places.choose(&held.elsewhere, &failed) } else { None };
            let order = match target {
                Some(target) => Order::Move(target),
                // One that has a tunnel elsewhere, or was asked in vain, sees for itself. For any other there is no place.
                None if !held.elsewhere.is_empty() || !failed.is_empty() => Order::Leave,
                None => continue,
            };
            if pace.take(1, now) == 0 {
                break;
            }
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
    pub(super) fn is_left_behind(&self, held: &Held, now: Instant) -> bool {
        self.of(held).is_some_and(|ask| ask.is_done(held) && now >= ask.at + PATIENCE)
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
    use super::super::choose::Place;
    use super::*;

    fn held(agent: &str, elsewhere: &[u64]) -> Held {
        let elsewhere = elsewhere.iter().map(|id| ProxyId(*id)).collect();
        Held { agent: agent.parse().expect("a name"), sequence: Sequence(1), elsewhere }
    }

    fn places(ids: &[u64]) -> Places {
        ids.iter().map(|id| (ProxyId(*id), Place { zone: String::new(), load: 0 })).collect()
    }

    /// What is asked of these tunnels at once, with these proxies to go to.
    fn orders(asked: &mut Asked, tunnels: &[Held], to: &[u64], now: Instant) -> Vec<(usize, Order)> {
        let (mut places, mut pace) = (places(to), Pace::new(1_000, now));
        asked.promise(tunnels, &mut places);
        asked.next(tunnels, &mut places, (&mut pace, now))
    }

    #[test]
    fn each_is_asked_once_and_goes_where_there_is_room() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        let tunnels = [held("a", &[]), held("b", &[2]), held("c", &[2, 3]), held("d", &[])];
        let to = |id| Order::Move(ProxyId(id));
        assert_eq!(orders(&mut asked, &tunnels, &[2, 3], now), [(0, to(2)), (1, to(3)), (2, Order::Leave), (3, to(2))]);
        assert_eq!(orders(&mut asked, &tunnels, &[2, 3], now + Duration::from_secs(1)), []);
        assert_eq!(orders(&mut Asked::default(), &tunnels[..1], &[], now), [], "there is nowhere to go");
    }

    #[test]
    fn who_does_not_get_there_is_sent_elsewhere_and_left_to_itself_in_the_end() {
        let (mut asked, begun) = (Asked::default(), Instant::now());
        let here = [held("a", &[])];
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
        assert_eq!(orders(&mut asked, &[held("a", &[])], &[2], now), [(0, Order::Move(ProxyId(2)))]);
        let moved = [held("a", &[2])];
        assert_eq!(orders(&mut asked, &moved, &[2, 3], now + PATIENCE * 2), []);
        assert!(!asked.is_left_behind(&moved[0], now) && asked.is_left_behind(&moved[0], now + PATIENCE));
        assert_eq!((asked.gone(&moved), asked.gone(&[]), asked.gone(&[])), (0, 1, 0));
    }

    #[test]
    fn what_is_on_its_way_counts_as_there() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        let tunnels: Vec<_> = (0..4).map(|number| held(&format!("a{number}"), &[])).collect();
        let first = orders(&mut asked, &tunnels[..2], &[2, 3], now);
        let second = orders(&mut asked, &tunnels, &[2, 3, 4], now);
        assert_eq!(first.iter().chain(&second).filter(|(_, order)| *order == Order::Move(ProxyId(4))).count(), 1, "{first:?} {second:?}");
        assert_eq!(second.len(), 2, "{second:?}");
    }

    #[test]
    fn no_faster_than_the_pace() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        let tunnels: Vec<_> = (0..100).map(|number| held(&format!("a{number}"), &[])).collect();
        let mut pace = Pace::new(20, now);
        assert_eq!(asked.next(&tunnels, &mut places(&[2]), (&mut pace, now)).len(), 2);
        assert_eq!(asked.next(&tunnels, &mut places(&[2]), (&mut pace, now + Duration::from_millis(50))).len(), 1);
    }
}
