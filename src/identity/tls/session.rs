//! TLS of one connection, which is let go when its handshake is over.
//!
//! ```text
//!  Shaking: rustls, its buffers, both chains, the judge --(finished, and nothing left to send)--> Settled: protocol and leaf
//! ```
//! What is asked of TLS afterwards is who the other side is, which protocol was agreed on, and keys for updates. quinn's own session keeps all of rustls for
//! that, some 6 kB for as long as the connection lives.
//!
//! It must *never* let go before both sides have proved who they are: `is_handshaking` is rustls's word as long as there is rustls.

use std::any::Any;
use std::io::Cursor;
use std::sync::Arc;

use quinn::crypto::rustls::HandshakeData;
use quinn::crypto::{ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session as QuicSession};
use quinn::{ConnectionId, Side, TransportErrorCode};
use quinn_proto::TransportError;
use quinn_proto::transport_parameters::TransportParameters;
use ring::aead;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::{Connection, KeyChange, Suite, Version};

use super::gate::Gate;
use super::later_keys::LaterKeys;
use super::leaf::Leaf;

/// The keys of Retry's integrity tag (RFC 9001, section 5.8).
const RETRY_KEY: [u8; 16] = [0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e];
const RETRY_NONCE: [u8; 12] = [0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb];
const RETRY_TAG: usize = 16;

/// One connection's TLS.
pub(super) struct Session {
    side: Side,
    state: State,
    later: Option<LaterKeys>,
    /// The protocol was told to quinn.
    is_announced: bool,
    /// Who judges the other side, where this one is a server.
    gate: Option<Arc<Gate>>,
}

enum State {
    Shaking(Box<Connection>),
    Settled(Box<Settled>),
}

/// What is left of a handshake.
struct Settled {
    protocol: Option<Vec<u8>>,
    leaf: Option<Leaf>,
    /// The other side's settings, which quinn asks a server for before and a client for after the end.
    parameters: Option<Box<[u8]>>,
}

impl Session {
    /// A handshake that has not begun.
    pub(super) fn new(tls: Connection) -> Self {
        let side = match tls {
            Connection::Client(_) => Side::Client,
            Connection::Server(_) => Side::Server,
        };
        Self { side, state: State::Shaking(Box::new(tls)), later: None, is_announced: false, gate: None }
    }

    /// The same, where `gate` judges the other side.
    pub(super) fn judged_by(self, gate: Arc<Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    fn protocol(&self) -> Option<&[u8]> {
        match &self.state {
            State::Shaking(tls) => tls.alpn_protocol(),
            State::Settled(settled) => settled.protocol.as_deref(),
        }
    }

    /// Lets go of what nobody asks for any more.
    fn settle(&mut self) {
        let State::Shaking(tls) = &self.state else { return };
        let parameters = match self.side {
            Side::Client => tls.quic_transport_parameters().map(Box::from),
            Side::Server => None,
        };
        self.gate = None;
        let settled = Settled { protocol: tls.alpn_protocol().map(<[u8]>::to_vec), leaf: leaf(tls), parameters };
        self.state = State::Settled(Box::new(settled));
    }
}

impl QuicSession for Session {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        let side = match side {
            Side::Client => rustls::Side::Client,
            Side::Server => rustls::Side::Server,
        };
        quic_keys(initial_suite().keys(dst_cid, side, Version::V1))
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        let protocol = self.is_announced.then(|| self.protocol().map(<[u8]>::to_vec))?;
        Some(Box::new(HandshakeData { protocol, server_name: None }))
    }

    /// A [`Leaf`].
    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        let leaf = match &self.state {
            State::Shaking(tls) => leaf(tls),
            State::Settled(settled) => settled.leaf.clone(),
        };
        leaf.map(|leaf| -> Box<dyn Any> { Box::new(leaf) })
    }

    /// There is no 0-RTT.
    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        match &self.state {
            State::Shaking(tls) => tls.is_handshaking(),
            State::Settled(_) => false,
        }
    }

    fn read_handshake(&mut self, bytes: &[u8]) -> Result<bool, TransportError> {
        let tls = match &mut self.state {
            State::Shaking(tls) => tls,
            // A ticket for a resumption, which a client may pass over (RFC 8446, section 4.6.1). A client has nothing to say (RFC 9001, section 6: nor new keys).
            State::Settled(_) => match self.side {
                Side::Client => return Ok(false),
                Side::Server => return Err(violation("a message of TLS after the handshake".to_owned())),
            },
        };
        tls.read_hs(bytes).map_err(|error| match tls.alert() {
            Some(alert) => {
                // Who was refused, for the audit log: `alert::denied` reads it from here.
                let reason = match self.gate.as_ref().and_then(|gate| gate.claimed()) {
                    Some(identity) => format!("{identity}: {error}"),
                    None => error.to_string(),
                };
                TransportError { code: TransportErrorCode::crypto(alert.into()), frame: None, reason }
            }
            None => violation(format!("TLS error: {error}")),
        })?;
        let is_new = !self.is_announced && (tls.alpn_protocol().is_some() || !tls.is_handshaking());
        self.is_announced |= is_new;
        Ok(is_new)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let bytes = match &self.state {
            State::Shaking(tls) => tls.quic_transport_parameters(),
            State::Settled(settled) => settled.parameters.as_deref(),
        };
        bytes.map(|bytes| TransportParameters::read(self.side, &mut Cursor::new(bytes))).transpose().map_err(Into::into)
    }

    fn write_handshake(&mut self, buffer: &mut Vec<u8>) -> Option<Keys> {
        let State::Shaking(tls) = &mut self.state else { return None };
        let before = buffer.len();
        let keys = match tls.write_hs(buffer) {
            Some(KeyChange::Handshake { keys }) => keys,
            Some(KeyChange::OneRtt { keys, next }) => {
                self.later = Some(LaterKeys::new(next));
                keys
            }
            None => {
                if buffer.len() == before && !tls.is_handshaking() && self.later.is_some() {
                    self.settle();
                }
                return None;
            }
        };
        Some(quic_keys(keys))
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.later.as_mut().map(LaterKeys::next)
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        is_valid_retry(orig_dst_cid, header, payload)
    }

    /// Nothing here asks for any.
    fn export_keying_material(&self, _output: &mut [u8], _label: &[u8], _context: &[u8]) -> Result<(), ExportKeyingMaterialError> {
        Err(ExportKeyingMaterialError)
    }
}

/// Whether a Retry packet comes from whom `orig_dst_cid` was dialled at (RFC 9001, section 5.8).
pub(super) fn is_valid_retry(orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
    let Some((body, tag)) = payload.split_last_chunk::<RETRY_TAG>() else { return false };
    let length = u8::try_from(orig_dst_cid.len()).unwrap_or(u8::MAX);
    let pseudo_packet = [&[length][..], orig_dst_cid, header, body].concat();
    let key = aead::UnboundKey::new(&aead::AES_128_GCM, &RETRY_KEY).expect("the key has the length that the algorithm takes");
    let nonce = aead::Nonce::assume_unique_for_key(RETRY_NONCE);
    aead::LessSafeKey::new(key).open_in_place(nonce, aead::Aad::from(pseudo_packet), &mut tag.to_owned()).is_ok()
}

/// The suite of the packets before the handshake (RFC 9001, section 5.2).
fn initial_suite() -> Suite {
    TLS13_AES_128_GCM_SHA256.tls13().and_then(rustls::Tls13CipherSuite::quic_suite).expect("it is a suite of TLS 1.3 that QUIC can have")
}

/// The settings of this side as they travel.
pub(super) fn to_vec(parameters: &TransportParameters) -> Vec<u8> {
    let mut bytes = Vec::new();
    parameters.write(&mut bytes);
    bytes
}

/// Whom the leaf that the handshake proved names.
fn leaf(tls: &Connection) -> Option<Leaf> {
    Leaf::read(tls.peer_certificates()?.first()?).ok()
}

fn quic_keys(keys: rustls::quic::Keys) -> Keys {
    let (local, remote) = (keys.local, keys.remote);
    Keys {
        header: KeyPair { local: Box::new(local.header), remote: Box::new(remote.header) },
        packet: KeyPair { local: Box::new(local.packet), remote: Box::new(remote.packet) },
    }
}

fn violation(reason: String) -> TransportError {
    TransportError { code: TransportErrorCode::PROTOCOL_VIOLATION, frame: None, reason }
}
