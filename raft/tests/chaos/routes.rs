//! Routes as a register that one member writes and every member reads: a read that is confirmed sees every write that was acknowledged before it
//! was asked, on whichever member, nothing that was not asked for yet, and never less than a read that had ended before.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use warren_raft::{AgentName, Command, Epoch, ProposeError, ProxyId, RoutingStore, Sequence, Table, TokenRole};

use crate::group::{Group, begin};
use crate::network::weather::Random;
use crate::network::{PATIENCE, enroll, token};

const PATIENT: Duration = Duration::from_secs(3);
const HASTY: Duration = Duration::from_millis(200);
/// How much later than its deadline a reader may be told: nothing, on a simulated clock.
const LATE: Duration = Duration::from_millis(2);

/// One agent per member, whose route that member registers and withdraws by turns.
pub(crate) struct Routes {
    routes: [Route; 3],
    reads: AtomicU64,
    failed: AtomicU64,
}

struct Route {
    agent: AgentName,
    owner: ProxyId,
    epoch: Epoch,
    /// The last write that was asked for: odd ones register with a new sequence, even ones withdraw that.
    invoked: AtomicU64,
    /// The last write that is known to be there, by its acknowledgement or by a read.
    known: AtomicU64,
}

impl Routes {
    pub(crate) async fn prepare(group: &Group) -> Self {
        let store = group.member(0).expect("it runs");
        let machines = token(&store, TokenRole::Agent, 3).await;
        let owners = group.phantoms(3, "owner").await;
        let mut routes = Vec::new();
        for (owner, key) in owners.into_iter().zip(10..) {
            let name = format!("agent-{owner}");
            enroll(&store, TokenRole::Agent, machines, &name, key).await;
            store.propose(begin(owner), PATIENCE).await.expect("committed");
            let epoch = store.table().epoch(owner).expect("it has begun");
            let agent = name.parse().expect("a name");
            routes.push(Route { agent, owner, epoch, invoked: AtomicU64::new(0), known: AtomicU64::new(0) });
        }
        let Ok(routes) = routes.try_into() else { unreachable!("three owners") };
        Self { routes, reads: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    pub(crate) async fn run(self, group: &Group, over: &CancellationToken, seed: u64) -> Self {
        let [one, two, three] = &self.routes;
        let reader = |label: u64| self.read(group, over, Random(seed.rotate_left(20) ^ label));
        tokio::join!(
            one.write(group, over, 0),
            two.write(group, over, 1),
            three.write(group, over, 2),
            reader(1),
            reader(2),
            reader(3),
            reader(4)
        );
        self
    }

    pub(crate) fn check(&self) {
        let writes = self.routes.iter().map(|route| route.known.load(Ordering::SeqCst));
        assert!(writes.clone().all(|known| known > 20), "{self}: {:?}", writes.collect::<Vec<_>>());
        assert!(self.reads.load(Ordering::SeqCst) > 200 && self.failed.load(Ordering::SeqCst) > 0, "{self}");
    }

    async fn read(&self, group: &Group, over: &CancellationToken, mut random: Random) {
        while !over.is_cancelled() {
            sleep(random.up_to(Duration::from_millis(150))).await;
            let Some(store) = group.any(&mut random) else { continue };
            let deadline = if random.of_100(30) { HASTY } else { PATIENT };
            let (before, asked) = (self.routes.each_ref().map(|route| route.known.load(Ordering::SeqCst)), Instant::now());
            let confirmed = store.confirm(deadline).await;
            assert!(asked.elapsed() <= deadline + LATE, "{:?} instead of {deadline:?}", asked.elapsed());
            let Ok(table) = confirmed else {
                self.failed.fetch_add(1, Ordering::SeqCst);
                continue;
            };
            self.reads.fetch_add(1, Ordering::SeqCst);
            for (route, before) in self.routes.iter().zip(before) {
                route.seen(&table, before);
            }
        }
    }
}

impl Route {
    /// Writes the next one again and again until it is acknowledged, then the next.
    async fn write(&self, group: &Group, over: &CancellationToken, index: u64) {
        let mut number = 0;
        while !over.is_cancelled() {
            number += 1;
            self.invoked.store(number, Ordering::SeqCst);
            while !over.is_cancelled() {
                let Some(store) = group.member(index) else {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                };
                if self.written(&store, number).await {
                    self.known.fetch_max(number, Ordering::SeqCst);
                    break;
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn written(&self, store: &RoutingStore, number: u64) -> bool {
        let (agent, proxy, epoch, sequence) = (self.agent.clone(), self.owner, self.epoch, Sequence(number.div_ceil(2)));
        let command = if number % 2 == 1 {
            Command::RegisterRoute { agent, proxy, epoch, sequence }
        } else {
            Command::WithdrawRoute { agent, proxy, epoch, sequence }
        };
        match store.propose(command, PATIENT).await {
            Ok(_) => true,
            Err(ProposeError::NoQuorum(_) | ProposeError::Stopped(_)) => {
                sleep(Duration::from_millis(10)).await;
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes note of a read that was asked for when `before` was known.
    fn seen(&self, table: &Table, before: u64) {
        let shown = table.routes_of(&self.agent).find(|route| route.proxy == self.owner).map(|route| route.sequence.0);
        let number = match shown {
            Some(sequence) => sequence * 2 - 1,
            // Withdrawn: by the first withdrawal that it can have been.
            None => before.next_multiple_of(2),
        };
        let invoked = self.invoked.load(Ordering::SeqCst);
        assert!((before..=invoked).contains(&number), "`{}` was seen at {number}, not from {before} to {invoked}: {shown:?}", self.agent);
        self.known.fetch_max(number, Ordering::SeqCst);
    }
}

impl fmt::Display for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [reads, failed] = [&self.reads, &self.failed].map(|count| count.load(Ordering::SeqCst));
        write!(f, "{reads} reads confirmed, {failed} not")
    }
}
