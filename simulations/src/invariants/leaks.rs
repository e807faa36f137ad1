//! N2, B3: when nothing is wrong any more and nobody dials, a process has as many tasks and sockets as its tunnels and peers account for, and holds no bytes for anybody; and what it ever held is bounded
//! by its streams.

use super::{Invariant, Violation};
use crate::plan::Seats;
use crate::run::{Held, Scene};

/// What one stream may hold: both ways a window of the longest path (`net/quic/window.rs`) and what a relay has in its hands.
const STREAM: u64 = 2 * (5 << 20);
/// Tasks of a proxy, counted by where they are spawned (`world/census.rs`).
mod proxy {
    /// By itself: 17 of its parts (`proxy/wiring.rs`), 11 of its store and its disk, 3 of openraft, 2 endpoints, the program, and who tells it to stop.
    pub(super) const OWN: usize = 35;
    /// For each tunnel: QUIC's, and who serves it.
    pub(super) const TUNNEL: usize = 2;
    /// For each client: the same and the questions that wait until whom to trust has changed, and until this proxy goes away; all of it twice while it goes over to another connection.
    pub(super) const CLIENT: usize = 8;
    /// For each lane to a peer: who keeps it, QUIC's, who let it in, who serves it.
    pub(super) const LANE: usize = 4;
    /// For each peer beside: who looks whether it is silent, and who replicates to it or asks it before an election.
    pub(super) const PEER: usize = 2;
}
/// Tasks of agents: of their machine, for each place for one there whether it runs or tries to enrol, for each that runs with a tunnel that is being opened or left, and for each tunnel.
const AGENTS: (usize, usize, usize, usize) = (1, 1, 4 + 2, 2);
/// Tasks of a client: the program, its endpoint, who looks after its certificate, who looks for a nearer proxy; and two for each connection, QUIC's and who lets go of it: the one that is used, and
/// one over which something ran until a moment ago.
const CLIENT: usize = 4 + 2 * 2;
/// Where links to peers spawn: who keeps each lane, and who looks whether the peer is silent. A peer that was removed leaves none of them, which the sum of all tasks may hide.
const LINKS: &str = "src/proxy/mesh/links.rs";
/// Sockets of a process by itself, and for each agent on its machine.
const SOCKETS: (usize, usize) = (3, 2);

/// Counts what processes hold.
#[derive(Debug, Default)]
pub(super) struct Leaks;

/// What a process has to do with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Needs {
    is_proxy: bool,
    /// Tunnels of agents, here or from here.
    tunnels: usize,
    /// Clients, which may be connected anywhere.
    clients: usize,
    /// Proxies, of a proxy the others.
    proxies: usize,
    /// Connections to each other proxy: one for control, and those for dials.
    lanes: usize,
    /// Agents that may run on this machine.
    seats: usize,
    /// Those that do.
    agents: usize,
}

impl Needs {
    /// The most tasks that it accounts for.
    fn tasks(&self) -> usize {
        let Self { is_proxy, tunnels, clients, proxies, lanes, seats, agents } = *self;
        match (is_proxy, seats) {
            (true, _) => {
                let peer = proxy::LANE * lanes + proxy::PEER;
                proxy::OWN + proxy::TUNNEL * tunnels + proxy::CLIENT * clients + peer * proxies
            }
            (false, 0) => CLIENT,
            (false, _) => AGENTS.0 + AGENTS.1 * seats + AGENTS.2 * agents + AGENTS.3 * tunnels,
        }
    }
}

fn left(held: &Held, needs: Needs) -> Result<(), String> {
    let (tasks, sockets) = (needs.tasks(), SOCKETS.0 + SOCKETS.1 * needs.agents);
    let (links, linked) = (held.census.spawned_in(LINKS), needs.proxies * (needs.lanes + 1));
    match held {
        Held { tasks: now, census, .. } if *now > tasks => {
            Err(format!("{now} tasks where {tasks} are accounted for, with {needs:?}: {census}"))
        }
        Held { sockets: now, .. } if *now > sockets => Err(format!("{now} sockets with {needs:?}")),
        _ if links > linked => Err(format!("{links} tasks of links to peers where {linked} are accounted for, with {needs:?}")),
        _ => Ok(()),
    }
}

fn bounded(held: &Held) -> Result<(), String> {
    if held.bytes <= held.stalled * STREAM {
        return Ok(());
    }
    Err(format!("{} bytes for {} streams", held.bytes, held.stalled))
}

impl Invariant for Leaks {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let held = scene.held.iter().map(|(host, held)| (host, bounded(held)));
        held.filter_map(|(host, held)| held.err().map(|what| (host, what)))
            .next()
            .map_or(Ok(()), |(host, what)| Err(Violation::new("B3", format!("the process of {} holds {what}", host.0))))
    }

    fn settle(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let (agents, members) = (scene.stage.agents(), scene.stage.members());
        // The services are none of the product.
        for (host, held) in scene.held.iter().filter(|(host, _)| scene.up.contains(host) && **host != Seats::SERVICES) {
            let here = |agent: u16| scene.plan.topology.agents().any(|(number, at)| number == agent && at == *host);
            let id = members.get(host).map(|member| member.id);
            let tunnels = agents.iter().map(|(agent, status)| {
                let mine = status.tunnels.iter().filter(|proxy| here(*agent) || Some(**proxy) == id);
                mine.count()
            });
            let needs = Needs {
                is_proxy: id.is_some(),
                tunnels: tunnels.sum(),
                clients: scene.plan.topology.clients.into(),
                proxies: members.len() - usize::from(id.is_some()),
                lanes: 1 + usize::from(scene.plan.settings.data_connections),
                seats: scene.plan.topology.agents().filter(|(_, at)| at == host).count(),
                agents: agents.keys().filter(|agent| here(**agent)).count(),
            };
            scene.stage.trace().event(format_args!("{} holds {held:?} for {needs:?}", host.0));
            left(held, needs).map_err(|what| Violation::new("N2", format!("the process of {} has {what}", host.0)))?;
            if held.bytes > 0 {
                return Err(Violation::new("B3", format!("the process of {} still holds {} bytes", host.0, held.bytes)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_needs_is_seen() {
        let needs = Needs { is_proxy: true, tunnels: 2, clients: 1, proxies: 4, lanes: 4, seats: 0, agents: 0 };
        let held = |tasks, sockets| left(&Held { tasks, sockets, ..Held::default() }, needs);
        let most = needs.tasks();
        assert_eq!(most, 35 + 2 * 2 + 8 + 4 * 18);
        assert!(held(most, 2).is_ok() && held(most + 1, 2).is_err() && held(most, SOCKETS.0 + 1).is_err());
        let (agents, client) = (Needs { is_proxy: false, seats: 4, agents: 3, ..needs }, Needs { is_proxy: false, ..needs });
        assert_eq!((agents.tasks(), client.tasks()), (1 + 4 + 3 * 6 + 2 * 2, 8));
        let bytes = |bytes, stalled| bounded(&Held { bytes, stalled, ..Held::default() });
        assert!(bytes(0, 0).is_ok() && bytes(STREAM, 1).is_ok() && bytes(1, 0).is_err() && bytes(STREAM + 1, 1).is_err());
    }
}
