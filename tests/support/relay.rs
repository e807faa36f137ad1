//! A relay of datagrams: the path between whoever sends to it and one or several targets, which a test can break.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The largest datagram there is.
const LARGEST: usize = 65_535;
/// What each socket may hold: a burst of a whole connection's window is lost in the kernel's default.
const BUFFER: usize = 4 << 20;
/// The bits of a QUIC packet's first byte that are not protected and say what it is, and what they are in the first packet of a handshake.
const LONG_HEADER: u8 = 0xf0;
const INITIAL: u8 = 0xc0;

/// A direction through a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Towards {
    /// From those who send to the relay to its targets.
    Target,
    /// From the targets back.
    Source,
}

impl Towards {
    /// Both.
    pub(crate) const BOTH: [Self; 2] = [Self::Target, Self::Source];
}

/// A UDP port on loopback from which datagrams go on to a target, and back: each new source gets the next target in turn and keeps it, as
/// behind a bare load balancer. What is sent while there is no target is lost. Dropping it ends its thread and closes its ports.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    end: CancellationToken,
    carrier: Option<JoinHandle<()>>,
}

/// What a test can change and count, and the way of each source.
#[derive(Debug, Default)]
struct State {
    targets: Vec<SocketAddr>,
    lost: Vec<Towards>,
    /// How long each datagram takes, in either direction.
    delay: Duration,
    /// First packets of handshakes that came from the sources.
    initials: usize,
    /// The largest datagram that passes, if not all do.
    narrow: Option<usize>,
    /// The way of a source was made in a round; in a later one its port is another.
    round: usize,
    assigned: usize,
    /// Where the targets see the sources.
    from: Option<Ipv4Addr>,
    ways: BTreeMap<SocketAddr, Way>,
}

/// The way of one source.
#[derive(Clone, Debug)]
struct Way {
    target: SocketAddr,
    round: usize,
    /// The port that the target sees.
    socket: Arc<UdpSocket>,
}

impl Relay {
    /// A relay without a target.
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let front = {
            let _inside = runtime.enter();
            Arc::new(socket(Ipv4Addr::LOCALHOST))
        };
        let address = front.local_addr().expect("an address");
        let (state, end) = (Arc::new(Mutex::new(State::default())), CancellationToken::new());
        let (carried, ended) = (state.clone(), end.clone());
        // A runtime of its own: the sockets of a test must not wait for what the test does.
        let carrier = thread::spawn(move || runtime.block_on(ended.run_until_cancelled(carry(front, carried))).unwrap_or_default());
        Self { address, state, end, carrier: Some(carrier) }
    }

    /// A relay to these targets.
    pub(crate) fn to(targets: &[SocketAddr]) -> Self {
        let relay = Self::new();
        relay.lead_to(targets);
        relay
    }

    /// Where it is sent to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes its targets. A source keeps the one it has as long as that is among them.
    pub(crate) fn lead_to(&self, targets: &[SocketAddr]) {
        self.state().targets = targets.to_vec();
    }

    /// Loses what goes in these directions from now on.
    pub(crate) fn cut(&self, directions: &[Towards]) {
        self.state().lost.extend_from_slice(directions);
    }

    /// Loses every datagram with more bytes than this, either way, as a path does that has a narrow part and does not tell.
    pub(crate) fn narrow(&self, largest: usize) {
        self.state().narrow = Some(largest);
    }

    /// Loses nothing any more because of its direction.
    pub(crate) fn mend(&self) {
        self.state().lost.clear();
    }

    /// Lets each datagram take so long from now on, in either direction.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// How many first packets of QUIC handshakes its sources have sent (RFC 9000, section 17.2.2).
    pub(crate) fn initials(&self) -> usize {
        self.state().initials
    }

    /// Gives each source another port towards its target with its next datagram, as a NAT does that has forgotten it: what the target
    /// sends to the former port is lost.
    pub(crate) fn rebind(&self) {
        self.state().round += 1;
    }

    /// The same, but the target sees this address of loopback from then on: the source has moved to another network.
    pub(crate) fn move_to(&self, address: Ipv4Addr) {
        self.state().from = Some(address);
        self.rebind();
    }

    /// How many sources it has had.
    pub(crate) fn sources(&self) -> usize {
        self.state().ways.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(carrier) = self.carrier.take() {
            // What went wrong there has been shown there.
            let _ = carrier.join();
        }
    }
}

/// Carries what comes to `front`, and starts what carries the answers.
async fn carry(front: Arc<UdpSocket>, state: Arc<Mutex<State>>) {
    let mut returns = JoinSet::new();
    let (late, waiting) = unbounded_channel();
    returns.spawn(carry_late(waiting));
    let mut datagram = vec![0; LARGEST];
    loop {
        // Nobody at a port to which an answer went is no concern of the others.
        let Ok((length, source)) = front.recv_from(&mut datagram).await else { continue };
        let Some((way, is_new)) = lock(&state).way(source) else { continue };
        if is_new {
            returns.spawn(carry_back(front.clone(), state.clone(), (source, way.clone()), late.clone()));
        }
        let delay = {
            let mut state = lock(&state);
            state.initials += usize::from(length > 0 && datagram[0] & LONG_HEADER == INITIAL);
            state.carries(length, Towards::Target).then_some(state.delay)
        };
        if let Some(delay) = delay {
            send(Late::new(&datagram[..length], &way.socket, way.target), delay, &late).await;
        }
    }
}

/// A datagram that is on its way.
struct Late {
    due: Instant,
    datagram: Vec<u8>,
    by: Arc<UdpSocket>,
    to: SocketAddr,
}

impl Late {
    fn new(datagram: &[u8], by: &Arc<UdpSocket>, to: SocketAddr) -> Self {
        Self { due: Instant::now(), datagram: datagram.to_vec(), by: by.clone(), to }
    }
}

/// Sends it at once, or when its time has come.
async fn send(late: Late, delay: Duration, queue: &UnboundedSender<Late>) {
    if delay.is_zero() {
        // Nobody at a port is no concern of the others.
        let _ = late.by.send_to(&late.datagram, late.to).await;
    } else {
        // What carries them ends with the relay.
        let _ = queue.send(Late { due: late.due + delay, ..late });
    }
}

/// Sends what has been on its way long enough. Each takes as long as the one before it, so they stay in order.
async fn carry_late(mut waiting: UnboundedReceiver<Late>) {
    while let Some(late) = waiting.recv().await {
        sleep_until(late.due).await;
        let _ = late.by.send_to(&late.datagram, late.to).await;
    }
}

/// Carries what the target of a source sends, as long as the source has this port.
async fn carry_back(front: Arc<UdpSocket>, state: Arc<Mutex<State>>, (source, way): (SocketAddr, Way), late: UnboundedSender<Late>) {
    let mut datagram = vec![0; LARGEST];
    loop {
        let Ok((length, from)) = way.socket.recv_from(&mut datagram).await else { continue };
        if from == way.target && lock(&state).returns(source, &way) && lock(&state).carries(length, Towards::Source) {
            let delay = lock(&state).delay;
            send(Late::new(&datagram[..length], &front, source), delay, &late).await;
        }
    }
}

impl State {
    /// The way for a datagram from `source`, and whether it was made for it.
    fn way(&mut self, source: SocketAddr) -> Option<(Way, bool)> {
        let known = self.ways.get(&source).filter(|way| self.targets.contains(&way.target));
        if let Some(way) = known.filter(|way| way.round == self.round) {
            return Some((way.clone(), false));
        }
        let target = match known {
            Some(way) => way.target,
            None => {
                let target = *self.targets.get(self.assigned % self.targets.len().max(1))?;
                self.assigned += 1;
                target
            }
        };
        let way = Way { target, round: self.round, socket: Arc::new(socket(self.from.unwrap_or(Ipv4Addr::LOCALHOST))) };
        self.ways.insert(source, way.clone());
        Some((way, true))
    }

    /// Whether a datagram of this length passes in this direction.
    fn carries(&self, length: usize, towards: Towards) -> bool {
        self.narrow.is_none_or(|largest| length <= largest) && !self.lost.contains(&towards)
    }

    /// Whether what came by this way goes back to `source`.
    fn returns(&self, source: SocketAddr, way: &Way) -> bool {
        let is_current = self.ways.get(&source).is_some_and(|current| Arc::ptr_eq(&current.socket, &way.socket));
        is_current && way.round == self.round
    }
}

/// A port of an address on loopback, within a runtime.
fn socket(address: Ipv4Addr) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    // The kernel may grant less.
    let _ = socket.set_recv_buffer_size(BUFFER).and_then(|()| socket.set_send_buffer_size(BUFFER));
    socket.bind(&SocketAddr::from((address, 0)).into()).expect("a port");
    UdpSocket::from_std(socket.into()).expect("a socket of this runtime")
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
