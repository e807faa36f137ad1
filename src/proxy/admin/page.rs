//! The status page: gathers what it shows, at most once in a second however many look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use warren_raft::{AgentName, ProxyId, Table};

use super::parts::AdminParts;
use super::views;
use crate::http::{Response, StatusCode};
use crate::net::Budget;
use crate::proxy::page::{CONTENT_POLICY, FAVICON, Group, Listed, MAX_GROUPS, MAX_LISTED, MAX_NAMED, Sections, View, document};

/// How long the peers may take to answer.
const ANSWERS: Duration = Duration::from_secs(1);
/// How long what was gathered is shown to everybody who asks.
const FRESH: Duration = Duration::from_secs(1);
/// Up to so many agents are looked at by name to tell who is where.
const FEW: u64 = 200;

/// What was gathered last. Whoever asks meanwhile waits for that.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct PageCache(Arc<Mutex<Option<Gathered>>>);

/// The facts, and when they were gathered.
#[derive(Clone, Debug)]
struct Gathered {
    at: Instant,
    view: Arc<View>,
}

/// The page.
pub(super) async fn show(parts: &AdminParts) -> Response {
    let view = view(parts).await;
    Response::new(StatusCode::OK, "text/html; charset=utf-8", document(&view)).with_policy(CONTENT_POLICY.as_str())
}

/// Its sections, for a page that is open.
pub(super) async fn sections(parts: &AdminParts) -> Response {
    Response::json(&Sections::draw(&*view(parts).await))
}

/// Its sign.
pub(super) fn favicon() -> Response {
    Response::new(StatusCode::OK, "image/svg+xml", FAVICON)
}

async fn view(parts: &AdminParts) -> Arc<View> {
    let mut kept = parts.page.0.lock().await;
    match &*kept {
        Some(gathered) if gathered.at.elapsed() < FRESH => gathered.view.clone(),
        Some(_) | None => {
            let view = Arc::new(gather(parts).await);
            *kept = Some(Gathered { at: Instant::now(), view: view.clone() });
            view
        }
    }
}

async fn gather(parts: &AdminParts) -> View {
    let (status, mut vitals) = tokio::join!(views::status(parts), parts.links.vitals(Budget::new(ANSWERS)));
    vitals.insert(parts.me, parts.lookout.vitals());
    let table = parts.store.table();
    let (groups, further_groups) = groups(&table, status.agents);
    View {
        at: parts.env.wall.now(),
        me: parts.me,
        zones: table.proxies().map(|(id, proxy)| (id, proxy.zone.clone())).collect(),
        vitals,
        groups,
        further_groups,
        listed: listed(&table),
        enrolled: table.agent_count() as u64,
        samples: parts.lookout.samples(),
        happened: parts.lookout.happened(),
        status,
    }
}

/// Agents by where they are, the most first, and how many sets of proxies there are beyond those.
fn groups(table: &Table, online: u64) -> (Vec<Group>, u64) {
    let mut placements: Vec<_> = table.placements().into_iter().collect();
    placements.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let further = placements.len().saturating_sub(MAX_GROUPS) as u64;
    let mut names = if online <= FEW { named(table) } else { BTreeMap::new() };
    let group = |(proxies, agents): (BTreeSet<ProxyId>, u64)| {
        let names = names.remove(&proxies).filter(|names| names.len() <= MAX_NAMED).unwrap_or_default();
        Group { proxies, agents, names }
    };
    (placements.into_iter().take(MAX_GROUPS).map(group).collect(), further)
}

/// The agents of each set of proxies that one has.
fn named(table: &Table) -> BTreeMap<BTreeSet<ProxyId>, Vec<AgentName>> {
    let mut places: BTreeMap<AgentName, BTreeSet<ProxyId>> = BTreeMap::new();
    for (agent, route) in table.routes() {
        places.entry(agent.clone()).or_default().insert(route.proxy);
    }
    let mut named: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (agent, proxies) in places {
        named.entry(proxies).or_default().push(agent);
    }
    named
}

/// Those that are away first, and then by name.
fn listed(table: &Table) -> Vec<Listed> {
    let mut names: Vec<_> = table.agents().map(|(name, _)| (table.routes_of(name).next().is_some(), name)).collect();
    if names.len() > MAX_LISTED {
        names.select_nth_unstable(MAX_LISTED);
        names.truncate(MAX_LISTED);
    }
    names.sort_unstable();
    let listed = names.into_iter().filter_map(|(_, name)| {
        Some(Listed {
            name: name.clone(),
            services: table.agent(name)?.services.iter().map(|service| service.name.to_string()).collect(),
            proxies: table.routes_of(name).filter_map(|route| Some(table.proxy(route.proxy)?.name.clone())).collect(),
            last_seen: table.last_seen(name).map(|seen| seen.at),
        })
    });
    listed.collect()
}
