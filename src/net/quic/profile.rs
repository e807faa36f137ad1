//! What a connection is for, and the transport settings that follow. The measurements behind the numbers are in the performance
//! chapter of the design.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::{MtuDiscoveryConfig, TransportConfig, VarInt};

use super::send_room::MIN_SEND_WINDOW;
use super::settings::{CongestionControl, Settings};
use super::window::StreamWindow;

/// The largest UDP payload that can be sent or received: what IPv4 carries.
pub(super) const MAX_UDP_PAYLOAD: u16 = 65_507;
/// The largest UDP payload tried across the internet: Ethernet's 1500 less IPv4's and UDP's headers. What a route of IPv6 carries is less.
const INTERNET_UDP_PAYLOAD: u16 = 1472;
/// What every QUIC path must carry (RFC 9000, section 14).
pub(super) const MIN_UDP_PAYLOAD: u16 = 1200;
/// Nobody accepts unidirectional streams yet: what came on one would fill memory that nobody empties.
const UNI_STREAMS: u32 = 0;

/// What a peer may have on its way on a control connection, in bytes: some of its largest messages.
const CONTROL_WINDOW: u32 = 64 << 20;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Raft, leases and queries between two proxies, one stream per request from either side.
    PeerControl,
    /// Dials between two proxies, one stream each, from either side.
    PeerBulk,
    /// An agent's tunnel: the agent dials, the proxy opens a stream per dial.
    Tunnel,
    /// A client's connection: the client opens a stream per dial.
    Client,
    /// One request of a machine that has no identity yet.
    Enroll,
}

/// A socket that accepts; one set of transport settings has to do for all its protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Port {
    /// Peers only.
    Peer,
    /// Agents, clients and machines that enrol.
    Public,
}

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that connects.
    Dialler,
    /// The one that listens.
    Acceptor,
}

impl Profile {
    /// How many streams the other side may have open at `side` at first. Each allowed stream costs some 83 bytes whether it is used or not, so
    /// a side that needs more raises it at run time (`quinn::Connection::set_max_concurrent_bi_streams`).
    pub fn streams(self, side: Side) -> VarInt {
        VarInt::from_u32(match (self, side) {
            (Self::PeerControl, _) => 64,
            (Self::PeerBulk, _) | (Self::Tunnel, Side::Dialler) | (Self::Client, Side::Acceptor) => 100,
            // The one on which it says its hello, and one more that nobody reads yet: what it holds is one window.
            (Self::Tunnel, Side::Acceptor) => 2,
            (Self::Client, Side::Dialler) => 1,
            (Self::Enroll, Side::Acceptor) => 1,
            (Self::Enroll, Side::Dialler) => 0,
        })
    }

    /// The settings of a connection that is dialled to `remote`, of which nothing is known.
    pub fn dialling(self, remote: SocketAddr, settings: &Settings) -> Arc<TransportConfig> {
        self.dialling_with(StreamWindow::towards(remote), remote, settings)
    }

    /// The settings of a connection that is dialled to `remote`, with the window that suits the path.
    pub fn dialling_with(self, window: StreamWindow, remote: SocketAddr, settings: &Settings) -> Arc<TransportConfig> {
        let mut config = base(self.stream_window(window), self.idle_timeout());
        config
            .receive_window(self.receive_window())
            .max_concurrent_bidi_streams(self.streams(Side::Dialler))
            .keep_alive_interval(self.keep_alive())
            .congestion_controller_factory(self.congestion_control(settings).factory())
            .mtu_discovery_config(Some(discover_up_to(self.max_payload(remote).min(settings.max_udp_payload))));
        Arc::new(config)
    }

    /// Sets what the acceptor could not know before the handshake had told the protocol.
    pub fn settle(self, connection: &quinn::Connection) {
        connection.set_max_concurrent_bi_streams(self.streams(Side::Acceptor));
        connection.set_receive_window(self.receive_window());
    }

    /// What may be in flight on all streams of a connection. Where each stream is bounded, a bound on the whole connection would let a few
    /// readers that stall stop all the others.
    fn receive_window(self) -> VarInt {
        match self {
            Self::PeerBulk | Self::Tunnel | Self::Client => VarInt::MAX,
            // Nothing stalls here: every message is read within a deadline, whatever becomes of it.
            Self::PeerControl => VarInt::from_u32(CONTROL_WINDOW),
            Self::Enroll => VarInt::from_u32(StreamWindow::MESSAGE.bytes()),
        }
    }

    fn congestion_control(self, settings: &Settings) -> CongestionControl {
        match self {
            Self::PeerControl | Self::PeerBulk => settings.peer_congestion_control,
            Self::Tunnel | Self::Client | Self::Enroll => settings.tunnel_congestion_control,
        }
    }

    /// Only the dialler asks for signs of life; the answers serve both sides.
    fn keep_alive(self) -> Option<Duration> {
        match self {
            Self::PeerControl => Some(Duration::from_secs(1)),
            // Whether the peer lives is seen from control, over the same path: these only must not end while nothing runs over them.
            Self::PeerBulk => Some(Duration::from_secs(2)),
            // An agent asks its proxy for a sign of life every second to three, which is one of QUIC's too. This is for when it does not: before its tunnel is welcomed.
            Self::Tunnel => Some(Duration::from_secs(4)),
            // An enrolment's answer may take as long as a commit does, and nothing else is said meanwhile.
            Self::Client | Self::Enroll => Some(Duration::from_secs(3)),
        }
    }

    fn idle_timeout(self) -> Duration {
        match self {
            Self::PeerControl | Self::PeerBulk => Duration::from_secs(5),
            Self::Tunnel | Self::Client | Self::Enroll => Duration::from_secs(10),
        }
    }

    fn stream_window(self, of_path: StreamWindow) -> StreamWindow {
        match self {
            Self::PeerControl | Self::PeerBulk | Self::Tunnel | Self::Client => of_path,
            Self::Enroll => StreamWindow::MESSAGE,
        }
    }

    /// Within a machine or a site larger packets are worth the search; across the internet each probe is a loss, and an interface with large packets (a cloud's have
    /// 9,001 bytes) says nothing of what comes behind it.
    fn max_payload(self, remote: SocketAddr) -> u16 {
        match self {
            Self::PeerControl | Self::PeerBulk => MAX_UDP_PAYLOAD,
            Self::Tunnel | Self::Client if is_near(remote.ip()) => MAX_UDP_PAYLOAD,
            Self::Tunnel | Self::Client | Self::Enroll => INTERNET_UDP_PAYLOAD,
        }
    }
}

impl Port {
    /// The settings of a connection that the socket accepts, until [`Profile::settle`], where nothing is known of the path.
    pub fn accepting(self, settings: &Settings) -> Arc<TransportConfig> {
        self.accepting_with(StreamWindow::MOST, settings)
    }

    /// The largest UDP payload that is tried towards whoever connects from `remote`. `settings` are those towards there.
    pub(super) fn max_payload(self, remote: SocketAddr, settings: &Settings) -> u16 {
        let profile = match self {
            Self::Peer => Profile::PeerBulk,
            Self::Public => Profile::Tunnel,
        };
        profile.max_payload(remote).min(settings.max_udp_payload)
    }

    /// The settings of a connection that the socket accepts, until [`Profile::settle`], with the window that suits the path.
    pub fn accepting_with(self, window: StreamWindow, settings: &Settings) -> Arc<TransportConfig> {
        // Strangers get through the handshake of the public port too: until it is settled who this is, it may send as much as they. A peer's hello says what its
        // connection is for.
        let (first, timeout, of_all) = match self {
            Self::Peer => (Profile::PeerControl, Profile::PeerControl.idle_timeout(), Profile::PeerControl.receive_window()),
            Self::Public => (Profile::Tunnel, Profile::Tunnel.idle_timeout(), Profile::Enroll.receive_window()),
        };
        let mut config = base(window, timeout);
        config
            .max_concurrent_bidi_streams(first.streams(Side::Acceptor))
            .receive_window(of_all)
            .congestion_controller_factory(first.congestion_control(settings).factory())
            .mtu_discovery_config(Some(discover_up_to(settings.max_udp_payload)));
        Arc::new(config)
    }
}

fn base(stream_window: StreamWindow, idle_timeout: Duration) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .stream_receive_window(VarInt::from_u32(stream_window.bytes()))
        // Memory is bounded by streams times their windows. A bound on the whole connection would let a few readers that stall
        // stop all the others.
        .receive_window(VarInt::MAX)
        .send_window(MIN_SEND_WINDOW)
        .send_fairness(true)
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS))
        .datagram_receive_buffer_size(None)
        .initial_mtu(MIN_UDP_PAYLOAD)
        .min_mtu(MIN_UDP_PAYLOAD)
        .max_idle_timeout(Some(idle_timeout.try_into().expect("seconds fit into a VarInt of milliseconds")));
    config
}

fn discover_up_to(upper_bound: u16) -> MtuDiscoveryConfig {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(upper_bound);
    discovery
}

/// Whether the address is of this machine or of a private network.
fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_packets_are_tried_where_they_may_pass() {
        let table = [
            (Profile::PeerBulk, "192.0.2.1:3021", MAX_UDP_PAYLOAD),
            (Profile::Tunnel, "127.0.0.1:3024", MAX_UDP_PAYLOAD),
            (Profile::Tunnel, "10.1.2.3:3024", MAX_UDP_PAYLOAD),
            (Profile::Tunnel, "[::ffff:10.1.2.3]:3024", MAX_UDP_PAYLOAD),
            (Profile::Tunnel, "[fd00::1]:3024", MAX_UDP_PAYLOAD),
            (Profile::Tunnel, "192.0.2.1:3024", 1472),
            (Profile::Client, "[2001:db8::1]:3024", 1472),
            (Profile::Enroll, "127.0.0.1:3024", 1472),
        ];
        for (profile, remote, expected) in table {
            assert_eq!(profile.max_payload(remote.parse().expect("an address")), expected, "{profile:?} to {remote}");
        }
    }
}
