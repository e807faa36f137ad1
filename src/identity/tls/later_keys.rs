//! The keys that the next update of a connection's keys will take into use (RFC 9001, section 6).
//!
//! QUIC has them ready from the handshake on, while most connections never come so far: made when they are first used, they cost an idle tunnel a pointer and not a
//! kilobyte.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::BytesMut;
use quinn::crypto::{CryptoError, KeyPair, PacketKey};
use rustls::quic::{PacketKeySet, Secrets};

/// Gives the keys of each update, one after another.
pub(super) struct LaterKeys {
    secrets: Arc<Mutex<Secrets>>,
    last: Option<Arc<Update>>,
}

/// The keys of one update.
struct Update {
    secrets: Arc<Mutex<Secrets>>,
    keys: OnceLock<PacketKeySet>,
}

impl LaterKeys {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { secrets: Arc::new(Mutex::new(secrets)), last: None }
    }

    /// The keys after those that were given last.
    pub(super) fn next(&mut self) -> KeyPair<Box<dyn PacketKey>> {
        // The secrets know only the next step: those before have to be taken first.
        if let Some(last) = &self.last {
            last.keys();
        }
        let update = Arc::new(Update { secrets: self.secrets.clone(), keys: OnceLock::new() });
        self.last = Some(update.clone());
        KeyPair { local: Box::new(Local(update.clone())), remote: Box::new(Remote(update)) }
    }
}

impl Update {
    fn keys(&self) -> &PacketKeySet {
        self.keys.get_or_init(|| self.secrets.lock().unwrap_or_else(PoisonError::into_inner).next_packet_keys())
    }
}

/// What this side seals with.
struct Local(Arc<Update>);
/// What the other side seals with.
struct Remote(Arc<Update>);

impl PacketKey for Local {
    fn encrypt(&self, packet: u64, buffer: &mut [u8], header_len: usize) {
        PacketKey::encrypt(&self.0.keys().local, packet, buffer, header_len);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        PacketKey::decrypt(&self.0.keys().local, packet, header, payload)
    }

    fn tag_len(&self) -> usize {
        PacketKey::tag_len(&self.0.keys().local)
    }

    fn confidentiality_limit(&self) -> u64 {
        PacketKey::confidentiality_limit(&self.0.keys().local)
    }

    fn integrity_limit(&self) -> u64 {
        PacketKey::integrity_limit(&self.0.keys().local)
    }
}

impl PacketKey for Remote {
    fn encrypt(&self, packet: u64, buffer: &mut [u8], header_len: usize) {
        PacketKey::encrypt(&self.0.keys().remote, packet, buffer, header_len);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        PacketKey::decrypt(&self.0.keys().remote, packet, header, payload)
    }

    fn tag_len(&self) -> usize {
        PacketKey::tag_len(&self.0.keys().remote)
    }

    fn confidentiality_limit(&self) -> u64 {
        PacketKey::confidentiality_limit(&self.0.keys().remote)
    }

    fn integrity_limit(&self) -> u64 {
        PacketKey::integrity_limit(&self.0.keys().remote)
    }
}
