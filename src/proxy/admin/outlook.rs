//! What a proxy finds out about the agents' tunnels: from the table, from its peers, and from what agents have told any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId, ProxyName, Strategy, Table};

use super::parts::AdminParts;
use super::problems::AGENTS_STUCK;
use super::views;
use crate::api::{
    AgentCounts, CutOffRow, LaggingAgent, MAX_LAGGING, ObstacleRow, ProxyPlan, ProxyTunnels, Schema, StatusProblem, StrategyPlan,
    StrategyShown, ZonePlan,
};
use crate::net::Budget;
use crate::proxy::strategy::{Arrangement, Gaps, Lagging, Plan, Progress, Settled, Told, progress};
use crate::wire::AgentProgress;
use crate::wire::peer::PeerReport;

/// How long the peers may take to answer.
const ANSWERS: Duration = Duration::from_secs(1);
/// Something in an agent's way is a problem when it has been there for so many seconds: most pass by themselves.
const PROBLEM_SECONDS: u64 = 10;

/// What was found out.
pub(super) struct Outlook<'a> {
    table: &'a Table,
    confirmed: bool,
    settled: Settled,
    reports: BTreeMap<ProxyId, PeerReport>,
    arrangement: Arrangement,
    told: Vec<Told>,
}

impl<'a> Outlook<'a> {
    /// Asks the peers. What the table says may be `confirmed`.
    pub(super) async fn new(parts: &AdminParts, table: &'a Table, confirmed: bool) -> Self {
        let (reports, told) = tokio::join!(views::reports(parts), unsettled(parts));
        Self::from_answers(parts, table, (reports, told), confirmed)
    }

    /// The same from answers that are there.
    pub(super) fn from_answers(
        parts: &AdminParts,
        table: &'a Table,
        (reports, told): (BTreeMap<ProxyId, PeerReport>, Vec<Told>),
        confirmed: bool,
    ) -> Self {
        let settled = *parts.settled.borrow();
        Self { table, confirmed, settled, reports, arrangement: Arrangement::of(table), told }
    }

    /// `strategy show`.
    pub(super) fn shown(&self, strategy: Strategy) -> StrategyShown {
        let wanted = strategy.wanted(self.arrangement.takers.len());
        let progress = self.progress(wanted);
        let offline = (self.table.agent_count() as u64).saturating_sub(self.arrangement.agents());
        let held = self.table.routes_by_proxy();
        let proxies = self.table.proxies().map(|(id, proxy)| ProxyTunnels {
            name: proxy.name.clone(),
            state: views::state(proxy, self.reports.get(&id), self.table.drain(id)),
            tunnels: held.get(&id).copied().unwrap_or_default(),
            connections: self.reports.get(&id).map(|report| report.tunnels),
        });
        StrategyShown {
            schema: Schema,
            strategy: strategy.into(),
            wanted: wanted as u64,
            confirmed: self.confirmed,
            unchanged_since: self.settled.since.into(),
            agents: AgentCounts { converged: progress.converged, moving: progress.moving, stuck: progress.stuck, offline },
            proxies: proxies.collect(),
            lagging: self.named(&progress, wanted),
        }
    }

    /// What a change from `before` would do.
    pub(super) fn planned(&self, before: Strategy, strategy: Strategy) -> StrategyPlan {
        let plan = Plan::new(&self.arrangement, &self.gaps(), strategy);
        let at = |counts: &BTreeMap<ProxyId, u64>, id| counts.get(&id).copied().unwrap_or_default();
        let proxies = self.table.proxies().filter(|(_, proxy)| !proxy.peer_address.is_empty()).map(|(id, proxy)| ProxyPlan {
            name: proxy.name.clone(),
            tunnels_now: at(&plan.now, id),
            tunnels_then: at(&plan.then, id),
            only_then: at(&plan.alone, id),
        });
        let cut_off = plan.cut_off.iter().filter_map(|row| {
            let unreachable = row.beyond.iter().filter_map(|id| self.name(*id)).collect();
            Some(CutOffRow { through: self.name(row.through)?, unreachable, agents_now: row.now, agents_then: row.then })
        });
        let reaches_fewer = |told: &&Lagging| {
            let progress = &told.told.progress;
            !progress.obstacles.is_empty() && told.held < plan.wanted
        };
        let wanted = before.wanted(self.arrangement.takers.len());
        let lagging = self.progress(wanted).lagging;
        StrategyPlan {
            schema: Schema,
            done: false,
            confirmed: self.confirmed,
            wants_yes: plan.cuts_off(),
            strategy: strategy.into(),
            before: before.into(),
            wanted: plan.wanted as u64,
            agents: self.arrangement.agents(),
            opened: plan.opened,
            closed: plan.closed,
            proxies: proxies.collect(),
            zones: plan.zones.iter().map(|(zone, only_then)| ZonePlan { zone: zone.clone(), only_then: *only_then }).collect(),
            cut_off: cut_off.collect(),
            short: lagging.iter().filter(reaches_fewer).take(MAX_LAGGING).map(|lagging| self.row(lagging, wanted)).collect(),
        }
    }

    /// What is wrong while agents do not get the tunnels that they ought to have.
    pub(super) fn problem(&self, strategy: Strategy) -> Option<StatusProblem> {
        let wanted = strategy.wanted(self.arrangement.takers.len());
        let progress = self.progress(wanted);
        let lasting = progress.lagging.iter().filter(|lagging| lagging.is_stuck && lagging.told.seconds >= PROBLEM_SECONDS);
        let stuck = if progress.is_at_rest { progress.stuck } else { lasting.count() as u64 };
        let named = self.named(&progress, wanted);
        let first = named.first().filter(|_| stuck > 0)?;
        let why = first.obstacles.first().map(|obstacle| format!(", {}", obstacle.reason)).unwrap_or_default();
        let agents = if stuck == 1 { "1 agent has".to_owned() } else { format!("{stuck} agents have") };
        Some(StatusProblem {
            code: AGENTS_STUCK.to_owned(),
            message: format!(
                "{agents} not got the tunnels of the strategy {strategy}, such as `{}`: {} of {}{why}",
                first.agent, first.held, first.wanted
            ),
            hint: Some("`warren strategy show` says who and why; they can be reached by the tunnels they have".to_owned()),
        })
    }

    fn progress(&self, wanted: usize) -> Progress {
        progress(&self.arrangement, wanted, self.told.clone(), self.settled.at.elapsed(), |agent| self.places(agent))
    }

    fn places(&self, agent: &AgentName) -> BTreeSet<ProxyId> {
        self.table.routes_of(agent).map(|route| route.proxy).collect()
    }

    /// Between which proxies nothing can be handed on.
    fn gaps(&self) -> Gaps {
        let told = self.reports.iter().map(|(id, report)| (*id, report.unreachable.clone())).collect();
        let up = self.table.proxies().filter(|(_, proxy)| proxy.epoch.is_some() && !proxy.removed).map(|(id, _)| id).collect();
        Gaps::told(&told, &up)
    }

    /// Some of those that lag, those that are stuck first. Of those that no proxy has heard of the table tells.
    fn named(&self, progress: &Progress, wanted: usize) -> Vec<LaggingAgent> {
        let mut rows: Vec<_> = progress.lagging.iter().take(MAX_LAGGING).map(|lagging| self.row(lagging, wanted)).collect();
        let unsettled = progress.moving + progress.stuck;
        let mut missing = MAX_LAGGING.min(usize::try_from(unsettled).unwrap_or(MAX_LAGGING)).saturating_sub(rows.len());
        if missing == 0 {
            return rows;
        }
        let known: BTreeSet<_> = rows.iter().map(|row| row.agent.clone()).collect();
        let mut last = None;
        for (agent, _) in self.table.routes() {
            if missing == 0 {
                break;
            }
            // The routes of an agent come together.
            if last == Some(agent) || known.contains(agent) {
                continue;
            }
            last = Some(agent);
            let places = self.places(agent);
            if !self.arrangement.is_settled(&places, wanted) {
                let (held, seconds) = (places.len() as u64, self.settled.at.elapsed().as_secs());
                let stuck = progress.is_at_rest;
                rows.push(LaggingAgent { agent: agent.clone(), stuck, wanted: wanted as u64, held, seconds, obstacles: Vec::new() });
                missing -= 1;
            }
        }
        rows
    }

    /// The table says what there is and the strategy what is wanted: the agent may not have heard of it yet.
    fn row(&self, lagging: &Lagging, wanted: usize) -> LaggingAgent {
        let AgentProgress { agent, progress, seconds } = &lagging.told;
        let obstacle = |obstacle: &crate::wire::tunnel::Obstacle| ObstacleRow {
            proxy: obstacle.proxy.and_then(|id| self.name(id)),
            reason: obstacle.reason.clone(),
        };
        LaggingAgent {
            agent: agent.clone(),
            stuck: lagging.is_stuck,
            wanted: wanted as u64,
            held: lagging.held as u64,
            seconds: *seconds,
            obstacles: progress.obstacles.iter().map(obstacle).collect(),
        }
    }

    fn name(&self, id: ProxyId) -> Option<ProxyName> {
        self.table.proxy(id).map(|proxy| proxy.name.clone())
    }
}

/// What agents that lack tunnels have told this proxy and its peers. Nobody is asked while the table says that there are none.
pub(super) async fn unsettled(parts: &AdminParts) -> Vec<Told> {
    let is_settled = {
        let table = parts.store.table();
        let arrangement = Arrangement::of(&table);
        let wanted = table.cluster().map(|cluster| cluster.strategy).unwrap_or_default().wanted(arrangement.takers.len());
        arrangement.placements.keys().all(|proxies| arrangement.is_settled(proxies, wanted))
    };
    if is_settled {
        return Vec::new();
    }
    let mut told = parts.links.unsettled(Budget::new(ANSWERS)).await;
    told.extend(parts.tunnels.unsettled(Instant::now()).into_iter().map(|told| (parts.me, told)));
    told
}
