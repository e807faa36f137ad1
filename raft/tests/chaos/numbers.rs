//! Changes that can be counted: each gives a proxy of its own an epoch. Epochs are numbered without gaps by the table, so that a change that
//! was applied twice leaves a hole, whichever it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use warren_raft::{Accepted, Committed, Epoch, ProposeError, ProxyId};

use crate::group::{Group, begin};
use crate::network::PATIENCE;

/// Most changes of one member.
const PER_MEMBER: u32 = 300;
/// How long one may take: now shorter, now longer than an election.
const DEADLINES: [Duration; 3] = [Duration::from_millis(30), Duration::from_millis(300), Duration::from_secs(4)];
/// How much later than its deadline a caller may be told: nothing, on a simulated clock.
const LATE: Duration = Duration::from_millis(2);

/// The changes of all members.
pub(crate) struct Numbers {
    /// By member, in the order in which they are made.
    phantoms: [Vec<ProxyId>; 3],
    before: Epoch,
    /// What was acknowledged with which epoch.
    acknowledged: BTreeMap<ProxyId, Epoch>,
    unknown: BTreeSet<ProxyId>,
}

impl Numbers {
    pub(crate) async fn prepare(group: &Group) -> Self {
        let mut phantoms: [Vec<ProxyId>; 3] = Default::default();
        for (place, name) in phantoms.iter_mut().zip(["one", "two", "three"]) {
            *place = group.phantoms(PER_MEMBER, name).await;
        }
        let marker = group.phantoms(1, "before").await;
        let store = group.member(0).expect("it runs");
        let committed = store.propose(begin(marker[0]), PATIENCE).await.expect("committed");
        Self { phantoms, before: epoch(&committed), acknowledged: BTreeMap::new(), unknown: BTreeSet::new() }
    }

    /// Makes changes at every member until the storm is over: several wait at once, in their order.
    pub(crate) async fn run(mut self, group: &Group, over: &CancellationToken) -> Self {
        let [one, two, three] = self.phantoms.clone();
        let outcomes = tokio::join!(at(group, over, 0, one), at(group, over, 1, two), at(group, over, 2, three));
        for (phantom, outcome) in [outcomes.0, outcomes.1, outcomes.2].into_iter().flatten() {
            match outcome {
                Ok(committed) => drop(self.acknowledged.insert(phantom, epoch(&committed))),
                Err(ProposeError::NoQuorum(_) | ProposeError::Stopped(_)) => drop(self.unknown.insert(phantom)),
                Err(error) => panic!("proxy {phantom}: {error}"),
            }
        }
        self
    }

    pub(crate) async fn check(&self, group: &Group) {
        let marker = group.phantoms(1, "after").await;
        let store = group.member(1).expect("it runs");
        let after = epoch(&store.propose(begin(marker[0]), PATIENCE).await.expect("committed"));
        let table = store.confirm(PATIENCE).await.expect("confirmed");
        for index in [0, 2] {
            let other = group.member(index).expect("it runs").confirm(PATIENCE).await.expect("confirmed");
            assert_eq!(other, table, "member {index}");
        }
        for (phantom, epoch) in &self.acknowledged {
            assert_eq!(table.epoch(*phantom), Some(*epoch), "proxy {phantom} was acknowledged once");
        }
        let mut epochs = BTreeSet::new();
        for changes in &self.phantoms {
            // What was not acknowledged may be missing, but nothing overtakes what its member proposed before it.
            let applied: Vec<_> = changes.iter().filter_map(|phantom| table.epoch(*phantom)).collect();
            assert!(applied.windows(2).all(|pair| pair[0] < pair[1]), "{applied:?}");
            epochs.extend(applied);
        }
        let expected: BTreeSet<_> = (self.before.0 + 1..after.0).map(Epoch).collect();
        let missing: Vec<_> = expected.symmetric_difference(&epochs).collect();
        assert!(missing.is_empty(), "epochs that are nobody's were given by changes that were applied again: {missing:?}");
        let tried = self.acknowledged.len() + self.unknown.len();
        assert!(self.acknowledged.len() > tried / 4 && !self.unknown.is_empty(), "{self}: the storm was too weak or too strong");
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} changes acknowledged, {} not", self.acknowledged.len(), self.unknown.len())
    }
}

type Outcome = (ProxyId, Result<Committed, ProposeError>);

/// Makes the changes of one member, a few at a time, in their order.
async fn at(group: &Group, over: &CancellationToken, index: u64, phantoms: Vec<ProxyId>) -> Vec<Outcome> {
    let mut waiting = JoinSet::new();
    let mut outcomes = Vec::new();
    for (phantom, number) in phantoms.into_iter().zip(0_usize..) {
        sleep(Duration::from_millis(130)).await;
        while let Some(done) = waiting.try_join_next() {
            outcomes.push(done.expect("no panic"));
        }
        if over.is_cancelled() {
            break;
        }
        let Some(store) = group.member(index) else { continue };
        let deadline = DEADLINES[number % DEADLINES.len()];
        waiting.spawn(async move {
            let asked = Instant::now();
            let outcome = store.propose(begin(phantom), deadline).await;
            assert!(asked.elapsed() <= deadline + LATE, "{:?} instead of {deadline:?}", asked.elapsed());
            (phantom, outcome)
        });
        // It is queued before the next one is made.
        tokio::task::yield_now().await;
    }
    outcomes.extend(waiting.join_all().await);
    outcomes
}

fn epoch(committed: &Committed) -> Epoch {
    match committed.answer {
        Accepted::Epoch(epoch) => epoch,
        Accepted::Done | Accepted::Enrolled { .. } => panic!("a start is answered by an epoch"),
    }
}
