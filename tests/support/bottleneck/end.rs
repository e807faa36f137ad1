//! One end of a simulated connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event, ServerConfig, StreamId, VarInt,
};
use warren::net::quic::{Port, Profile, Settings};

use super::Flow;
use super::keys::{Keys, NAME};

/// What is handed to a stream at once.
static BULK: [u8; 64 << 10] = [0; 64 << 10];
const PING: usize = 64;
/// From an answer to the next question.
const PAUSE: Duration = Duration::from_millis(20);
/// How many datagrams QUIC may make at once, as with a socket that takes batches.
const BATCH: usize = 10;

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that dials and sends as much as it may.
    Sender = 0,
    /// The one that takes it, and answers pings.
    Receiver = 1,
}

impl Role {
    pub(super) const BOTH: [Self; 2] = [Self::Sender, Self::Receiver];
}

/// One end, with what its application does.
pub(super) struct End {
    role: Role,
    epoch: Instant,
    endpoint: Endpoint,
    config: Option<ClientConfig>,
    start: Duration,
    connection: Option<(ConnectionHandle, Connection)>,
    is_stirred: bool,
    /// What came of the first stream, by seconds.
    seconds: Vec<u64>,
    streams: Vec<StreamId>,
    asked: Option<Duration>,
    ask_at: Option<Duration>,
    answered: usize,
    pings: Vec<Duration>,
}

impl End {
    /// An end of the flow with this number.
    pub(super) fn new(role: Role, flow: &Flow, (keys, number): (&Keys, u8)) -> Self {
        let settings = Settings { tunnel_congestion_control: flow.control, ..Settings::default() };
        let mut config = EndpointConfig::default();
        let mut seed = [number; 32];
        seed[0] = role as u8;
        config.rng_seed(Some(seed));
        let server = (role == Role::Receiver).then(|| {
            let mut server = ServerConfig::with_crypto(keys.server.clone());
            server.transport_config(Port::Public.accepting(&settings));
            Arc::new(server)
        });
        let client = (role == Role::Sender).then(|| {
            let mut client = ClientConfig::new(keys.client.clone());
            client.transport_config(Profile::Tunnel.dialling(address(Role::Receiver), &settings));
            client
        });
        Self {
            role,
            // Only differences count.
            epoch: tokio::time::Instant::now().into_std(),
            endpoint: Endpoint::new(Arc::new(config), server, true, None),
            config: client,
            start: flow.start,
            connection: None,
            is_stirred: false,
            seconds: Vec::new(),
            streams: Vec::new(),
            asked: None,
            ask_at: None,
            answered: 0,
            pings: Vec::new(),
        }
    }

    /// When it wants to be driven though nothing has come.
    pub(super) fn wakes_at(&mut self) -> Option<Duration> {
        let epoch = self.epoch;
        let Some((_, connection)) = &mut self.connection else { return self.config.as_ref().map(|_| self.start) };
        let timer = connection.poll_timeout().map(|at| at.saturating_duration_since(epoch));
        self.ask_at.into_iter().chain(timer).min()
    }

    /// Takes a datagram in.
    pub(super) fn receive(&mut self, now: Duration, datagram: BytesMut) {
        self.is_stirred = true;
        let (at, from) = (self.epoch + now, address(if self.role == Role::Sender { Role::Receiver } else { Role::Sender }));
        match self.endpoint.handle(at, from, None, None, datagram, &mut Vec::new()) {
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                let (_, connection) = self.connection.as_mut().expect("the endpoint knows it");
                connection.handle_event(event);
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                let accepted = self.endpoint.accept(incoming, at, &mut Vec::new(), None).ok();
                self.connection = accepted.map(|(handle, mut connection)| {
                    // As `Profile::settle` does once it is known who this is.
                    connection.set_receive_window(VarInt::MAX);
                    (handle, connection)
                });
            }
            // What the endpoint answers by itself is for strangers.
            Some(DatagramEvent::Response(_)) | None => {}
        }
    }

    /// Does what is due, and sends what may be sent.
    pub(super) fn drive(&mut self, now: Duration, mut send: impl FnMut(&[u8])) {
        if self.wakes_at().is_some_and(|at| at <= now) {
            self.wake(now);
        }
        if !std::mem::take(&mut self.is_stirred) {
            return;
        }
        self.work(now);
        let at = self.epoch + now;
        let Some((handle, connection)) = &mut self.connection else { return };
        let mut buffer = Vec::new();
        while let Some(transmit) = connection.poll_transmit(at, BATCH, &mut buffer) {
            buffer.chunks(transmit.segment_size.unwrap_or(buffer.len())).for_each(&mut send);
            buffer.clear();
        }
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
    }

    /// What arrived in each second of so many.
    pub(super) fn into_arrived(mut self, length: Duration) -> Vec<u64> {
        self.seconds.resize(usize::try_from(length.as_secs()).expect("seconds"), 0);
        self.seconds
    }

    /// How long each answer took.
    pub(super) fn into_pings(self) -> Vec<Duration> {
        self.pings
    }

    fn wake(&mut self, now: Duration) {
        self.is_stirred = true;
        let at = self.epoch + now;
        if let Some((_, connection)) = &mut self.connection {
            connection.handle_timeout(at);
        } else if let Some(config) = self.config.take() {
            let connected = self.endpoint.connect(at, config, address(Role::Receiver), NAME);
            self.connection = Some(connected.expect("the configuration is good"));
        }
    }

    fn work(&mut self, now: Duration) {
        let Some((_, connection)) = &mut self.connection else { return };
        while let Some(event) = connection.poll() {
            if let Event::ConnectionLost { reason } = event {
                panic!("a simulated connection was lost after {now:?}: {reason}");
            }
        }
        if connection.is_handshaking() {
            return;
        }
        match self.role {
            Role::Sender => self.ask_and_fill(now),
            Role::Receiver => self.empty_and_answer(now),
        }
    }

    fn ask_and_fill(&mut self, now: Duration) {
        let Some((_, connection)) = &mut self.connection else { return };
        while self.streams.len() < 2 {
            let Some(stream) = connection.streams().open(Dir::Bi) else { return };
            self.streams.push(stream);
            self.ask_at = Some(now);
        }
        let [bulk, ping] = [self.streams[0], self.streams[1]];
        // As the production does with a stream that has sent much.
        connection.send_stream(bulk).set_priority(-1).expect("it is open");
        if read(connection, ping) > 0 {
            self.pings.extend(self.asked.take().map(|asked| now - asked));
            self.ask_at = Some(now + PAUSE);
        }
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask_at = None;
            self.asked = Some(now);
            connection.send_stream(ping).write(&[0; PING]).expect("so little always fits");
        }
        while connection.send_stream(bulk).write_chunks(&mut [Bytes::from_static(&BULK)]).is_ok() {}
    }

    fn empty_and_answer(&mut self, now: Duration) {
        let Some((_, connection)) = &mut self.connection else { return };
        while let Some(stream) = connection.streams().accept(Dir::Bi) {
            self.streams.push(stream);
        }
        let Some(bulk) = self.streams.first() else { return };
        let second = usize::try_from(now.as_secs()).expect("seconds");
        if self.seconds.len() <= second {
            self.seconds.resize(second + 1, 0);
        }
        self.seconds[second] += u64::try_from(read(connection, *bulk)).expect("bytes");
        let Some(ping) = self.streams.get(1) else { return };
        self.answered += read(connection, *ping);
        while self.answered >= PING {
            self.answered -= PING;
            connection.send_stream(*ping).write(&[0; PING]).expect("so little always fits");
        }
    }
}

/// Reads everything that is there; how much that was.
fn read(connection: &mut Connection, stream: StreamId) -> usize {
    let (mut stream, mut length) = (connection.recv_stream(stream), 0);
    let Ok(mut chunks) = stream.read(true) else { return 0 };
    while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
        length += chunk.bytes.len();
    }
    // What is to be sent because of it goes with what is sent anyway.
    let _ = chunks.finalize();
    length
}

fn address(role: Role) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1 + role as u8), 3024))
}
