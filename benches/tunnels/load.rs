//! Dials that go on while tunnels move.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, anyhow};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use warren::client::{Entrances, Session};
use warren::identity::{CredentialStore, CredentialsHandle};
use warren::net::{Env, dialling_endpoint};
use warren::target::Target;

use super::order::name;
use super::scene::Scene;
use super::shared::monotonic;

/// Between two dials.
const PACE: Duration = Duration::from_millis(20);
/// Dials that wait at the same time.
const AT_ONCE: usize = 1_024;
/// How long a dial may take.
const DIAL: Duration = Duration::from_secs(10);
/// How long the dials take to begin with the first that succeeds.
const BEGIN: Duration = Duration::from_secs(30);

/// Dials of agents by chance, each through a proxy in turn.
pub(crate) struct Load {
    succeeded: Arc<AtomicU64>,
    end: CancellationToken,
    dialler: JoinHandle<anyhow::Result<Vec<Dial>>>,
}

/// A dial that is over.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    /// Whom it was for.
    pub(crate) agent: u64,
    /// When it began and ended, by the clock that all processes share.
    pub(crate) times: (i64, i64),
    /// The code of its failure.
    pub(crate) failure: Option<String>,
}

impl Load {
    /// Dials through the proxies with these indexes until it is stopped.
    pub(crate) fn start(scene: &Scene, indexes: &[usize]) -> anyhow::Result<Self> {
        let addresses = indexes.iter().map(|index| scene.cluster.proxy(*index).public_address().to_string()).collect();
        let (succeeded, end) = (Arc::<AtomicU64>::default(), CancellationToken::new());
        let dialling = Dialling {
            identity: CredentialStore::new(&Env::real().files, scene.client.identity()),
            addresses,
            agents: scene.options.agents,
            succeeded: succeeded.clone(),
            end: end.clone(),
        };
        let dialler = thread::spawn(move || Builder::new_current_thread().enable_all().build()?.block_on(dialling.run()));
        let load = Self { succeeded, end, dialler };
        let begun = Instant::now();
        while load.succeeded.load(Ordering::Relaxed) == 0 {
            if load.dialler.is_finished() || begun.elapsed() > BEGIN {
                let dials = load.stop()?;
                return Err(anyhow!("no dial succeeds before anything has happened: {:?}", causes(dials.iter())));
            }
            thread::sleep(PACE);
        }
        Ok(load)
    }

    /// Stops, and tells of every dial.
    pub(crate) fn stop(self) -> anyhow::Result<Vec<Dial>> {
        self.end.cancel();
        self.dialler.join().map_err(|_| anyhow!("the dialler panicked"))?
    }
}

/// How many dials failed, by cause.
pub(crate) fn causes<'a>(dials: impl Iterator<Item = &'a Dial>) -> BTreeMap<String, usize> {
    let mut causes = BTreeMap::new();
    dials.filter_map(|dial| dial.failure.clone()).for_each(|cause| *causes.entry(cause).or_default() += 1);
    causes
}

struct Dialling {
    identity: CredentialStore,
    addresses: Vec<String>,
    agents: u64,
    succeeded: Arc<AtomicU64>,
    end: CancellationToken,
}

impl Dialling {
    async fn run(self) -> anyhow::Result<Vec<Dial>> {
        let env = Env::real();
        let session = |address: &String| {
            let credentials = CredentialsHandle::new(self.identity.load()?)?;
            let store = self.identity.clone();
            anyhow::Ok(Session::new(env.clone(), dialling_endpoint(&env)?, store, credentials, Entrances::given(vec![address.clone()])))
        };
        let sessions: Vec<_> = self.addresses.iter().map(session).collect::<anyhow::Result<_>>()?;
        let (mut rng, mut running, mut over) = (StdRng::seed_from_u64(7), JoinSet::new(), Vec::new());
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turns = sessions.iter().cycle();
        while !self.end.is_cancelled() {
            tokio::select! {
                _ = pace.tick(), if running.len() < AT_ONCE => {
                    let session = turns.next().context("no proxy to dial through")?.clone();
                    running.spawn(dial(session, rng.random_range(0..self.agents)));
                }
                Some(dialled) = running.join_next() => over.push(self.count(dialled?)),
            }
        }
        while let Some(dialled) = running.join_next().await {
            over.push(self.count(dialled?));
        }
        for session in sessions {
            session.close(Duration::from_millis(200)).await;
        }
        Ok(over)
    }

    fn count(&self, dial: Dial) -> Dial {
        self.succeeded.fetch_add(u64::from(dial.failure.is_none()), Ordering::Relaxed);
        dial
    }
}

/// Dials an agent and exchanges a few bytes with its echo.
async fn dial(session: Session, agent: u64) -> Dial {
    let begun = monotonic();
    let failure = exchange(&session, agent).await.err();
    Dial { agent, times: (begun, monotonic()), failure }
}

async fn exchange(session: &Session, agent: u64) -> Result<(), String> {
    let target: Target = format!("{}/echo", name(agent)).parse().map_err(|_| "not a target".to_owned())?;
    let mut dialled = session.dial(&target, DIAL).await.map_err(|failure| failure.code().as_str().to_owned())?;
    let echoed = async {
        dialled.send.write_all(b"hello").await.ok()?;
        dialled.send.finish().ok()?;
        dialled.recv.read_to_end(64).await.ok()
    };
    match tokio::time::timeout(DIAL, echoed).await {
        Ok(Some(back)) if back == b"hello" => Ok(()),
        Ok(Some(_)) => Err("other bytes came back".to_owned()),
        Ok(None) => Err("reset after it had connected".to_owned()),
        Err(_) => Err("no answer after it had connected".to_owned()),
    }
}
