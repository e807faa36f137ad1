//! Which way of a dial is tried when: the best first, the next beside it if it takes longer than usual or in its place if it fails. Pure.
//!
//! ```text
//!  waiting --(none runs, or the running ones take too long)--> running --> connected: the others are given up
//!     ^                                                          |  \--> missed: the next at once
//!     \---(superseded: the agent prefers another one, once)------/
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::candidates::Place;

/// How long is waited before another agent is tried beside the first, or another way to an agent that is known to be at work.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How often it is looked for a further way when all that are known take longer than usual: an agent that has lost its proxy is elsewhere in a moment.
const LOOK: Duration = Duration::from_millis(100);
/// How often the wait before a further try is doubled at most.
const MAX_DOUBLINGS: u32 = 3;

/// A way: one of the services that are meant, by one of its tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    /// The number of the service among those that are meant.
    pub(super) choice: usize,
    /// Where the tunnel is.
    pub(super) place: Place,
}

/// The ways of one dial.
#[derive(Debug)]
pub(super) struct Race {
    waiting: VecDeque<Way>,
    running: Vec<Running>,
    /// Every way that was ever in it.
    known: Vec<Way>,
    /// Those that were superseded: each is tried a second time at most.
    superseded: Vec<Way>,
    tries: usize,
    /// Tries that were begun beside another.
    beside: u32,
    /// When the next one is tried beside those that run.
    due: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    way: Way,
    since: Instant,
    usual: Duration,
}

/// How a try was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Nothing else runs.
    Alone(Way),
    /// Others still run.
    Beside(Way),
}

impl Race {
    /// One over these ways, the best first, with at most so many tries.
    pub(super) fn new(ways: Vec<Way>, tries: usize) -> Self {
        Self { known: ways.clone(), waiting: ways.into(), running: Vec::new(), superseded: Vec::new(), tries, beside: 0, due: None }
    }

    /// The way to try now, if any. The caller then tells [`begun`](Self::begun).
    pub(super) fn next(&mut self, now: Instant) -> Option<Begin> {
        let alone = self.running.is_empty();
        if self.tries == 0 || !(alone || self.due.is_some_and(|due| due <= now)) {
            return None;
        }
        let way = self.waiting.pop_front()?;
        self.tries -= 1;
        Some(if alone { Begin::Alone(way) } else { Begin::Beside(way) })
    }

    /// A try has begun, whose answer usually takes that long.
    pub(super) fn begun(&mut self, begin: Begin, usual: Duration, now: Instant) {
        let way = match begin {
            Begin::Alone(way) => way,
            Begin::Beside(way) => {
                self.beside += 1;
                way
            }
        };
        self.running.push(Running { way, since: now, usual });
        let is_at_work = self.superseded.iter().any(|known| known.choice == way.choice);
        let is_another = self.waiting.front().is_some_and(|next| next.choice != way.choice);
        let wait = if is_at_work || is_another { usual.max(PATIENCE) } else { usual };
        self.due = Some(now + wait * (1 << self.beside.min(MAX_DOUBLINGS)));
    }

    /// A try came to nothing: the next may begin at once.
    pub(super) fn missed(&mut self, way: Way, now: Instant) {
        self.running.retain(|running| running.way != way);
        self.due = Some(now);
    }

    /// The agent has the same dial by a later way too, and answers there. If that answer is lost, this way is as good as any.
    pub(super) fn superseded(&mut self, way: Way) {
        self.running.retain(|running| running.way != way);
        if !self.superseded.contains(&way) {
            self.superseded.push(way);
            self.waiting.push_back(way);
        }
    }

    /// The answer holds for every way to the same service.
    pub(super) fn settled(&mut self, choice: usize, now: Instant) {
        self.waiting.retain(|way| way.choice != choice);
        self.running.retain(|running| running.way.choice != choice);
        self.due = Some(now);
    }

    /// A further way may have become known. Returns whether it is new.
    pub(super) fn found(&mut self, way: Way, rank: Rank) -> bool {
        let is_known = |known: &Way| known.choice == way.choice && known.place.is_same(way.place);
        if self.known.iter().any(is_known) {
            return false;
        }
        self.known.push(way);
        match rank {
            Rank::First => self.waiting.push_front(way),
            Rank::Last => self.waiting.push_back(way),
        }
        true
    }

    /// No further way has become known.
    pub(super) fn looked(&mut self, now: Instant) {
        self.due = Some(now + LOOK);
    }

    /// When [`next`](Self::next) may have something, or a further way is [wanted](Self::wants_more), if nothing else happens.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.tries > 0 && !self.running.is_empty())
    }

    /// Whether another way would be tried now if one were known: then the caller looks, and tells what it has [found](Self::found) or that it has
    /// [looked](Self::looked) in vain.
    pub(super) fn wants_more(&self, now: Instant) -> bool {
        self.waiting.is_empty() && self.due().is_some_and(|due| due <= now)
    }

    /// The ways that run and have taken longer than is usual.
    pub(super) fn overdue(&self, now: Instant) -> impl Iterator<Item = Way> {
        self.running.iter().filter(move |running| now.saturating_duration_since(running.since) >= running.usual).map(|running| running.way)
    }
}

/// Where a further way is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// Before those that wait: an owner says that the tunnel is there now.
    First,
    /// After them.
    Last,
}

#[cfg(test)]
mod tests {
    use warren_raft::{Epoch, ProxyId, Sequence};

    use super::*;

    const USUAL: Duration = Duration::from_millis(200);

    fn way(choice: usize, proxy: u64) -> Way {
        Way { choice, place: Place { proxy: ProxyId(proxy), tunnel: Some((Epoch(1), Sequence(1))) } }
    }

    /// Begins what may begin now, and says what that was.
    fn begin(race: &mut Race, now: Instant) -> Vec<Begin> {
        let mut all = Vec::new();
        while let Some(begin) = race.next(now) {
            race.begun(begin, USUAL, now);
            all.push(begin);
        }
        all
    }

    #[test]
    fn the_next_way_is_tried_beside_one_that_takes_longer_than_usual_and_less_and_less_often() {
        let (mut race, start) = (Race::new(vec![way(0, 1), way(0, 2), way(0, 3)], 8), Instant::now());
        assert_eq!(begin(&mut race, start), [Begin::Alone(way(0, 1))]);
        assert_eq!(race.due(), Some(start + USUAL));
        assert_eq!(begin(&mut race, start + USUAL / 2), []);
        assert_eq!(race.overdue(start + USUAL / 2).count(), 0);
        let second = start + USUAL;
        assert_eq!(begin(&mut race, second), [Begin::Beside(way(0, 2))]);
        assert_eq!(race.overdue(second).collect::<Vec<_>>(), [way(0, 1)]);
        assert_eq!(race.due(), Some(second + USUAL * 2));
        assert_eq!(begin(&mut race, second + USUAL * 2), [Begin::Beside(way(0, 3))]);
        let third = second + USUAL * 2;
        assert!(!race.wants_more(third));
        let later = race.due().expect("a further one may become known");
        assert!(race.wants_more(later));
        race.looked(later);
        assert!(!race.wants_more(later));
        assert!(race.found(way(0, 4), Rank::Last));
        assert_eq!(begin(&mut race, later + LOOK), [Begin::Beside(way(0, 4))]);
    }

    #[test]
    fn one_that_fails_is_replaced_at_once_and_the_last_is_waited_for() {
        let (mut race, start) = (Race::new(vec![way(0, 1), way(0, 2)], 8), Instant::now());
        begin(&mut race, start);
        race.missed(way(0, 1), start);
        assert_eq!(begin(&mut race, start), [Begin::Alone(way(0, 2))]);
        assert!(!race.wants_more(start));
        race.missed(way(0, 2), start);
        assert_eq!(race.due(), None);
        assert_eq!(begin(&mut race, start), []);
    }

    #[test]
    fn a_superseded_way_waits_for_the_answer_by_the_other_one_and_is_tried_once_more() {
        let (mut race, start) = (Race::new(vec![way(0, 1), way(0, 2)], 8), Instant::now());
        begin(&mut race, start);
        begin(&mut race, start + USUAL);
        race.superseded(way(0, 1));
        assert_eq!(begin(&mut race, start + USUAL), [], "the agent is at work");
        let again = race.due().expect("it is tried once more");
        assert_eq!(begin(&mut race, again), [Begin::Beside(way(0, 1))]);
        race.superseded(way(0, 2));
        race.superseded(way(0, 1));
        assert_eq!(begin(&mut race, again), [Begin::Alone(way(0, 2))]);
        race.missed(way(0, 2), again);
        assert_eq!(begin(&mut race, again), [], "and not for ever");
    }

    #[test]
    fn other_agents_are_tried_later_and_not_after_an_answer_that_holds_for_them() {
        let (mut race, start) = (Race::new(vec![way(0, 1), way(1, 1), way(1, 2)], 8), Instant::now());
        begin(&mut race, start);
        assert_eq!(race.due(), Some(start + PATIENCE));
        race.settled(0, start);
        assert_eq!(begin(&mut race, start), [Begin::Alone(way(1, 1))]);
        race.settled(1, start);
        assert_eq!(begin(&mut race, start), []);
    }

    #[test]
    fn further_ways_are_taken_in_once_and_tries_are_bounded() {
        let (mut race, start) = (Race::new(vec![way(0, 1), way(0, 2)], 3), Instant::now());
        begin(&mut race, start);
        let hinted = Way { choice: 0, place: Place { proxy: ProxyId(3), tunnel: None } };
        race.found(hinted, Rank::First);
        race.found(way(0, 3), Rank::Last);
        race.found(way(0, 1), Rank::Last);
        race.missed(way(0, 1), start);
        assert_eq!(begin(&mut race, start), [Begin::Alone(hinted)]);
        let anew = Way { choice: 0, place: Place { proxy: ProxyId(1), tunnel: Some((Epoch(1), Sequence(2))) } };
        race.found(anew, Rank::Last);
        race.missed(hinted, start);
        assert_eq!(begin(&mut race, start), [Begin::Alone(way(0, 2))]);
        race.missed(way(0, 2), start);
        assert_eq!((begin(&mut race, start), race.tries), (vec![], 0));
    }
}
