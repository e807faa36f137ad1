//! N2, B3: when nothing is wrong any more and nobody dials, a process has as many tasks and sockets as its tunnels and peers account for, and holds no bytes for anybody; and what it ever held is bounded
//! by its streams.

use super::{Invariant, Violation};
use crate::plan::Seats;
use crate::run::{Held, Scene};

/// What one stream may hold: both ways a window of the longest path (`net/quic/window.rs`) and what a relay has in its hands.
const STREAM: u64 = 2 * (5 << 20);
/// Tasks of a process by itself, for each tunnel or connection of a client, and for each peer; measured, with a tenth more.
const TASKS: (usize, usize, usize) = (20, 6, 12);
/// Sockets of a process by itself, and for each agent on its machine.
const SOCKETS: (usize, usize) = (3, 2);

/// Counts what processes hold.
#[derive(Debug, Default)]
pub(super) struct Leaks;

/// What a process has to do with.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    tunnels: usize,
    peers: usize,
    agents: usize,
}

fn left(held: &Held, needs: Needs) -> Result<(), String> {
    let tasks = TASKS.0 + TASKS.1 * needs.tunnels + TASKS.2 * needs.peers + needs.agents;
    let sockets = SOCKETS.0 + SOCKETS.1 * needs.agents;
    match held {
        Held { tasks: now, .. } if *now > tasks => Err(format!("{now} tasks with {needs:?}")),
        Held { sockets: now, .. } if *now > sockets => Err(format!("{now} sockets with {needs:?}")),
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
                tunnels: tunnels.sum::<usize>() + usize::from(scene.plan.topology.clients) + members.len(),
                peers: if id.is_some() { members.len() } else { 0 },
                agents: agents.keys().filter(|agent| here(**agent)).count()
                    + if *host == Seats::SERVICES { scene.plan.topology.agents().count() } else { 0 },
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
        let needs = Needs { tunnels: 2, peers: 1, agents: 0 };
        let held = |tasks, sockets| left(&Held { tasks, sockets, ..Held::default() }, needs);
        let most = TASKS.0 + 2 * TASKS.1 + TASKS.2;
        assert!(held(most, 2).is_ok() && held(most + 1, 2).is_err() && held(most, SOCKETS.0 + 1).is_err());
        let bytes = |bytes, stalled| bounded(&Held { bytes, stalled, ..Held::default() });
        assert!(bytes(0, 0).is_ok() && bytes(STREAM, 1).is_ok() && bytes(1, 0).is_err() && bytes(STREAM + 1, 1).is_err());
    }
}
