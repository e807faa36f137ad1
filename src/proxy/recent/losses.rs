//! How many packets each link loses: what connections count since they were made, as what was lost of late. Pure.

use std::collections::{BTreeMap, VecDeque};

use warren_raft::ProxyId;

use crate::proxy::mesh::{LinkTraffic, Packets};

/// Looks that are "of late": at one every two seconds a minute.
const WINDOW: usize = 30;
/// Fewer packets than this say nothing of a share.
const ENOUGH: u64 = 50;
const MILLION: u64 = 1_000_000;

/// The links to all peers.
#[derive(Debug, Default)]
pub(super) struct Losses {
    peers: BTreeMap<ProxyId, Peer>,
}

#[derive(Debug, Default)]
struct Peer {
    connections: BTreeMap<u64, Packets>,
    total: Packets,
    window: VecDeque<Packets>,
}

impl Losses {
    /// Takes in what the connections say now. A peer that is not among them any more is forgotten.
    pub(super) fn look(&mut self, links: &[(ProxyId, LinkTraffic)]) {
        self.peers.retain(|peer, _| links.iter().any(|(linked, _)| linked == peer));
        for (peer, traffic) in links {
            self.peers.entry(*peer).or_default().look(&traffic.packets);
        }
    }

    /// How many of a million packets were lost of late; `None` where too few were sent to tell.
    pub(super) fn lost_ppm(&self, peer: ProxyId) -> Option<u32> {
        let window = &self.peers.get(&peer)?.window;
        let (sent, lost) = window.iter().fold((0, 0), |sum: (u64, u64), packets| (sum.0 + packets.sent, sum.1 + packets.lost));
        let ppm = (sent >= ENOUGH).then(|| lost.saturating_mul(MILLION) / sent)?;
        u32::try_from(ppm.min(MILLION)).ok()
    }

    /// What was sent and lost since this proxy knows the peer, over all connections that there have been.
    pub(super) fn totals(&self) -> BTreeMap<ProxyId, Packets> {
        self.peers.iter().map(|(peer, known)| (*peer, known.total)).collect()
    }
}

impl Peer {
    fn look(&mut self, connections: &[(u64, Packets)]) {
        let mut grown = Packets::default();
        for (connection, now) in connections {
            // One that counts less than before is another one by the same number.
            let before = self.connections.get(connection).copied().filter(|before| before.sent <= now.sent && before.lost <= now.lost);
            let before = before.unwrap_or_default();
            grown = Packets { sent: grown.sent + (now.sent - before.sent), lost: grown.lost + (now.lost - before.lost) };
        }
        self.connections = connections.iter().copied().collect();
        self.total = Packets { sent: self.total.sent.saturating_add(grown.sent), lost: self.total.lost.saturating_add(grown.lost) };
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(grown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: ProxyId = ProxyId(2);

    fn look(losses: &mut Losses, connections: &[(u64, u64, u64)]) {
        let packets = connections.iter().map(|(number, sent, lost)| (*number, Packets { sent: *sent, lost: *lost })).collect();
        losses.look(&[(PEER, LinkTraffic { round_trip: None, packets })]);
    }

    #[test]
    fn what_was_lost_of_late_is_forgotten_after_a_while() {
        let mut losses = Losses::default();
        look(&mut losses, &[(1, 40, 2)]);
        assert_eq!(losses.lost_ppm(PEER), None, "too few to tell");
        look(&mut losses, &[(1, 100, 10)]);
        assert_eq!(losses.lost_ppm(PEER), Some(100_000));
        for round in 1..=WINDOW as u64 {
            look(&mut losses, &[(1, 100 + 100 * round, 10)]);
        }
        assert_eq!(losses.lost_ppm(PEER), Some(0));
        assert_eq!(losses.totals()[&PEER].lost, 10, "and stays in the sum");
    }

    #[test]
    fn connections_come_and_go_and_the_sum_only_grows() {
        let mut losses = Losses::default();
        for (connections, sent, lost) in [
            (&[(1, 100, 1), (2, 10, 0)][..], 110, 1),
            (&[(1, 150, 1)], 160, 1),
            // Another one, by the number of the first.
            (&[(1, 20, 3), (3, 5, 0)], 185, 4),
            (&[], 185, 4),
        ] {
            look(&mut losses, connections);
            assert_eq!(losses.totals()[&PEER], Packets { sent, lost });
        }
        losses.look(&[]);
        assert!(losses.totals().is_empty(), "nobody is kept who belongs to the cluster no more");
    }
}
