//! What this proxy knows of everybody's certificates, its own included, and what the others say.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use warren_raft::{AgentName, ProxyId, RoutingStore, Table, Timestamp, TokenRole};

use super::connected::Connected;
use super::needs::Needs;
use super::obstacles::{Absentee, Ready, Seen, clients_ready};
use crate::identity::CredentialsHandle;
use crate::net::{Budget, Env};
use crate::proxy::mesh::Links;
use crate::wire::{CertificateReport, LiveCertificates, Machine};

/// How long the peers may take to answer.
const ANSWERS: Duration = Duration::from_secs(1);
/// Most machines that are away and are named.
const MAX_ABSENT: usize = 20;

/// The view of one proxy. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Rotations {
    pub(in crate::proxy) me: ProxyId,
    pub(in crate::proxy) env: Env,
    pub(in crate::proxy) store: RoutingStore,
    pub(in crate::proxy) links: Links,
    pub(in crate::proxy) connected: Connected,
    pub(in crate::proxy) credentials: CredentialsHandle,
    /// How long the certificates live that this proxy issues.
    pub(in crate::proxy) lifetime: Duration,
    /// Why its own was not renewed.
    pub(in crate::proxy) failed: watch::Receiver<Option<String>>,
}

impl Rotations {
    /// What this proxy says of itself and of the machines that are connected to it.
    pub(in crate::proxy) fn mine(&self) -> CertificateReport {
        // Read before the table: that then holds at least this entry.
        let index = self.store.status().applied_index;
        let table = self.store.table();
        let mut report = CertificateReport {
            index,
            own: self.credentials.current().holdings(),
            lifetime_ms: millis(self.lifetime),
            failed: self.failed.borrow().clone(),
            ready: 0,
            clients_ready: Vec::new(),
            lagging: 0,
            laggards: Vec::new(),
            rotation: table.rotation().map(|rotation| (rotation.began_at, rotation.phase)),
        };
        self.connected.report(&table, &mut report);
        report
    }

    /// The certificates in use here.
    pub(in crate::proxy) fn live(&self) -> LiveCertificates {
        let own = self.credentials.current().holdings();
        let me = Machine { role: TokenRole::Proxy, name: self.me.to_string(), serial: own.serial, holds: Some(own) };
        let machines = [me].into_iter().chain(self.connected.machines()).collect();
        LiveCertificates { proxy: self.me, machines }
    }

    /// What every proxy that answers says, this one too.
    pub(in crate::proxy) async fn reports(&self) -> BTreeMap<ProxyId, CertificateReport> {
        let mut reports = self.links.certificates(Budget::new(ANSWERS)).await;
        reports.insert(self.me, self.mine());
        reports
    }

    /// The certificates in use at every proxy that answers.
    pub(in crate::proxy) async fn all_live(&self) -> Vec<LiveCertificates> {
        let mut live = self.links.live_certificates(Budget::new(ANSWERS)).await;
        live.push(self.live());
        live.sort_unstable_by_key(|live| live.proxy);
        live
    }

    /// What there is to know about the rotation that is under way; `None` without one.
    pub(in crate::proxy) async fn look(&self) -> Option<(Seen, BTreeMap<ProxyId, CertificateReport>)> {
        self.store.table().rotation()?;
        let reports = self.reports().await;
        // Later than the reports: what they say of another phase does not count.
        let table = self.store.table();
        let rotation = table.rotation()?;
        let (needs, now) = (Needs::of_proxies(&table), self.env.wall.now());
        let proxies = table.proxies().map(|(id, proxy)| {
            let report = reports.get(&id).cloned().map(|report| {
                let ready = if needs.are_met(&report.own) { Ready::Yes } else { Ready::No };
                (ready, report)
            });
            (proxy.name.to_string(), report)
        });
        let longest = longest(&reports);
        let seen = Seen {
            rotation: (rotation.began_at, rotation.phase),
            phase_at: rotation.phase_at,
            now,
            proxies: proxies.collect(),
            agents_away: agents_away(&table, now, longest).count() as u64,
            clients: table.clients().count() as u64,
            absent: absent(&table, now, &reports),
        };
        Some((seen, reports))
    }
}

/// How long a certificate lives at most, in milliseconds.
fn longest(reports: &BTreeMap<ProxyId, CertificateReport>) -> u64 {
    reports.values().map(|report| report.lifetime_ms).max().unwrap_or_default()
}

/// The agents that have no tunnel and may have a certificate that has not ended: none is issued to one that is away.
fn agents_away(table: &Table, now: Timestamp, longest: u64) -> impl Iterator<Item = &AgentName> {
    let may_live = move |since: Timestamp| since.0.saturating_add(longest) > now.0;
    let away = table.agents().filter(move |(name, agent)| {
        let seen = table.last_seen(name).map_or(agent.enrolled_at, |seen| seen.at.max(agent.enrolled_at));
        table.routes_of(name).next().is_none() && may_live(seen)
    });
    away.map(|(name, _)| name)
}

/// Some of the machines that are away, agents first. A client that is connected and not ready yet lags and is not named here.
fn absent(table: &Table, now: Timestamp, reports: &BTreeMap<ProxyId, CertificateReport>) -> Vec<Absentee> {
    let ready = clients_ready(reports.values());
    let lags = |name: &str| {
        let laggards = || reports.values().flat_map(|report| &report.laggards);
        laggards().any(|machine| machine.role == TokenRole::Client && machine.name == name)
    };
    let agents = agents_away(table, now, longest(reports)).map(|name| (TokenRole::Agent, name.as_str()));
    let clients = table.clients().map(|(name, _)| (TokenRole::Client, name.as_str()));
    let away = agents.chain(clients.filter(|(_, name)| !ready.contains(name) && !lags(name)));
    away.take(MAX_ABSENT).map(|(role, name)| Absentee { role, name: name.to_owned() }).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
