//! What must hold in every state, and what must come to pass in some.

use std::collections::BTreeSet;

use stateright::Property;
use warren_raft::{Command, ProxyId, Route, Table};

use super::setup::{agent, proxy_id};
use super::state::{Standing, State, Tunnel};
use super::{Fault, Registration};

type Holds = fn(&Registration, &State) -> bool;

/// All of them.
pub(super) fn all() -> Vec<Property<Registration>> {
    let always: [(&'static str, Holds); 6] = [
        ("G4: what is late removes nothing that is newer", |_, state| !state.rest.robbed && acknowledged_is_there(state)),
        ("G6: one route per agent and proxy, of its present epoch", |_, state| one_route_each(state)),
        ("routable means committed", |_, state| welcome_is_committed(state)),
        ("no route without its tunnel", |_, state| no_ghost(state)),
        ("no route that no agent asked for", |_, state| no_phantom(state)),
        ("T4: at most one hop between proxies", |model, state| dials_end(model, state)),
    ];
    let sometimes: [(&'static str, Holds); 6] = [
        ("an agent is welcome", |_, state| welcome(state).next().is_some()),
        ("an agent has two routes", |model, state| (0..model.agents).any(|number| state.table.routes_of(&agent(number)).count() == 2)),
        ("the end of an epoch is late", |_, state| a_late_end(state)),
        ("a crash leaves a valid route", |_, state| {
            state.rest.crashes > 0 && state.table.routes().any(|(_, route)| is_down(state, route.proxy))
        }),
        ("a dial needs a hop", |model, state| (0..model.proxies).any(|at| walk(state, at, 0, None).is_some_and(|path| path.len() == 2))),
        ("an answer is unknown and its tunnel over", |_, state| an_unknown_end(state)),
    ];
    let always = always.map(|(name, holds)| Property::always(name, holds));
    always.into_iter().chain(sometimes.map(|(name, holds)| Property::sometimes(name, holds))).collect()
}

/// Whether each route that a command has ended was its to end.
pub(super) fn each_loss_has_its_reason(before: &Table, after: &Table, command: &Command) -> bool {
    let lost = before.routes().filter(|(agent, route)| !after.routes_of(agent).any(|kept| kept == *route));
    lost.into_iter().all(|(lost_of, route)| {
        let here = (lost_of, route.proxy);
        if let Command::WithdrawRoute { agent, proxy, epoch, sequence } = command {
            return (agent, *proxy) == here && (*epoch, *sequence) == (route.epoch, route.sequence);
        }
        if let Command::RegisterRoute { agent, proxy, sequence, .. } = command {
            return (agent, *proxy) == here && *sequence > route.sequence;
        }
        if let Command::ExpireProxy { proxy, epoch } = command {
            return (*proxy, *epoch) == (route.proxy, route.epoch);
        }
        matches!(command, Command::StartProxy(start) if start.proxy == route.proxy)
    })
}

/// Tunnels whose agents were told that dials may come, in the epoch that their proxy holds and the table grants.
fn welcome(state: &State) -> impl Iterator<Item = Tunnel> {
    let proxies = state
        .rest
        .proxies
        .iter()
        .enumerate()
        .filter(|(place, proxy)| proxy.lease.is_some() && proxy.lease == state.table.epoch(proxy_id(*place)));
    proxies.flat_map(|(_, proxy)| {
        let in_epoch = |standing: &Standing| matches!(standing, Standing::Welcome(epoch) if Some(*epoch) == proxy.lease);
        proxy.tunnels.iter().filter(move |(_, standing)| in_epoch(standing)).map(|(tunnel, _)| *tunnel)
    })
}

fn is_route_of(route: &Route, tunnel: Tunnel) -> bool {
    (route.proxy, route.sequence) == (proxy_id(tunnel.proxy), tunnel.sequence)
}

/// An acknowledged registration is in the table for as long as its tunnel lives, or until its epoch is over.
fn acknowledged_is_there(state: &State) -> bool {
    let is_there = |tunnel: Tunnel| state.table.routes_of(&agent(tunnel.agent)).any(|route| is_route_of(route, tunnel));
    // A fault that welcomes too early is another property's.
    let committed = |tunnel: Tunnel| {
        state
            .rest
            .registered
            .iter()
            .any(|(registered, epoch)| *registered == tunnel && Some(*epoch) == state.rest.proxies[tunnel.proxy].lease)
    };
    welcome(state).all(|tunnel| !committed(tunnel) || is_there(tunnel))
}

fn one_route_each(state: &State) -> bool {
    let routes: Vec<_> = state.table.routes().collect();
    let places: BTreeSet<_> = routes.iter().map(|(agent, route)| (*agent, route.proxy)).collect();
    let epochs: Vec<_> = state.table.proxies().filter_map(|(_, proxy)| proxy.epoch).collect();
    let different: BTreeSet<_> = epochs.iter().collect();
    let is_present = |route: &Route| state.table.epoch(route.proxy) == Some(route.epoch);
    places.len() == routes.len() && different.len() == epochs.len() && routes.iter().all(|(_, route)| is_present(route))
}

fn welcome_is_committed(state: &State) -> bool {
    let standings = state.rest.proxies.iter().flat_map(|proxy| &proxy.tunnels);
    standings.into_iter().all(|(tunnel, standing)| match standing {
        Standing::Welcome(epoch) => state.rest.registered.contains(&(*tunnel, *epoch)),
        Standing::Pending | Standing::Ended => true,
    })
}

/// Where a proxy holds its epoch and waits for nothing, each of its routes belongs to a tunnel that it has, or to an older one of it.
fn no_ghost(state: &State) -> bool {
    let at_rest = |place: usize| {
        let proxy = &state.rest.proxies[place];
        proxy.waits.is_none() && proxy.lease.is_some() && proxy.lease == state.table.epoch(proxy_id(place))
    };
    let has_tunnel = |name: &warren_raft::AgentName, place: usize, route: &Route| {
        let mut tunnels = state.rest.proxies[place].tunnels.keys();
        tunnels.any(|tunnel| agent(tunnel.agent) == *name && tunnel.sequence >= route.sequence)
    };
    (0..state.rest.proxies.len()).filter(|place| at_rest(*place)).all(|place| {
        let mut routes = state.table.routes().filter(|(_, route)| route.proxy == proxy_id(place));
        routes.all(|(name, route)| has_tunnel(name, place, route))
    })
}

fn no_phantom(state: &State) -> bool {
    let asked = |route: &Route, name: &warren_raft::AgentName| {
        state.rest.agents.iter().enumerate().any(|(number, known)| agent(number) == *name && route.sequence <= known.sequence)
    };
    state.table.routes().all(|(name, route)| asked(route, name))
}

/// A dial of an agent that enters at a proxy, as the proxies that it goes through; `None` where it finds no tunnel. The ingress tries its own tunnel, then each route of
/// the table, and follows one hint (proxy/dial/dialer.rs); the owner uses tunnels of its own only (proxy/dial/owner.rs).
fn walk(state: &State, ingress: usize, number: usize, fault: Option<Fault>) -> Option<Vec<usize>> {
    let has = |place: usize| state.living(place).any(|tunnel| tunnel.agent == number);
    if has(ingress) {
        return Some(vec![ingress]);
    }
    let name = agent(number);
    let place = |id: ProxyId| (0..state.rest.proxies.len()).find(|place| proxy_id(*place) == id);
    let routed = |not: usize| state.table.routes_of(&name).filter_map(|route| place(route.proxy)).find(|place| *place != not);
    let owner = routed(ingress)?;
    if has(owner) {
        return Some(vec![ingress, owner]);
    }
    if fault == Some(Fault::OwnersForward) {
        // Wherever the table points, again and again.
        let mut path = vec![ingress, owner];
        while path.len() < 9 {
            let last = path[path.len() - 1];
            path.push(routed(last).unwrap_or(ingress));
        }
        return Some(path);
    }
    let hint = routed(owner).filter(|hint| *hint != ingress && has(*hint))?;
    Some(vec![ingress, hint])
}

fn dials_end(model: &Registration, state: &State) -> bool {
    let from = |number| (0..model.proxies).all(|ingress| walk(state, ingress, number, model.fault).is_none_or(|path| path.len() <= 2));
    (0..model.agents).all(from)
}

/// The end of an epoch may, while there are routes in a later one.
fn a_late_end(state: &State) -> bool {
    let in_later = |proxy, epoch| state.table.routes().any(|(_, route)| route.proxy == proxy && route.epoch > epoch);
    state.rest.sent.values().any(|command| matches!(command, Command::ExpireProxy { proxy, epoch } if in_later(*proxy, *epoch)))
}

fn is_down(state: &State, id: ProxyId) -> bool {
    let mut proxies = state.rest.proxies.iter().enumerate();
    proxies.any(|(place, proxy)| proxy_id(place) == id && proxy.incarnation > 1 && proxy.lease.is_none())
}

/// A tunnel has ended while nobody knows whether its registration was or will be committed.
fn an_unknown_end(state: &State) -> bool {
    let ended = state.rest.proxies.iter().filter(|proxy| proxy.waits.is_none()).flat_map(|proxy| &proxy.tunnels);
    ended.into_iter().any(|(tunnel, standing)| {
        let asked = state.rest.sent.values().any(|command| {
            matches!(command, Command::RegisterRoute { proxy, sequence, .. } if *proxy == proxy_id(tunnel.proxy) && *sequence == tunnel.sequence)
        });
        *standing == Standing::Ended && asked && !state.rest.registered.iter().any(|(registered, _)| registered == tunnel)
    })
}
