//! What is shown of the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use warren_raft::table::Counts;
use warren_raft::{Drain, IngressRule, LeaseState, Proxy, ProxyId, ProxyName, RoutingStore, StoreStatus, Table};

use super::outlook::{self, Outlook};
use super::parts::AdminParts;
use super::{certificates, disks, problems, skew, ways_in};
use crate::api::{
    AgentRow, AgentsView, DrainRow, IngressRow, LastSeen, ProxyRole, ProxyRow, ProxyState, RaftState, RaftView, RouteRow, RoutesView,
    Schema, ServiceRow, StatusView,
};
use crate::net::Budget;
use crate::proxy::disk_report::disk_report;
use crate::proxy::handover::Phase;
use crate::wire::CertificateReport;
use crate::wire::peer::{DiskFault, PeerReport};

/// Most agents among which it is looked who was online last.
const MAX_LOOKED_AT: usize = 10_000;
/// How long the peers may take to say how they are.
const REPORTS: Duration = Duration::from_secs(1);

/// `status`: the verdict, and a line per proxy.
pub(super) async fn status(parts: &AdminParts) -> StatusView {
    let (reports, told, certificates) = tokio::join!(reports(parts), outlook::unsettled(parts), parts.rotations.reports());
    let (table, store) = (parts.store.table(), parts.store.status());
    let counts = table.counts();
    let seen = Seen { table: &table, store: &store, counts: &counts, reports: &reports, certificates: &certificates };
    let mut proxies: Vec<_> = table.proxies().map(|(id, proxy)| seen.row(parts, id, proxy)).collect();
    note_joining(&mut proxies, store.voters.len(), |fit| parts.store.seats(fit));
    // A proxy whose disk takes no writes serves what it knows, and has no vote to give.
    let votes = |id: &ProxyId| reports.get(id).is_none_or(|report| report.disk.is_none());
    // One without a lease has answered, and votes: without a leader that is all of them.
    let runs = |row: &ProxyRow| !matches!(row.state, ProxyState::Down);
    let is_up = |id: &ProxyId| votes(id) && proxies.iter().any(|row| row.id == *id && runs(row));
    let is_full = |id: &ProxyId| reports.get(id).and_then(|report| report.disk.as_ref()).is_some_and(|disk| disk.fault == DiskFault::Full);
    let voters_full = store.voters.iter().filter(|id| is_full(id)).count() as u64;
    let (voters, voters_up) = (store.voters.len() as u64, store.voters.iter().filter(|id| is_up(id)).count() as u64);
    // Such a proxy does not hear who leads either.
    let has_leader = store.leader.is_some_and(|id| table.proxy(id).is_some()) || (!votes(&parts.me) && voters_up > voters / 2);
    let leader = note_leader(&mut proxies, store.leader, voters_up > voters / 2);
    // What a proxy that is to leave lacks is no problem; that it has not left yet is.
    let is_removed = |row: &&ProxyRow| table.proxy(row.id).is_some_and(|proxy| proxy.removed);
    let (removed, staying): (Vec<_>, Vec<_>) = proxies.iter().partition(is_removed);
    let mut problems = disks::problems(&table, &reports);
    let name = table.proxy(parts.me).map(|proxy| proxy.name.to_string()).unwrap_or_default();
    if reports.get(&parts.me).is_some_and(|report| report.disk.is_none()) {
        problems.extend(disks::low(&name, &parts.data_dir, parts.env.files.free_bytes(&parts.data_dir)));
    }
    problems.extend(problems::problems(staying, has_leader, problems::Voters { all: voters, up: voters_up, full: voters_full }));
    problems.extend(removed.into_iter().map(problems::removed));
    problems.extend(skew::skewed(&proxies));
    problems.extend(ways_in::waiting(parts.listening.asking_nobody(), table.level(), &proxies));
    problems.extend(problems::refused_enrollments(parts.guard.recent()));
    problems.extend(parts.reloads.failed().map(problems::not_reloaded));
    problems.extend(certificates::problems(
        &table,
        &certificates,
        (parts.env.wall.now(), parts.rotations.connected.expiring(parts.env.wall.now())),
    ));
    let strategy = table.cluster().map(|cluster| cluster.strategy).unwrap_or_default();
    problems.extend(Outlook::from_answers(parts, &table, (reports.clone(), told), false).problem(strategy));
    StatusView {
        schema: Schema,
        cluster: table.cluster().map(|cluster| cluster.name.clone()).unwrap_or_default(),
        healthy: problems::is_healthy(&problems),
        leader,
        term: store.term,
        committed_index: store.committed_index,
        voters,
        voters_up,
        tolerates: voters_up.saturating_sub(voters / 2 + 1),
        feature_level: table.level().0,
        agents: counts.agents_online,
        agents_offline: (table.agent_count() as u64).saturating_sub(counts.agents_online),
        last_offline: last_offline(&table),
        routes: counts.routes,
        strategy: strategy.into(),
        proxies,
        problems,
    }
}

/// The agent that went away last, where there are not too many to look at all of them.
fn last_offline(table: &Table) -> Option<LastSeen> {
    if table.agent_count() > MAX_LOOKED_AT {
        return None;
    }
    let offline = table.agents().map(|(name, _)| name).filter(|name| table.routes_of(name).next().is_none());
    let (seen, name) = offline.filter_map(|name| Some((table.last_seen(name)?.at, name))).max()?;
    Some(LastSeen { name: name.clone(), last_seen: seen.into() })
}

/// Marks the leader among the proxies. Whoever this proxy has heard of last leads nobody while it is down or without a quorum.
fn note_leader(proxies: &mut [ProxyRow], last: Option<ProxyId>, has_quorum: bool) -> Option<ProxyName> {
    let leads = |row: &&mut ProxyRow| has_quorum && last == Some(row.id) && row.state != ProxyState::Down;
    let leader = proxies.iter_mut().find(leads)?;
    leader.leader = true;
    Some(leader.name.clone())
}

/// Has those be joining that are up, and will get a vote: whoever looks a moment after they have come is to know that nothing is missing.
fn note_joining(proxies: &mut [ProxyRow], voters: usize, seats: impl Fn(usize) -> usize) {
    let is_new = |row: &ProxyRow| row.role == ProxyRole::Learner && row.state == ProxyState::Healthy;
    let wanted = seats(voters + proxies.iter().filter(|row| is_new(row)).count());
    let mut free = wanted.saturating_sub(voters);
    // Of more than there are seats for anybody's guess is as good.
    for row in proxies.iter_mut().filter(|row| is_new(row)) {
        row.joining = free > 0;
        free = free.saturating_sub(1);
    }
}

/// What is known of the proxies.
struct Seen<'a> {
    table: &'a Table,
    store: &'a StoreStatus,
    counts: &'a Counts,
    reports: &'a BTreeMap<ProxyId, PeerReport>,
    certificates: &'a BTreeMap<ProxyId, CertificateReport>,
}

impl Seen<'_> {
    fn row(&self, parts: &AdminParts, id: ProxyId, proxy: &Proxy) -> ProxyRow {
        let report = self.reports.get(&id);
        ProxyRow {
            id,
            name: proxy.name.clone(),
            peer_address: proxy.peer_address.clone(),
            public_addresses: proxy.public_addresses.clone(),
            role: if self.store.voters.contains(&id) { ProxyRole::Voter } else { ProxyRole::Learner },
            joining: false,
            leader: false,
            state: state(proxy, report, self.table.drain(id)),
            epoch: proxy.epoch.map(|epoch| epoch.0),
            rtt_ms: parts.links.rtt(id).map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1e3),
            lag_entries: report.map(|report| self.store.committed_index.saturating_sub(report.applied_index)),
            agents: self.counts.routes_by_proxy.get(&id).copied().unwrap_or_default(),
            streams: report.map(|report| report.streams),
            version: proxy.version.clone(),
            feature_level: Some(proxy.level.0).filter(|level| *level > 0),
            tunnels: report.map(|report| report.tunnels),
            drain: drain(report, self.table.drain(id)),
            ingress: self.table.ingress(id).iter().map(ingress).collect(),
            certificate: self.certificates.get(&id).map(|report| certificates::of_proxy(report, parts.env.wall.now())),
        }
    }
}

fn ingress(rule: &IngressRule) -> IngressRow {
    IngressRow {
        kind: rule.kind.to_string(),
        listen: rule.listen.clone(),
        authentication: rule.admits.to_string(),
        reach: rule.reach.iter().map(ToString::to_string).collect(),
    }
}

/// How every proxy that answers is, this one too.
pub(super) async fn reports(parts: &AdminParts) -> BTreeMap<ProxyId, PeerReport> {
    let mut reports = parts.links.reports(Budget::new(REPORTS)).await;
    reports.insert(parts.me, mine(parts, &parts.store.status()));
    reports
}

fn mine(parts: &AdminParts, store: &StoreStatus) -> PeerReport {
    PeerReport {
        applied_index: store.applied_index,
        streams: parts.metrics.streams().running(),
        isolated: *parts.store.lease().borrow() == LeaseState::Lost,
        draining: parts.drain.is_on(),
        disk: disk_report(&parts.store),
        tunnels: u64::try_from(parts.tunnels.all().len()).unwrap_or(u64::MAX),
        cut_streams: parts.drain.cut_streams(),
        unreachable: parts.links.unreachable(),
        drained: parts.drain.phase() == Phase::Drained,
        leaving: parts.drain.is_leaving(),
    }
}

/// How far its drain is.
fn drain(report: Option<&PeerReport>, mark: Option<Drain>) -> Option<DrainRow> {
    // What drains without either has not heard yet that its order was taken back.
    let is_on = mark.is_some() || report.is_some_and(|report| report.leaving);
    is_on.then(|| DrainRow {
        ordered: mark == Some(Drain::Ordered),
        // It may not have heard of it yet.
        done: report.is_some_and(|report| report.draining && report.drained),
        cut_streams: report.map(|report| report.cut_streams),
    })
}

/// What a proxy says of itself, or what the table does when it says nothing.
pub(super) fn state(proxy: &Proxy, report: Option<&PeerReport>, drain: Option<Drain>) -> ProxyState {
    match report {
        None => ProxyState::Down,
        // It is about to end, whatever else is the matter with it.
        Some(report) if report.leaving && drain != Some(Drain::Ordered) => ProxyState::Draining,
        Some(report) if report.isolated || proxy.epoch.is_none() => ProxyState::Isolated,
        Some(report) if report.draining || drain.is_some() => ProxyState::Draining,
        Some(_) => ProxyState::Healthy,
    }
}

/// `agents ls`.
pub(super) fn agents(table: &Table) -> AgentsView {
    let agents = table.agents().map(|(name, agent)| {
        let proxies: Vec<_> = table.routes_of(name).filter_map(|route| table.proxy(route.proxy)).map(|proxy| proxy.name.clone()).collect();
        let services = agent.services.iter().map(|service| ServiceRow {
            name: service.name.clone(),
            target: service.target.clone(),
            kind: service.kind.to_string(),
        });
        AgentRow {
            name: name.clone(),
            online: !proxies.is_empty(),
            services: services.collect(),
            proxies,
            last_seen: table.last_seen(name).map(|seen| seen.at.into()),
            version: agent.version.clone(),
            allow: table.publishing(name).map(|publishing| publishing.allow.clone()),
        }
    });
    let mut agents: Vec<_> = agents.collect();
    // The table has another order.
    agents.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    AgentsView { schema: Schema, agents }
}

/// `routes ls`.
pub(super) fn routes(store: &RoutingStore) -> RoutesView {
    // Read before the table: the table then holds at least this entry.
    let applied_index = store.status().applied_index;
    let table = store.table();
    let routes = table.routes().filter_map(|(agent, route)| {
        Some(RouteRow {
            agent: agent.clone(),
            proxy: table.proxy(route.proxy)?.name.clone(),
            epoch: route.epoch,
            sequence: route.sequence,
            since: route.since.into(),
        })
    });
    let mut routes: Vec<_> = routes.collect();
    // Stable: those of one agent are ordered by proxy.
    routes.sort_by(|a, b| a.agent.cmp(&b.agent));
    RoutesView { schema: Schema, applied_index, routes }
}

/// `raft status`.
pub(super) fn raft(store: &RoutingStore) -> RaftView {
    let (status, table, known) = (store.status(), store.table(), store.known_level());
    RaftView {
        schema: Schema,
        id: status.id,
        state: match status.state {
            "leader" => RaftState::Leader,
            "follower" => RaftState::Follower,
            "candidate" => RaftState::Candidate,
            "learner" => RaftState::Learner,
            _ => RaftState::Shutdown,
        },
        term: status.term,
        last_log_index: status.last_log_index,
        committed_index: status.committed_index,
        applied_index: status.applied_index,
        snapshot_index: (status.snapshot_index > 0).then_some(status.snapshot_index),
        voters: status.voters,
        learners: status.learners,
        feature_level: table.level().0,
        known_feature_level: known.0,
        held_back_by: table.holding_back(known).map(|(_, proxy)| proxy.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use warren_raft::Epoch;

    use super::*;

    #[test]
    fn who_came_a_moment_ago_is_joining_while_a_seat_is_free() {
        let check = |learners: &[ProxyState], seats: usize, expected: &[bool]| {
            let row = |state: &ProxyState| {
                let row = crate::api::tests::status().proxies.remove(0);
                ProxyRow { role: ProxyRole::Learner, leader: false, state: *state, ..row }
            };
            let mut rows: Vec<_> = learners.iter().map(row).collect();
            note_joining(&mut rows, 1, |fit| fit.min(seats));
            assert_eq!(rows.iter().map(|row| row.joining).collect::<Vec<_>>(), expected, "{learners:?}");
        };
        check(&[ProxyState::Healthy, ProxyState::Healthy], 3, &[true, true]);
        check(&[ProxyState::Down, ProxyState::Healthy], 3, &[false, true]);
        check(&[ProxyState::Healthy, ProxyState::Healthy], 1, &[false, false]);
    }

    #[test]
    fn who_is_down_or_has_no_quorum_leads_nobody() {
        let table = [
            (Some(ProxyId(1)), true, ProxyState::Healthy, true),
            (Some(ProxyId(1)), true, ProxyState::Draining, true),
            // It has just been elected.
            (Some(ProxyId(1)), true, ProxyState::Isolated, true),
            (Some(ProxyId(1)), true, ProxyState::Down, false),
            (Some(ProxyId(1)), false, ProxyState::Healthy, false),
            (Some(ProxyId(9)), true, ProxyState::Healthy, false),
            (None, true, ProxyState::Healthy, false),
        ];
        for (last, has_quorum, state, leads) in table {
            let row = ProxyRow { id: ProxyId(1), leader: false, state, ..crate::api::tests::status().proxies.remove(0) };
            let mut rows = [row];
            let leader = note_leader(&mut rows, last, has_quorum);
            assert_eq!((leader.is_some(), rows[0].leader), (leads, leads), "{last:?} {has_quorum} {state}");
        }
    }

    /// Whether the order is an operator's, by what the proxy says of itself (that it drains, that it is about to stop) and by what the table says.
    #[test]
    fn only_what_is_about_to_stop_is_said_to_be() {
        let leaving = Some(Drain::Leaving(Epoch(3)));
        let table = [
            ((false, false), None, None),
            ((true, true), None, Some(false)),
            ((true, true), leaving, Some(false)),
            ((true, false), Some(Drain::Ordered), Some(true)),
            ((true, true), Some(Drain::Ordered), Some(true)),
            ((false, false), Some(Drain::Ordered), Some(true)),
            // It was resumed and has not heard of it.
            ((true, false), None, None),
        ];
        for ((draining, leaving), mark, ordered) in table {
            let report = PeerReport { draining, leaving, ..PeerReport::default() };
            assert_eq!(drain(Some(&report), mark).map(|row| row.ordered), ordered, "{report:?} {mark:?}");
        }
    }
}
