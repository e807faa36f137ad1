//! Who is who: the cluster's authority, machines' keys and certificates, enrolment tokens, and TLS that checks all of it.
//!
//! A certificate's only meaning is the URI in it: cluster, role and name. Every check runs in the handshake, and always in the same order: the
//! chain first, then the identity, from the same leaf. This module must never take an identity from a certificate that the
//! handshake did not prove, never let a private key leave its machine, and never show a secret in a log.
//!
//! Read in this order: [`uri`] (an identity), [`key`] (a machine's key), [`request`] and [`authority`] (how it gets its certificate),
//! [`credentials`] and [`store`] (what it keeps), [`token`] and [`enroll`] (how it enrols), [`known`] (the proxies it knows), [`policy`] and [`tls`] (how the others check it).

mod armour;
pub mod authority;
pub mod authority_key;
pub mod credentials;
pub mod enroll;
pub(crate) mod entrance;
pub mod fingerprint;
mod holdings;
pub mod key;
pub mod known;
pub mod policy;
pub mod renewal;
pub mod request;
pub mod secret;
pub mod store;
pub mod tls;
pub mod token;
pub mod uri;

pub use authority::{Authority, IssueError, Issued};
pub use authority_key::AuthorityKey;
pub use credentials::{Credentials, CredentialsHandle, MAX_AUTHORITIES};
pub use key::MachineKey;
pub use known::KnownProxies;
pub use policy::{Policy, Refusal};
pub use request::{RequestError, SigningRequest, key_hash_of_csr};
pub use secret::{ClientSecret, SecretError};
pub use store::{CredentialStore, StoreError};
pub use tls::{Alpn, ClientTls, IngressTls, ServerTls, peer_identity, peer_serial};
pub use token::{Token, TokenSecret};
/// How long a certificate lives, unless it is configured. It is renewed when two thirds are over.
pub const LIFETIME: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// The longest that one may live: so long a revoked one may have to be remembered.
pub const LONGEST_LIFETIME: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

pub use uri::{Identity, IdentityError, Role};
