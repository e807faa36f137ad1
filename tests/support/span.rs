//! Two machines and a line between them on which every packet is delayed, queued and lost by a program: TCP and QUIC see the same line.
//!
//! Kernels often lack netem. Each machine is a network namespace whose only cable ends at a packet socket of the carrier ([`carrier`]), in a namespace of its own.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::carrier::{Carrier, ETHERNET};
use super::link::{Count, Path, Shape};
use super::namespaces::ip;
use super::{installed, is_root, not_run};

/// ETH_P_ALL, every protocol, as a packet socket wants it: in network order.
const ALL_PROTOCOLS: i32 = 0x0003_u16.to_be() as i32;
/// AF_PACKET.
const PACKETS: i32 = 17;
/// What a packet socket may hold, so that only the line loses packets.
const BUFFER: usize = 8 << 20;
/// How long a carrier waits before it looks whether it is to end, and how long a new line may take to show its first packet.
const LOOK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);
/// RFC 863, discard.
const DISCARD: u16 = 9;

/// A side of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Where the proxies are.
    Core = 0,
    /// Where the agent is.
    Edge = 1,
}

impl Side {
    /// Both.
    pub(crate) const BOTH: [Self; 2] = [Self::Core, Self::Edge];

    fn other(self) -> Self {
        match self {
            Self::Core => Self::Edge,
            Self::Edge => Self::Core,
        }
    }
}

/// Two machines and the line between them. Dropping it removes them.
#[derive(Debug)]
pub(crate) struct Span {
    // The carrier goes before the machines do.
    carrier: Option<Carrier>,
    prefix: String,
}

impl Span {
    /// A line that is the same in both directions; `None`, and a line of text that says so, where that is not possible. The seed decides what is lost.
    pub(crate) fn new(test: &str, shape: Shape, seed: u64) -> Option<Self> {
        if !is_root() {
            not_run(test, "network namespaces and packet sockets need root");
            return None;
        }
        if installed("ip").is_none() {
            not_run(test, "not installed: ip");
            return None;
        }
        let mut made = Self { carrier: None, prefix: format!("warren-{}-{seed}", std::process::id()) };
        match made.lay(shape, seed) {
            Ok(carrier) => made.carrier = Some(carrier),
            Err(error) => {
                not_run(test, &format!("no emulated line: {error}"));
                return None;
            }
        }
        Some(made)
    }

    /// The address of a machine.
    pub(crate) fn address(&self, side: Side) -> Ipv4Addr {
        address(side)
    }

    /// Does something on a machine: processes that it starts belong there.
    pub(crate) fn on<T: Send>(&self, side: Side, work: impl FnOnce() -> T + Send) -> T {
        within(&self.name(side), work)
    }

    /// From now on the line is like this, in both directions.
    pub(crate) fn change(&self, shape: Shape) {
        self.carrier.as_ref().expect("it is laid").change(shape);
    }

    /// What became of the packets from a side.
    pub(crate) fn count(&self, from: Side) -> Count {
        self.carrier.as_ref().expect("it is laid").counts()[from as usize]
    }

    fn name(&self, side: Side) -> String {
        format!("{}-{}", self.prefix, if side == Side::Core { "core" } else { "edge" })
    }

    fn wire(&self, side: Side) -> String {
        format!("{}-wire", self.name(side))
    }

    fn lay(&self, shape: Shape, seed: u64) -> Result<Carrier, String> {
        Side::BOTH.into_iter().try_for_each(|side| self.plug_in(side))?;
        let shown = |error: io::Error| error.to_string();
        let [core, edge] = Side::BOTH.map(|side| self.tap(side).map_err(shown));
        let (core, edge) = (core?, edge?);
        let paths = [Path::new(shape, seed), Path::new(shape, seed.wrapping_add(1))];
        Carrier::start([core, edge], paths).map_err(shown)
    }

    fn plug_in(&self, side: Side) -> Result<(), String> {
        let (name, wire) = (self.name(side), self.wire(side));
        ip(&format!("netns add {name}"))?;
        ip(&format!("netns add {wire}"))?;
        ip(&format!("-n {name} link set lo up"))?;
        ip(&format!("-n {name} link add eth0 type veth peer name wire netns {wire}"))?;
        // What passes are packets as they would be on a wire, not what the kernel would have cut into packets later. And nobody asks for
        // hardware addresses: those questions would be lost as well, and asked again only after a second.
        ip(&format!("-n {name} link set eth0 address {} gso_max_segs 1", hardware(side)))?;
        ip(&format!("-n {name} address add {}/24 dev eth0", address(side)))?;
        ip(&format!("-n {wire} link set wire up"))?;
        ip(&format!("-n {name} link set eth0 up"))?;
        ip(&format!("-n {name} neigh replace {} lladdr {} dev eth0 nud permanent", address(side.other()), hardware(side.other())))
    }

    /// The far end of a machine's cable, and the address by which packets are sent into it.
    fn tap(&self, side: Side) -> io::Result<(Socket, SockAddr)> {
        let socket = within(&self.wire(side), || {
            let socket = Socket::new(Domain::from(PACKETS), Type::RAW, Some(Protocol::from(ALL_PROTOCOLS)))?;
            // The kernel may grant less.
            let _ = socket.set_recv_buffer_size(BUFFER).and_then(|()| socket.set_send_buffer_size(BUFFER));
            socket.set_read_timeout(Some(PATIENCE))?;
            io::Result::Ok(socket)
        })?;
        // A packet that comes out says which interface it came from: the address of the cable.
        self.on(side, || speak(address(side.other())))?;
        let (_, cable) = socket.recv_from(&mut [MaybeUninit::uninit(); ETHERNET])?;
        socket.set_read_timeout(Some(LOOK))?;
        Ok((socket, cable))
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        drop(self.carrier.take());
        for side in Side::BOTH {
            // It fails for one that was never made.
            let _ = ip(&format!("netns del {}", self.name(side)));
            let _ = ip(&format!("netns del {}", self.wire(side)));
        }
    }
}

/// Sends a datagram that nobody waits for.
fn speak(to: Ipv4Addr) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.send_to(&[0], &SocketAddr::from((to, DISCARD)).into()).map(drop)
}

fn address(side: Side) -> Ipv4Addr {
    Ipv4Addr::new(10, 78, 0, 1 + side as u8)
}

fn hardware(side: Side) -> String {
    format!("02:00:00:00:00:0{}", 1 + side as u8)
}

fn within<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    let place = File::open(format!("/run/netns/{namespace}")).expect("its namespace");
    thread::scope(|scope| {
        let there = scope.spawn(move || {
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
            work()
        });
        there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
