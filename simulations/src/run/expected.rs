//! How a run is, and how it ought to be.

use std::collections::BTreeSet;

use warren_raft::{LeaseState, StrategyKind};

use super::boot::Run;
use crate::cast::Member;
use crate::network::HostId;

/// Whether so many proxies know of each other, vote or learn, and hold their leases.
pub(super) fn proxies_together(run: &Run, count: usize) -> bool {
    let members = run.stage.members();
    members.len() == count && members.values().all(|member| is_settled(member, count))
}

/// Whether a majority of the voters is left when this machine's disk is gone, each with all that it had.
pub(super) fn can_lose(run: &Run, host: HostId) -> bool {
    let members = run.stage.members();
    let latest = members.values().max_by_key(|member| member.store.status().applied_index);
    let Some(status) = latest.map(|member| member.store.status()) else { return false };
    let lost = run.stage.id(host);
    let left = status
        .voters
        .iter()
        .filter(|voter| Some(**voter) != lost)
        .filter(|voter| members.values().any(|member| member.id == **voter))
        .count();
    !status.is_changing && left > status.voters.len() / 2
}

fn is_settled(member: &Member, count: usize) -> bool {
    let held = matches!(*member.store.lease().borrow(), LeaseState::Held(_));
    let known = member.store.table().proxies().filter(|(_, proxy)| proxy.epoch.is_some()).count();
    let status = member.store.status();
    // Of two both vote, else an odd number of at most five does.
    let voters = if count == 2 { 2 } else { (count - usize::from(count.is_multiple_of(2))).min(5) };
    held && known == count && status.leader.is_some() && status.voters.len() == voters && !status.is_changing
}

/// Whether every client can dial and every agent has the tunnels that it should.
pub(super) fn everybody_is_there(run: &Run) -> bool {
    run.plan.topology.client_hosts().all(|client| run.stage.has_client(client)) && agents_have_tunnels(run)
}

/// Whether every agent holds as many tunnels as the strategy says, each to a proxy that knows of it.
pub(super) fn agents_have_tunnels(run: &Run) -> bool {
    let (members, agents) = (run.stage.members(), run.stage.agents());
    let Some(first) = members.values().next() else { return false };
    let table = first.store.table();
    let ready = members.values().filter(|member| matches!(*member.store.lease().borrow(), LeaseState::Held(_))).count();
    let Some(cluster) = table.cluster() else { return false };
    let wanted = match cluster.strategy.kind {
        StrategyKind::AgentMesh => ready,
        StrategyKind::ProxyPeering => ready.min(usize::try_from(cluster.strategy.agent_connection_count).unwrap_or(usize::MAX)),
    };
    agents.len() == run.plan.topology.agents().count() && agents.values().all(|agent| agent.tunnels.len() == wanted)
}

/// Whether everybody runs, is found, and the proxies agree.
pub(super) fn all_is_well(run: &Run) -> bool {
    let all_run = run.world.hosts().all(|host| host.runs() || run.is_spare(host.id));
    let members = run.stage.members();
    let running: BTreeSet<_> = members.values().map(|member| member.id).collect();
    all_run
        && proxies_together(run, run.proxies_running())
        && members.values().all(|member| {
            let status = member.store.status();
            !status.is_changing && status.voters.iter().chain(&status.learners).all(|id| running.contains(id))
        })
        && everybody_is_there(run)
}

/// Whether every dial has ended.
pub(super) fn dials_are_over(run: &Run) -> bool {
    run.stage.with_dials(|dials| {
        dials.values().all(|dial| dial.outcome.is_some() || run.world.host(dial.dial.client).is_none_or(|host| !host.runs()))
    })
}

/// Whether all proxies have applied the same entries.
pub(super) fn same_state(run: &Run) -> bool {
    let applied: BTreeSet<_> = run.stage.members().values().map(|member| member.store.status().applied_index).collect();
    applied.len() == 1
}

/// Whether every proxy knows just the tunnels that agents have.
pub(super) fn no_stale_route(run: &Run) -> bool {
    let held = run.stage.agents().values().map(|agent| agent.tunnels.len()).sum::<usize>();
    run.stage.members().values().all(|member| {
        let table = member.store.table();
        table.agents().map(|(name, _)| table.routes_of(name).count()).sum::<usize>() == held
    })
}

/// How it is, for a person.
pub(super) fn describe(run: &Run) -> String {
    let members = run.stage.members();
    let proxies: Vec<_> = members
        .iter()
        .map(|(host, member)| {
            let (status, lease) = (member.store.status(), *member.store.lease().borrow());
            format!(
                "{}: proxy {} {} of {:?} in term {}, applied {}, voters {:?}, learners {:?}, {lease:?}",
                host.0, member.id, status.state, status.leader, status.term, status.applied_index, status.voters, status.learners
            )
        })
        .collect();
    let down: Vec<_> = run.world.hosts().filter(|host| !host.runs()).map(|host| host.name.clone()).collect();
    let agents: Vec<_> = run.stage.agents().into_iter().map(|(agent, status)| format!("{agent}: {:?}", status.tunnels)).collect();
    let routes: Vec<_> = members
        .values()
        .next()
        .map(|member| {
            let table = member.store.table();
            table
                .agents()
                .map(|(name, _)| format!("{name}: {:?}", table.routes_of(name).map(|route| route.proxy.0).collect::<Vec<_>>()))
                .collect()
        })
        .unwrap_or_default();
    let open: Vec<_> =
        run.stage.with_dials(|dials| dials.iter().filter(|(_, dial)| dial.outcome.is_none()).map(|(number, _)| *number).collect());
    format!("proxies {proxies:?}; not running {down:?}; tunnels of agents {agents:?}; routes {routes:?}; open dials {open:?}")
}
