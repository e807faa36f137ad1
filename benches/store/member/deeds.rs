//! What a member does on an order.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, timeout};
use warren::identity::Token;
use warren::identity::fingerprint::fingerprint;
use warren::net::{Budget, Env};
use warren::proxy::RunningProxy;
use warren_raft::command::NewToken;
use warren_raft::{Command, Epoch, LeaseState, ProxyId, Timestamp, TokenRole};

use super::work::{self, Registering};
use crate::order::{Answer, Order};
use crate::population;
use crate::shared::{monotonic, nanos, say};

/// How long one proposal, one question, or the arrival of one route may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a large table may take to arrive.
const LONG: Duration = Duration::from_secs(300);
/// Between two announcements, so that none rides on the next one's messages.
const PAUSE: Duration = Duration::from_millis(2);

/// A running member.
pub(super) struct Member {
    proxy: RunningProxy,
    /// The sequence of the next registration.
    sequence: u64,
}

impl Member {
    pub(super) fn new(proxy: RunningProxy) -> Self {
        Self { proxy, sequence: 1 }
    }

    /// Stops in good order.
    pub(super) async fn stop(self) {
        self.proxy.stop().await;
    }

    /// Does what it is told.
    pub(super) async fn obey(&mut self, order: Order) -> anyhow::Result<Answer> {
        match order {
            Order::Admit { token } => self.admit(&token).await,
            Order::Enrol { from, to } => self.enrol(from, to).await,
            Order::Register { from, to } => self.register(from, to).await,
            Order::Withdraw { from, to } => self.withdraw(from, to).await,
            Order::Commit { first, writers, millis } => self.commit(first, writers, Duration::from_millis(millis)).await,
            Order::Announce { agent, count } => self.announce(agent, count).await,
            Order::Observe { agent, proxy, count } => self.observe(agent, ProxyId(proxy), count).await,
            Order::Ask { peer, count } => self.ask(ProxyId(peer), count).await,
            Order::LookUp { agents, threads, millis } => {
                work::look_up(self.proxy.store(), agents, threads, Duration::from_millis(millis)).await
            }
            Order::Await { agents, routes, voters } => self.await_all(agents, routes, voters).await,
            Order::State => self.state(),
        }
    }

    fn place(&self) -> anyhow::Result<(ProxyId, Epoch)> {
        match *self.proxy.store().lease().borrow() {
            LeaseState::Held(epoch) => Ok((self.proxy.id(), epoch)),
            LeaseState::Lost => anyhow::bail!("the lease is lost"),
        }
    }

    async fn admit(&self, path: &Path) -> anyhow::Result<Answer> {
        let (table, env) = (self.proxy.table(), Env::real());
        let cluster = table.cluster().context("there is no cluster")?;
        let token = Token::generate(&fingerprint(&cluster.ca_certificate), &env.entropy.split("bench tokens"));
        let expires_at = Timestamp(env.wall.now().0 + 600_000);
        let (id, secret, role, name) = (token.id(), token.secret_hash(), TokenRole::Proxy, "*".parse()?);
        let new = NewToken { id, secret, role, name, allow: Vec::new(), expires_at, uses: 1 };
        self.proxy.store().propose(Command::CreateToken(new), PATIENCE).await?;
        std::fs::write(path, token.reveal().as_bytes())?;
        Ok(Answer::Done)
    }

    async fn enrol(&self, from: u64, to: u64) -> anyhow::Result<Answer> {
        for token in population::tokens(from, to)? {
            self.proxy.store().propose(token, PATIENCE).await?;
        }
        work::propose_all(self.proxy.store(), from..to, |number| Ok(population::enrolment(number))).await
    }

    async fn register(&mut self, from: u64, to: u64) -> anyhow::Result<Answer> {
        let (place, sequence) = (self.place()?, self.sequence);
        self.sequence += 1;
        work::propose_all(self.proxy.store(), from..to, move |number| population::registration(number, place, sequence)).await
    }

    /// Withdraws what was registered last.
    async fn withdraw(&mut self, from: u64, to: u64) -> anyhow::Result<Answer> {
        let (place, sequence) = (self.place()?, self.sequence - 1);
        work::propose_all(self.proxy.store(), from..to, move |number| population::withdrawal(number, place, sequence)).await
    }

    async fn commit(&mut self, first: u64, writers: u64, turn: Duration) -> anyhow::Result<Answer> {
        let registering = Registering { place: self.place()?, sequence: self.sequence, until: Instant::now() + turn };
        let (answer, last) = work::register_until(self.proxy.store(), first..first + writers, registering).await?;
        self.sequence = last + 1;
        Ok(answer)
    }

    async fn announce(&mut self, agent: u64, count: u64) -> anyhow::Result<Answer> {
        let (place, mut of) = (self.place()?, Vec::new());
        for _ in 0..count {
            let command = population::registration(agent, place, self.sequence)?;
            self.proxy.store().propose(command, PATIENCE).await?;
            of.push((self.sequence, monotonic()));
            self.sequence += 1;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Answer::Times { of })
    }

    /// Sees the last of `count` new routes, or gives up.
    async fn observe(&self, agent: u64, proxy: ProxyId, count: u64) -> anyhow::Result<Answer> {
        let (store, agent) = (self.proxy.store(), population::name(agent)?);
        let newest = || store.table().routes_of(&agent).find(|route| route.proxy == proxy).map_or(0, |route| route.sequence.0);
        let (mut applied, mut of, mut last) = (store.applied(), Vec::new(), newest());
        // Sequences count registrations of all kinds, so the first of these may be any number beyond the last one seen.
        say(Ok(Answer::Watching))?;
        let mut first = None;
        while first.is_none_or(|first| last + 1 < first + count) {
            timeout(PATIENCE, applied.changed()).await.with_context(|| format!("a route was never seen, only {of:?}"))??;
            let sequence = newest();
            if sequence > last {
                of.push((sequence, monotonic()));
                first.get_or_insert(sequence);
                last = sequence;
            }
        }
        Ok(Answer::Times { of })
    }

    async fn ask(&self, peer: ProxyId, count: u64) -> anyhow::Result<Answer> {
        let mut all = Vec::new();
        for _ in 0..count {
            let round_trip = self.proxy.round_trip(peer, Budget::new(PATIENCE)).await.context("the peer does not answer")?;
            all.push(nanos(round_trip));
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Answer::RoundTrips { nanos: all })
    }

    async fn await_all(&self, agents: usize, routes: usize, voters: usize) -> anyhow::Result<Answer> {
        let store = self.proxy.store();
        let mut applied = store.applied();
        let arrived = async {
            loop {
                let (table, status) = (store.table(), store.status());
                // What a member says of the group may be a moment younger than the entry that made it so.
                if table.agents().count() >= agents && table.routes().count() >= routes && status.voters.len() >= voters {
                    return anyhow::Ok(());
                }
                drop(table);
                if let Ok(changed) = timeout(PAUSE * 10, applied.changed()).await {
                    changed?;
                }
            }
        };
        timeout(LONG, arrived).await.context("the table does not arrive")??;
        Ok(Answer::Done)
    }

    fn state(&self) -> anyhow::Result<Answer> {
        let (table, status) = (self.proxy.table(), self.proxy.store().status());
        let routes = u64::try_from(table.routes().count())?;
        ensure!(status.applied_index > 0, "it has applied nothing");
        let live_bytes = table.stored_bytes();
        let leads = status.leader == Some(self.proxy.id());
        let public = self.proxy.public_addr()?.to_string();
        let (log, snapshot, kept) = (status.last_log_index, status.snapshot_index, self.proxy.store().usage().log_entries);
        Ok(Answer::State { public, leads, routes, log, kept, snapshot, live_bytes })
    }
}
