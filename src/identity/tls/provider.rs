//! The cryptography that is used: ring's.

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider};

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    // AES-128-GCM costs a third of ChaCha20 where the CPU has AES, and is QUIC's mandatory suite (RFC 9001, section 5.3).
    let cipher_suites =
        vec![cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, cipher_suite::TLS13_AES_256_GCM_SHA384];
    Arc::new(CryptoProvider { cipher_suites, ..default_provider() })
});

/// The one provider of this process.
pub(in crate::identity) fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}
