//! Agents that come and go, told together. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use warren_raft::{AgentName, Timestamp};

/// Up to so many agents are told apart by name; of more it is only counted how many there are.
pub(super) const NAMED: u64 = 512;
/// So many names stand in a line at most.
const SHOWN: usize = 3;
/// What comes within this time of the first is told together with it.
const TOGETHER: Duration = Duration::from_secs(10);

/// The agents that are online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Online {
    /// So few that each is known.
    Named(BTreeSet<AgentName>),
    /// So many.
    Counted(u64),
}

/// A change that still grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    since: Timestamp,
    came: Crowd,
    left: Crowd,
}

/// Agents that did the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Crowd {
    count: u64,
    names: BTreeSet<AgentName>,
}

impl Online {
    /// How many.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Named(names) => names.len() as u64,
            Self::Counted(count) => *count,
        }
    }
}

impl Moves {
    /// What has changed between two looks; `None` when nothing has.
    pub(super) fn between(before: &Online, after: &Online, at: Timestamp) -> Option<Self> {
        let (came, left) = match (before, after) {
            (Online::Named(before), Online::Named(after)) => (Crowd::of(after.difference(before)), Crowd::of(before.difference(after))),
            (before, after) => {
                let (before, after) = (before.count(), after.count());
                (Crowd::counted(after.saturating_sub(before)), Crowd::counted(before.saturating_sub(after)))
            }
        };
        (came.count + left.count > 0).then_some(Self { since: at, came, left })
    }

    /// Takes in what came later, if it belongs to it.
    pub(super) fn grow(&mut self, later: &Self) -> bool {
        let is_together = later.since.0.saturating_sub(self.since.0) <= u64::try_from(TOGETHER.as_millis()).unwrap_or(u64::MAX);
        if is_together {
            self.came.add(&later.came);
            self.left.add(&later.left);
        }
        is_together
    }

    /// Whether more left than came.
    pub(super) fn is_loss(&self) -> bool {
        self.left.count > self.came.count
    }

    /// The line, where so many are online now.
    pub(super) fn text(&self, online: u64) -> String {
        let parts = [(&self.came, "came online"), (&self.left, "went away")];
        let told: Vec<_> = parts.into_iter().filter(|(crowd, _)| crowd.count > 0).map(|(crowd, did)| crowd.text(did)).collect();
        format!("{}; {online} online", told.join(", "))
    }
}

impl Crowd {
    fn of<'a>(names: impl Iterator<Item = &'a AgentName>) -> Self {
        let names: BTreeSet<_> = names.cloned().collect();
        Self { count: names.len() as u64, names }
    }

    fn counted(count: u64) -> Self {
        Self { count, names: BTreeSet::new() }
    }

    /// One that comes, goes and comes again counts each time, and is named once.
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        let room = (SHOWN + 1).saturating_sub(self.names.len());
        self.names.extend(other.names.iter().take(room).cloned());
    }

    fn text(&self, did: &str) -> String {
        if self.names.is_empty() || self.names.len() > SHOWN {
            return format!("{} {} {did}", self.count, if self.count == 1 { "agent" } else { "agents" });
        }
        let names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
        format!("{} {} {did}", if names.len() == 1 { "agent" } else { "agents" }, names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Online {
        Online::Named(names.iter().map(|name| name.parse().expect("a name")).collect())
    }

    #[test]
    fn few_are_named_and_many_counted() {
        let table = [
            (named(&[]), named(&["a"]), Some("agent `a` came online; 1 online")),
            (named(&["a", "b"]), named(&["b", "c"]), Some("agent `c` came online, agent `a` went away; 2 online")),
            (named(&[]), named(&["a", "b", "c", "d"]), Some("4 agents came online; 4 online")),
            (Online::Counted(900), Online::Counted(1_000), Some("100 agents came online; 1000 online")),
            (Online::Counted(600), named(&["a"]), Some("599 agents went away; 1 online")),
            (named(&["a"]), named(&["a"]), None),
            (Online::Counted(7), Online::Counted(7), None),
        ];
        for (before, after, expected) in table {
            let moves = Moves::between(&before, &after, Timestamp(0));
            assert_eq!(moves.map(|moves| moves.text(after.count())).as_deref(), expected);
        }
    }

    #[test]
    fn what_comes_together_is_told_together_and_no_longer() {
        let empty = named(&[]);
        let mut moves = Moves::between(&empty, &named(&["a"]), Timestamp(1_000)).expect("a change");
        let later = |at| Moves::between(&empty, &named(&["b"]), Timestamp(at)).expect("a change");
        assert!(moves.grow(&later(11_000)));
        assert_eq!(moves.text(2), "agents `a`, `b` came online; 2 online");
        assert!(!moves.grow(&later(11_001)), "the time begins with the first");
        for _ in 0..100 {
            assert!(moves.grow(&Moves::between(&empty, &Online::Counted(10), Timestamp(2_000)).expect("a change")));
        }
        assert_eq!((moves.came.count, moves.came.names.len()), (1_002, 2));
    }
}
