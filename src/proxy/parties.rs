//! Whose streams run over a tunnel. Pure but for its lock.
//!
//! A client may use all streams of an agent, by way of several proxies too, but for the last few: with those others still get in, be it somebody who wants to see what is going on there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use warren_raft::ClientName;

use crate::limits::crowd::Crowd;
use crate::wire::DialHeader;

/// Which part of all streams is for those that do not hold half of them already.
const FOR_OTHERS: u64 = 32;

/// Who has dialled: a client, or all who came in by one door of a proxy and have shown nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Party {
    client: ClientName,
    door: Option<u16>,
}

impl Party {
    /// Who dials with this header.
    pub(super) fn of(header: &DialHeader) -> Self {
        Self { client: header.client.clone(), door: header.entered.as_ref().map(|entered| entered.rule) }
    }
}

/// The streams of each party.
#[derive(Debug, Default)]
pub(super) struct Parties(Mutex<Crowd<Party>>);

impl Parties {
    /// How many streams there are.
    pub(super) fn streams(&self) -> u64 {
        self.lock().all() as u64
    }

    /// A further stream of `party`, where there may be `most`.
    ///
    /// # Errors
    /// How many this party finds to be all that there may be.
    pub(super) fn enter(&self, party: &Party, most: u64) -> Result<(), u64> {
        let mut crowd = self.lock();
        let holds_half = crowd.of(party) as u64 * 2 >= most;
        let most = if holds_half { most - most / FOR_OTHERS } else { most };
        if crowd.all() as u64 >= most {
            return Err(most);
        }
        crowd.enter(party.clone());
        Ok(())
    }

    /// A stream of `party` has ended.
    pub(super) fn leave(&self, party: &Party) {
        self.lock().leave(party);
    }

    fn lock(&self) -> MutexGuard<'_, Crowd<Party>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str, door: Option<u16>) -> Party {
        Party { client: name.parse().expect("a name"), door }
    }

    /// How many more get in, of at most so many.
    fn fill(parties: &Parties, party: &Party, most: u64) -> usize {
        (0..most).take_while(|_| parties.enter(party, most).is_ok()).count()
    }

    #[test]
    fn one_leaves_a_few_to_the_others() {
        let (parties, greedy, other) = (Parties::default(), party("greedy", None), party("other", None));
        assert_eq!(fill(&parties, &greedy, 64), 62);
        assert_eq!(parties.enter(&greedy, 64), Err(62));
        assert_eq!(fill(&parties, &other, 64), 2, "the last few are for others");
        assert_eq!(parties.enter(&other, 64), Err(64));
        parties.leave(&greedy);
        assert_eq!(parties.enter(&greedy, 64), Err(62), "which are not its own when one of its has ended");
        assert_eq!(fill(&parties, &party("greedy", Some(0)), 64), 1, "whoever comes in by a door is another one");
        assert_eq!(parties.streams(), 64);
    }

    #[test]
    fn nobody_is_held_back_where_there_are_few_or_all_have_their_share() {
        let parties = Parties::default();
        assert_eq!(fill(&parties, &party("alone", None), 31), 31, "a small limit is nobody's in part");
        let parties = Parties::default();
        let all: usize = ["a", "b", "c"].map(|name| (0..30).filter(|_| parties.enter(&party(name, None), 64).is_ok()).count()).iter().sum();
        assert_eq!(all, 64);
        let parties = Parties::default();
        assert_eq!(parties.enter(&party("a", None), 0), Err(0));
    }
}
