//! What the doctor looks at.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use warren_raft::Timestamp;

use crate::target::Target;

/// This machine, as far as it matters to warren. What could not be found out says why.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time of day.
    pub now: Timestamp,
    /// The buffers of a UDP socket.
    pub buffers: Result<Buffers, String>,
    /// What the kernel does for many packets at once.
    pub offload: Result<Offload, String>,
    /// The network interfaces that are up, without loopback.
    pub interfaces: Vec<Interface>,
    /// The ways to the proxies that are known.
    pub routes: Vec<Route>,
    /// What came of talking to them.
    pub reaches: Vec<Reach>,
    /// The other proxies of the cluster, as the proxy of this configuration has them while it runs.
    pub peers: Vec<Peer>,
    /// The limit of open files.
    pub files: Files,
    /// Processors that this process may use.
    pub processors: usize,
    /// Where the configuration listens.
    pub ports: Vec<Port>,
    /// The ways in for programs that know nothing of warren.
    pub ways: Vec<Way>,
    /// What the agent of the configuration publishes.
    pub targets: Vec<Published>,
    /// The proxy that was asked, where that is another one than the configuration's.
    pub asked: Option<String>,
    /// The file systems that state is kept on.
    pub disks: Vec<Disk>,
    /// The files that secrets are still to be read from.
    pub secrets: Vec<SecretFile>,
    /// The identities that the configuration names, and the client's.
    pub certificates: Vec<Certificate>,
}

/// Another proxy, to this machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where it is reached on the peer port.
    pub address: String,
    /// The round trip; `None` without a connection.
    pub round_trip: Option<Duration>,
}

/// What came of a QUIC handshake with a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Where, as it is known here.
    pub to: String,
    /// To whom.
    pub address: SocketAddr,
    /// As whom: `agent`, `client` or, without an identity, `stranger`.
    pub party: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a QUIC handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was made.
    Met {
        /// The round trip.
        round_trip: Duration,
        /// The largest UDP payload that was found to get there.
        payload: u16,
        /// By how many milliseconds the proxy's clock is ahead of this machine's, where the proxy tells.
        ahead_ms: Option<i64>,
    },
    /// Somebody answered and did not want this machine, or is not wanted by it.
    Refused(String),
    /// Nobody answered in time.
    Silent,
    /// Nothing could be sent.
    NotSent(String),
}

/// The buffers of a UDP socket, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// What the configuration asks for.
    pub asked: usize,
    /// What the kernel gave to receive.
    pub receive: usize,
    /// What the kernel gave to send.
    pub send: usize,
}

/// Packets that go to the kernel, or come from it, as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// How many at most when sending (GSO); 1 without.
    pub sent_together: usize,
    /// How many at most when receiving (GRO); 1 without.
    pub received_together: usize,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its largest packet of IP, in bytes.
    pub mtu: u32,
}

/// The way to a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// As the configuration says it.
    pub to: String,
    /// The largest UDP payload to each address; `None` where no route leads.
    pub payloads: Result<Vec<(SocketAddr, Option<u16>)>, String>,
}

/// Open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// The limit of this process; `None` when there is none.
    pub limit: Option<u64>,
    /// What the configuration can use.
    pub needed: u64,
}

/// A port of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its key in the configuration.
    pub key: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who has it now.
    pub occupant: Occupant,
}

/// A way in, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where it listens.
    pub port: Port,
    /// Where it leads, if that is one target.
    pub lead: Option<Lead>,
}

/// What a way in leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// The target.
    pub target: Target,
    /// Whether it is there; `None` where no proxy says so.
    pub leads: Option<Leads>,
}

/// Whether a target is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// So many agents that are online publish it.
    To(u64),
    /// Agents publish it, of which none is online.
    Offline,
    /// Nobody publishes it.
    Nowhere,
}

/// A service that the agent of the configuration publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub service: String,
    /// Where the agent looks for it.
    pub target: String,
    /// Whether it is there.
    pub taking: Taking,
}

/// Whether a target takes connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It does.
    Yes,
    /// It does not, for this reason.
    No(String),
    /// It did not answer in time.
    Silent,
}

/// The file system that something is kept on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Whose state: `proxy` or `agent`.
    pub of: &'static str,
    /// The directory.
    pub path: PathBuf,
    /// How many bytes are free; `None` where that is not told.
    pub free: Option<u64>,
    /// Below how many nothing is written.
    pub least: u64,
}

/// A file with a secret that is needed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// Its key in the configuration.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why it cannot be read.
    pub error: Option<String>,
}

/// What is spoken at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Protocol {
    /// The word behind an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// Who has a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occupant {
    /// Nobody.
    Nobody,
    /// The proxy of this configuration, which answers on its admin socket.
    Warren,
    /// Nobody, though the proxy of this configuration runs.
    Absent,
    /// Somebody, maybe the proxy of this configuration, which cannot be asked for this reason.
    Unasked(String),
    /// Some other program.
    Other,
    /// It cannot be had at all.
    Refused(String),
}

/// An identity on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose: `proxy`, `agent` or `client`.
    pub of: &'static str,
    /// The directory.
    pub path: PathBuf,
    /// Until when it is good.
    pub lifetime: Lifetime,
}

/// How long a certificate is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// There is none yet.
    Absent,
    /// Until then.
    Until(Timestamp),
    /// From then on: it is still to come.
    From(Timestamp),
    /// It cannot be read.
    Unreadable(String),
}

/// Facts for tests.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A machine with something of everything.
    pub(crate) fn machine() -> Facts {
        let address = |text: &str| text.parse().expect("an address");
        Facts {
            now: Timestamp(1_790_000_000_000),
            buffers: Ok(Buffers { asked: 4 << 20, receive: 212_992, send: 212_992 }),
            offload: Ok(Offload { sent_together: 64, received_together: 46 }),
            interfaces: vec![Interface { name: "eth0".into(), mtu: 9000 }],
            routes: vec![Route { to: "p:3024".into(), payloads: Ok(vec![(address("192.0.2.1:3024"), Some(8972))]) }],
            reaches: vec![
                Reach {
                    to: "p:3024".into(),
                    address: address("192.0.2.1:3024"),
                    party: "agent",
                    outcome: Outcome::Met { round_trip: Duration::from_micros(1_250), payload: 8972, ahead_ms: Some(12) },
                },
                Reach { to: "q:3024".into(), address: address("192.0.2.2:3024"), party: "agent", outcome: Outcome::Silent },
            ],
            peers: vec![
                Peer { name: "proxy-2".into(), address: "192.0.2.2:3021".into(), round_trip: Some(Duration::from_micros(900)) },
                Peer { name: "proxy-3".into(), address: "192.0.2.3:3021".into(), round_trip: None },
            ],
            files: Files { limit: Some(1024), needed: 1280 },
            processors: 2,
            ports: vec![Port {
                key: "peer.listen".into(),
                protocol: Protocol::Udp,
                listen: address("0.0.0.0:3021"),
                occupant: Occupant::Other,
            }],
            ways: vec![Way {
                port: Port {
                    key: "ingress.tcp".into(),
                    protocol: Protocol::Tcp,
                    listen: address("127.0.0.1:5432"),
                    occupant: Occupant::Warren,
                },
                lead: Some(Lead { target: "any/postgres".parse().expect("a target"), leads: Some(Leads::Nowhere) }),
            }],
            targets: vec![Published {
                service: "ssh".into(),
                target: "127.0.0.1:22".into(),
                taking: Taking::No("Connection refused (os error 111)".into()),
            }],
            asked: None,
            disks: vec![Disk { of: "proxy", path: "/var/lib/warren".into(), free: Some(90 << 20), least: 32 << 20 }],
            secrets: vec![SecretFile {
                key: "agent.token_file",
                path: "/etc/warren/token".into(),
                error: Some("permission denied".into()),
            }],
            certificates: vec![Certificate {
                of: "proxy",
                path: "/var/lib/warren/identity".into(),
                lifetime: Lifetime::Until(Timestamp(1_790_080_000_000)),
            }],
        }
    }
}
