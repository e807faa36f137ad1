//! The tunnels that agents hold to this proxy.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use warren_raft::{AgentName, Sequence, Service, ServiceName, mutant, reached};

use super::handover::Order;
use super::liveness::{Heard, Life, Liveness};
use super::parties::{Parties, Party};
use super::progress::ProgressNote;
use super::tuning::Tuning;
use crate::limits::{Limit, Reached};
use crate::net::quic::{SendRoom, Sending, StreamWindow};
use crate::net::{Budget, Elapsed};
use crate::target::{Target, port_of};
use crate::wire::close::Close;
use crate::wire::peer::{MAX_HELD, MAX_UNSETTLED};
use crate::wire::{AgentProgress, Held};

/// Most retiring tunnels of one agent. An agent that comes and goes faster than its streams end loses the oldest.
const MAX_RETIRING: usize = 8;

/// One agent's QUIC connection to this proxy.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// Whose it is.
    pub agent: AgentName,
    /// The agent's number for it.
    pub sequence: Sequence,
    /// The connection.
    pub connection: quinn::Connection,
    offer: Mutex<Arc<Offer>>,
    /// What the agent has said of the tunnels it ought to hold.
    pub progress: ProgressNote,
    liveness: Mutex<Liveness>,
    /// Cancelled once the agent wants it no more.
    retire: CancellationToken,
    /// Cancelled when what runs over it is cut.
    cut: CancellationToken,
    order: watch::Sender<Option<Order>>,
    standing: watch::Sender<Standing>,
    streams: Parties,
    limit: StreamLimit,
    room: SendRoom,
}

/// What an agent says of itself in its hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Its services, by name.
    pub services: Vec<Service>,
    /// Its version.
    pub version: String,
}

/// How many streams a tunnel carries.
#[derive(Clone, Debug)]
pub(super) struct StreamLimit {
    /// So many at the same time, as the limits are now.
    pub tuning: Tuning,
    /// What is counted when there are.
    pub reached: Reached,
}

/// How a tunnel stands in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its route is being registered: no dial may come yet.
    Pending,
    /// Its route cannot be registered, or not be kept, since there is no quorum. Dials may come from whoever cannot read the table either.
    Waiting,
    /// Its route is committed, at this log index.
    Registered(u64),
    /// The agent wants it no more, and its route is withdrawn for good. What runs over it runs on, and a dial that was under way is taken.
    Retired,
}

/// Why a tunnel gives no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StreamError {
    /// The connection is gone.
    #[error("the tunnel is gone: {0}")]
    Gone(#[from] quinn::ConnectionError),
    /// It allows no further stream in time.
    #[error("the tunnel took no stream in time")]
    Deadline,
    /// It carries as many as it may.
    #[error("the tunnel carries {0} streams already")]
    Limit(u64),
}

impl From<Elapsed> for StreamError {
    fn from(_: Elapsed) -> Self {
        Self::Deadline
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Waiting => f.write_str("waiting for a quorum"),
            Self::Registered(index) => write!(f, "registered at {index}"),
            Self::Retired => f.write_str("retired"),
        }
    }
}

/// A place among a tunnel's streams, given back when dropped.
#[derive(Debug)]
pub(super) struct StreamPermit {
    tunnel: Arc<Tunnel>,
    party: Party,
    sending: Sending,
}

impl StreamPermit {
    /// Cancelled when what runs over the tunnel is cut.
    pub(super) fn cut(&self) -> CancellationToken {
        self.tunnel.cut.clone()
    }

    /// What the stream may have unread on this side.
    pub(super) fn received(&self) -> StreamWindow {
        self.sending.received()
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.tunnel.streams.leave(&self.party);
    }
}

/// How long a dial may take to be acknowledged where nothing is known of the path.
const ACKNOWLEDGED: Duration = Duration::from_millis(250);

/// A dial that has been sent over a tunnel. When it is given up without so much as an acknowledgement, the tunnel is suspect.
#[derive(Debug)]
pub(super) struct Question {
    tunnel: Arc<Tunnel>,
    asked: Instant,
    acknowledgements: u64,
    is_answered: bool,
}

impl Question {
    /// The agent has answered.
    pub(super) fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let patience = ACKNOWLEDGED.max(self.tunnel.connection.rtt() * 4);
        let was_heard = self.is_answered || self.tunnel.heard().acknowledgements > self.acknowledgements;
        if !was_heard && self.asked.elapsed() > patience {
            self.tunnel.liveness().doubt(self.acknowledgements);
        }
    }
}

impl Tunnel {
    /// A tunnel that carries no more streams than `limit` says.
    pub(super) fn new(agent: AgentName, sequence: Sequence, room: SendRoom, offer: Offer, limit: StreamLimit) -> Self {
        let (standing, order) = (watch::Sender::new(Standing::Pending), watch::Sender::default());
        let (progress, retire, liveness) = (ProgressNote::default(), CancellationToken::new(), Mutex::default());
        Self {
            agent,
            sequence,
            connection: room.connection().clone(),
            offer: Mutex::new(Arc::new(offer)),
            progress,
            liveness,
            retire,
            order,
            standing,
            cut: CancellationToken::new(),
            streams: Parties::default(),
            limit,
            room,
        }
    }

    /// What the agent says that it publishes, by name; its version goes with it into the table.
    pub(super) fn offer(&self) -> Arc<Offer> {
        self.offer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the agent publishes this from now on.
    pub(super) fn offers(&self, offer: Offer) {
        *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(offer);
    }

    /// How it stands in the table, and whenever that changes.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Waits while its route is being registered, unless it breaks meanwhile.
    pub(super) async fn registering(&self) {
        let mut standing = self.standing();
        tokio::select! {
            // Its sender is this tunnel's.
            _ = standing.wait_for(|standing| *standing != Standing::Pending) => {}
            _ = self.connection.closed() => {}
        }
    }

    /// Notes how it stands in the table.
    pub(super) fn stands(&self, standing: Standing) {
        self.standing.send_if_modified(|known| std::mem::replace(known, standing) != standing);
    }

    /// Asks the agent to hold one elsewhere instead.
    pub(super) fn ask(&self, order: Order) {
        self.order.send_replace(Some(order));
    }

    /// What the agent is asked to do with it.
    pub(super) fn order(&self) -> watch::Receiver<Option<Order>> {
        self.order.subscribe()
    }

    /// Notes that the agent wants it no more.
    pub(super) fn retire(&self) {
        self.retire.cancel();
    }

    /// Resolves once the agent wants it no more.
    pub(super) async fn retiring(&self) {
        self.retire.cancelled().await;
    }

    /// Whether its route is withdrawn for good.
    pub(super) fn is_retired(&self) -> bool {
        *self.standing.borrow() == Standing::Retired
    }

    fn phase(&self) -> Phase {
        if self.retire.is_cancelled() { Phase::Retiring } else { Phase::Wanted }
    }

    pub(super) fn is_live(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    /// Whether dials may come over it from those who cannot read the table.
    fn serves(&self) -> bool {
        matches!(*self.standing.borrow(), Standing::Waiting | Standing::Registered(_)) && self.is_live()
    }

    /// Cuts what runs over it, tells how many streams that is, and closes it.
    pub(super) fn cut(&self) -> u64 {
        let streams = self.streams();
        self.cut.cancel();
        Close::LEAVING.close(&self.connection);
        streams
    }

    /// Streams that run over it now.
    pub(super) fn streams(&self) -> u64 {
        self.streams.streams()
    }

    /// Looks at what it has heard, `step` after the last look, and says how it was before and is now.
    pub(super) fn look(&self, step: Duration) -> (Life, Life) {
        let heard = self.heard();
        let mut liveness = self.liveness();
        (liveness.life(), liveness.look(heard, step))
    }

    /// Whether other tunnels are to be tried before it.
    pub(super) fn is_suspect(&self) -> bool {
        self.liveness().life() != Life::Sound
    }

    /// Notes that a dial is sent over it now.
    pub(super) fn question(self: &Arc<Self>) -> Question {
        Question { tunnel: self.clone(), asked: Instant::now(), acknowledgements: self.heard().acknowledgements, is_answered: false }
    }

    fn heard(&self) -> Heard {
        self.connection.stats().into()
    }

    fn liveness(&self) -> std::sync::MutexGuard<'_, Liveness> {
        self.liveness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream to the agent for `party`.
    ///
    /// # Errors
    /// [`StreamError`]
    pub(super) async fn open(
        self: &Arc<Self>,
        party: Party,
        budget: Budget,
    ) -> Result<(StreamPermit, SendStream, RecvStream), StreamError> {
        if let Err(most) = self.streams.enter(&party, self.limit.tuning.now().streams_per_agent) {
            self.limit.reached.note(Limit::StreamsPerAgent);
            return Err(StreamError::Limit(most));
        }
        let permit = StreamPermit { tunnel: self.clone(), party, sending: self.room.enter() };
        let (send, recv) = budget.run(self.connection.open_bi()).await??;
        Ok((permit, send, recv))
    }
}

/// Whether an agent wants a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It does.
    Wanted,
    /// It does not, and waits for the streams to end.
    Retiring,
}

/// The tunnels by agent, the newest last. All but the newest of an agent retire.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    by_agent: Mutex<BTreeMap<AgentName, Vec<Arc<Tunnel>>>>,
}

/// A newer tunnel of the same agent is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a newer tunnel, sequence {current}, is here already")]
pub(super) struct Outdated {
    /// The newer one's number.
    pub current: Sequence,
}

impl Tunnels {
    /// Takes in a tunnel. Older ones of the same agent are closed, but for those that the agent has retired.
    ///
    /// # Errors
    /// [`Outdated`] if it is itself the older one.
    pub(super) fn insert(&self, tunnel: Arc<Tunnel>) -> Result<(), Outdated> {
        let mut tunnels = self.lock();
        let known = tunnels.entry(tunnel.agent.clone()).or_default();
        let places: Vec<_> = known.iter().map(|known| (known.sequence, known.phase())).collect();
        let staying = staying(&places, tunnel.sequence)?;
        let mut places = staying.into_iter();
        known.retain(|known| {
            let stays = places.next().unwrap_or_default();
            if !stays {
                reached!("proxy.tunnel_replaced");
                Close::REPLACED.close(&known.connection);
            }
            stays
        });
        known.push(tunnel);
        Ok(())
    }

    /// Forgets `tunnel`, unless it was replaced.
    pub(super) fn remove(&self, tunnel: &Tunnel) {
        let mut tunnels = self.lock();
        let Some(known) = tunnels.get_mut(&tunnel.agent) else { return };
        known.retain(|known| known.sequence != tunnel.sequence);
        if known.is_empty() {
            tunnels.remove(&tunnel.agent);
        }
    }

    /// The newest tunnel of `agent` whose connection is live. One that was retired takes the dials that were under way.
    pub(super) fn get(&self, agent: &AgentName) -> Option<Arc<Tunnel>> {
        let tunnels = self.lock();
        let known = if mutant!("wrong_agent") { tunnels.values().next() } else { tunnels.get(agent) };
        known?.iter().rev().find(|tunnel| tunnel.is_live()).cloned()
    }

    /// What `target` may mean among the live tunnels here, by agent, whatever the table says; at most [`MAX_HELD`].
    pub(super) fn held(&self, target: &Target) -> Vec<Held> {
        let tunnels = self.lock();
        let matching = |tunnel: &Arc<Tunnel>| {
            let service = meant(&tunnel.offer().services, target)?;
            tunnel.serves().then(|| Held { agent: tunnel.agent.clone(), service })
        };
        match target {
            Target::Service(agent, _) | Target::Port(agent, _) => {
                tunnels.get(agent).and_then(|known| known.last()).and_then(matching).into_iter().collect()
            }
            Target::Any(_) => tunnels.values().filter_map(|known| known.last()).filter_map(matching).take(MAX_HELD).collect(),
        }
    }

    /// The agents that say that they lack tunnels, by name; at most [`MAX_UNSETTLED`].
    pub(super) fn unsettled(&self, now: Instant) -> Vec<AgentProgress> {
        let tunnels = self.lock();
        let newest = tunnels.values().filter_map(|known| known.last()).filter(|tunnel| tunnel.is_live());
        newest.filter_map(|tunnel| tunnel.progress.unsettled(&tunnel.agent, now)).take(MAX_UNSETTLED).collect()
    }

    /// Those that are live and that nobody wants to end, by agent.
    pub(super) fn wanted(&self) -> Vec<Arc<Tunnel>> {
        let tunnels = self.lock();
        let newest = tunnels.values().filter_map(|known| known.last());
        newest.filter(|tunnel| tunnel.phase() == Phase::Wanted && tunnel.is_live()).cloned().collect()
    }

    /// How many there are, retiring ones too.
    pub(super) fn count(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }

    /// All of them, retiring ones too, by agent.
    pub(super) fn all(&self) -> Vec<Arc<Tunnel>> {
        self.lock().values().flatten().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AgentName, Vec<Arc<Tunnel>>>> {
        self.by_agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of an agent's tunnels, oldest first, stay when one with the number `newest` comes.
fn staying(known: &[(Sequence, Phase)], newest: Sequence) -> Result<Vec<bool>, Outdated> {
    if let Some((current, _)) = known.last().filter(|(current, _)| *current >= newest) {
        return Err(Outdated { current: *current });
    }
    let retiring = known.iter().filter(|(_, phase)| *phase == Phase::Retiring).count();
    let mut surplus = retiring.saturating_sub(MAX_RETIRING);
    let stays = known.iter().map(|(_, phase)| match phase {
        Phase::Wanted => false,
        Phase::Retiring if surplus > 0 => {
            surplus -= 1;
            false
        }
        Phase::Retiring => true,
    });
    Ok(stays.collect())
}

/// Which of an agent's services a target means.
fn meant(services: &[Service], target: &Target) -> Option<ServiceName> {
    let found = services.iter().find(|known| match target {
        Target::Service(_, service) | Target::Any(service) => known.name == *service,
        Target::Port(_, port) => port_of(&known.target) == Some(*port),
    });
    found.map(|known| known.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tunnels that are here, the number of a further one, and which of them stay.
    type Case<'a> = (&'a [(u64, Phase)], u64, Result<&'a [bool], u64>);

    #[test]
    fn a_newer_tunnel_replaces_the_wanted_one_and_leaves_those_that_retire() {
        use Phase::{Retiring, Wanted};
        let many: Vec<_> = (1..=10).map(|sequence| (sequence, Retiring)).collect();
        let few = [false, false, true, true, true, true, true, true, true, true];
        let table: [Case; 7] = [
            (&[], 1, Ok(&[])),
            (&[(1, Wanted)], 2, Ok(&[false])),
            (&[(1, Retiring)], 2, Ok(&[true])),
            (&[(1, Retiring), (4, Wanted)], 5, Ok(&[true, false])),
            (&[(1, Retiring), (4, Wanted)], 4, Err(4)),
            (&[(1, Retiring), (4, Retiring)], 3, Err(4)),
            (&many, 11, Ok(&few)),
        ];
        for (known, newest, expected) in table {
            let known: Vec<_> = known.iter().map(|(sequence, phase)| (Sequence(*sequence), *phase)).collect();
            let expected = expected.map(<[bool]>::to_vec).map_err(|current| Outdated { current: Sequence(current) });
            assert_eq!(staying(&known, Sequence(newest)), expected, "{newest} after {known:?}");
        }
    }
}
