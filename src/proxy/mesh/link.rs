//! One peer: where it is, and the connections to it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use warren_raft::ProxyId;

use super::PeerConnection;
use super::lane::Lane;
use super::leftovers::Leftovers;
use super::pool::{self, Burden};
use super::slot::{NoConnection, Slot, dials};
use crate::net::Budget;
use crate::net::quic::{Paths, StreamWindow};
use crate::wire::close::Close;
use crate::wire::peer::MAX_LANES;

/// A peer: where it is and the connections to it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) me: ProxyId,
    pub(super) peer: ProxyId,
    address: Mutex<String>,
    control: Slot,
    /// One for each lane that there can be: the peer may make more of them than this proxy asks for.
    data: Vec<Slot>,
    /// Those that live beside them.
    leftovers: Leftovers,
    /// How many data connections this proxy keeps.
    kept: u8,
    /// Counts the streams that were opened.
    turn: AtomicU64,
    is_silent: AtomicBool,
    pub(super) cancel: CancellationToken,
}

/// How a peer is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkTraffic {
    /// The round trip of the control connection, while there is one.
    pub round_trip: Option<Duration>,
    /// What went over each connection that lives, by a number that no other one of this process has at the same time.
    pub packets: Vec<(u64, Packets)>,
}

/// Packets of one connection, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packets {
    /// Sent to the peer.
    pub sent: u64,
    /// Those of them that were found to be lost.
    pub lost: u64,
}

impl Link {
    /// A link from the first of these two to the second, with so many data connections.
    pub(super) fn new((me, peer): (ProxyId, ProxyId), address: &str, kept: u8, cancel: CancellationToken) -> Self {
        Self {
            me,
            peer,
            address: Mutex::new(address.to_owned()),
            control: Slot::new(),
            data: (0..MAX_LANES).map(|_| Slot::new()).collect(),
            leftovers: Leftovers::default(),
            kept: kept.clamp(1, MAX_LANES),
            turn: AtomicU64::new(0),
            is_silent: AtomicBool::new(false),
            cancel,
        }
    }

    /// Where the peer is to be dialled, `HOST:PORT`.
    pub(super) fn address(&self) -> String {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes where the peer is now. A live connection stays.
    pub(super) fn moved_to(&self, address: &str) {
        let mut known = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != address {
            address.clone_into(&mut known);
        }
    }

    /// The lanes that this proxy keeps.
    pub(super) fn lanes(&self) -> impl Iterator<Item = Lane> {
        [Lane::Control].into_iter().chain((0..self.kept).map(Lane::Data))
    }

    /// How much of a stream of the peer may wait here, while it is connected.
    pub(super) fn received(&self, paths: &Paths) -> Option<StreamWindow> {
        self.live_data().next().map(|live| paths.granted(&live.connection))
    }

    /// The round trip of the control connection, while there is one.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.control.live().map(|live| live.connection.rtt())
    }

    /// The round trip, and what has been sent and lost over the connections that live.
    pub(super) fn traffic(&self) -> LinkTraffic {
        let live = self.control.live().into_iter().chain(self.live_data());
        let packets = live.map(|live| (live.connection.stable_id() as u64, live.connection.stats().path));
        let packets = packets.map(|(connection, path)| (connection, Packets { sent: path.sent_packets, lost: path.lost_packets }));
        LinkTraffic { round_trip: self.rtt(), packets: packets.collect() }
    }

    /// Whether questions and dials get there: the control connection lives, and at least one for dials.
    pub(super) fn is_usable(&self) -> bool {
        self.control.live().is_some() && self.live_data().next().is_some()
    }

    /// How many data connections live, and how many of those that this proxy keeps do not.
    pub(super) fn data_connections(&self) -> (usize, usize) {
        let missing = self.data.iter().take(self.kept.into()).filter(|slot| slot.live().is_none()).count();
        (self.live_data().count(), missing)
    }

    /// Streams over all data connections, whoever has opened them.
    pub(super) fn streams(&self) -> usize {
        self.live_data().map(|live| live.load.streams()).sum()
    }

    /// Looks which data connections carry bulk.
    pub(super) fn weigh(&self, now: Instant) {
        for live in self.live_data() {
            let stats = live.connection.stats();
            live.load.weigh(stats.udp_tx.bytes + stats.udp_rx.bytes, now);
        }
    }

    /// Whether nothing is heard of the peer though there is a connection to it.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }

    /// Notes that the peer is there.
    pub(super) fn heard(&self) {
        if self.is_silent.swap(false, Ordering::Relaxed) {
            tracing::info!(peer = %self.peer, "peer is heard again");
        }
    }

    /// Notes that nothing is heard of the peer.
    pub(super) fn silent(&self) {
        if !self.is_silent.swap(true, Ordering::Relaxed) {
            tracing::info!(peer = %self.peer, "peer is silent: others are tried before it");
        }
    }

    /// The live control connection, waited for while a try is under way.
    pub(super) async fn control(&self, budget: Budget) -> Result<PeerConnection, NoConnection> {
        self.control.get(budget).await
    }

    /// The data connection for the next stream. Only where none lives is one waited for, while a try is under way.
    pub(super) async fn data(&self, budget: Budget) -> Result<PeerConnection, NoConnection> {
        match self.chosen() {
            Some(live) => Ok(live),
            None => self.first_data(budget).await,
        }
    }

    fn chosen(&self) -> Option<PeerConnection> {
        let mut live: Vec<_> = self.live_data().collect();
        let burdens: Vec<_> = live.iter().map(|live| Burden { is_heavy: live.load.is_heavy(), streams: live.load.streams() }).collect();
        let chosen = pool::choose(&burdens, self.turn.fetch_add(1, Ordering::Relaxed))?;
        Some(live.swap_remove(chosen))
    }

    /// The first connection that comes about of those that this proxy keeps, or why the last of them has not.
    async fn first_data(&self, budget: Budget) -> Result<PeerConnection, NoConnection> {
        let mut awaited: Vec<_> = self.data.iter().take(self.kept.into()).map(|slot| Box::pin(slot.get(budget))).collect();
        poll_fn(|context| {
            let mut settled = None;
            awaited.retain_mut(|slot| match slot.as_mut().poll(context) {
                Poll::Ready(got) => {
                    if !matches!(settled, Some(Ok(_))) {
                        settled = Some(got);
                    }
                    false
                }
                Poll::Pending => true,
            });
            match settled {
                Some(Ok(live)) => Poll::Ready(Ok(live)),
                Some(Err(error)) if awaited.is_empty() => Poll::Ready(Err(error)),
                Some(Err(_)) | None => Poll::Pending,
            }
        })
        .await
    }

    /// Closes what is live: the peer belongs to the cluster no more.
    pub(super) fn cut(&self) {
        self.cut_where(|_| true);
    }

    /// Closes what is live of these connections, and returns how many.
    pub(super) fn cut_where(&self, is_meant: impl Fn(&quinn::Connection) -> bool) -> usize {
        let live: Vec<_> = self.control.live().into_iter().chain(self.live_data()).chain(self.leftovers.live()).collect();
        let meant = live.iter().filter(|live| is_meant(&live.connection));
        meant.inspect(|live| Close::REFUSED.close(&live.connection)).count()
    }

    /// Takes in a connection that either side has dialled.
    ///
    /// A peer that is silent and dials lives again, and what is here may be of its life before: after a long cut that is not known for a multiple of the
    /// idle time-out, since QUIC waits for three probes of a path that it takes to be slow.
    pub(super) fn put(&self, made: &PeerConnection, dialled_by: ProxyId) {
        let preferred = if dialled_by == self.peer { dials(self.peer, self.me) || self.is_silent() } else { dials(self.me, self.peer) };
        if let Some(left) = self.slot(made.lane).put(made, preferred) {
            self.leftovers.add(left);
        }
    }

    /// Connections that live and whose place another one has.
    #[cfg(test)]
    pub(super) fn leftovers(&self) -> Vec<PeerConnection> {
        self.leftovers.live()
    }

    /// Closes those whose place another one has and over which nothing has run for a while.
    pub(super) fn tidy(&self, now: Instant) {
        self.leftovers.tidy(now);
    }

    pub(super) fn slot(&self, lane: Lane) -> &Slot {
        match lane {
            Lane::Control => &self.control,
            Lane::Data(number) => self.data.get(usize::from(number)).expect("a lane's number is below the bound that there are slots for"),
        }
    }

    fn live_data(&self) -> impl Iterator<Item = PeerConnection> {
        self.data.iter().filter_map(Slot::live)
    }
}
