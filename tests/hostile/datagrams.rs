//! First packets of QUIC handshakes, to be sent by anybody from anywhere.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn_proto::{ConnectionId, EndpointConfig};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use rustls::RootCertStore;
use socket2::{Domain, Socket, Type};
use tokio::time::Instant;

/// How the first connection id of a handshake begins that asks to be driven where Raft is.
const CONTROL: &[u8; 4] = b"ctrl";

/// Handshakes with a proxy that never go beyond their first packet.
pub(crate) struct FirstPackets {
    endpoint: quinn_proto::Endpoint,
    config: quinn_proto::ClientConfig,
    to: SocketAddr,
}

impl FirstPackets {
    /// First packets to `to` that offer this protocol; with the mark or without.
    pub(crate) fn new(to: SocketAddr, alpn: &[u8], is_marked: bool) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let mut tls = versions.expect("TLS 1.3").with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let tls: QuicClientConfig = tls.try_into().expect("AES is there");
        let mut config = quinn_proto::ClientConfig::new(Arc::new(tls));
        config.initial_dst_cid_provider(Arc::new(move || {
            let mut id = [0; 20];
            rand::rng().fill_bytes(&mut id);
            if is_marked {
                id[..CONTROL.len()].copy_from_slice(CONTROL);
            }
            ConnectionId::new(&id)
        }));
        let endpoint = quinn_proto::Endpoint::new(Arc::new(EndpointConfig::default()), None, true, None);
        Self { endpoint, config, to }
    }

    /// The first packet of another handshake.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let now = Instant::now().into_std();
        let (_, mut connection) = self.endpoint.connect(now, self.config.clone(), self.to, "warren").expect("it dials");
        let mut packet = Vec::new();
        let sent = connection.poll_transmit(now, 1, &mut packet).expect("a packet");
        packet.truncate(sent.size);
        packet
    }
}

/// A socket at the address of this machine with this number: all of 127.0.0.0/8 is its own.
pub(crate) fn socket(number: u32) -> UdpSocket {
    // Not 127.0.0.x, where everybody else is.
    let [_, a, b, c] = (0x0001_0001 + number).to_be_bytes();
    socket_at(Ipv4Addr::new(127, a, b, c))
}

/// A socket at this address of this machine.
pub(crate) fn socket_at(address: Ipv4Addr) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((address, 0)).into()).expect("a port");
    socket.into()
}

/// Whether it is a Retry (RFC 9000, section 17.2.5).
pub(crate) fn is_retry(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first & 0xf0 == 0xf0)
}

/// What may arrive where QUIC is expected: noise, packets that are cut, changed or sent again.
pub(crate) fn garbage(first: &[u8], count: usize, seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let (first, mut rng) = (first.to_vec(), StdRng::seed_from_u64(seed));
    (0..count).map(move |number| match number % 4 {
        0 => {
            let mut noise = vec![0; rng.random_range(1..1500)];
            rng.fill_bytes(&mut noise);
            noise
        }
        1 => first[..rng.random_range(1..first.len())].to_vec(),
        2 => {
            let (mut changed, at) = (first.clone(), rng.random_range(0..first.len()));
            changed[at] ^= 1 << rng.random_range(0..8);
            changed
        }
        _ => first.clone(),
    })
}
