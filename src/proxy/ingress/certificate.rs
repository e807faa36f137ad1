//! What a way in shows to clients that come by TLS: a certificate of the cluster's authority for the names by which this proxy is reached.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use warren_raft::Timestamp;

use crate::identity::MachineKey;
use crate::proxy::issuing::Issuing;

/// Makes the certificate when it is first needed, and anew when two thirds of its life are over or the authority is another one.
pub(in crate::proxy) struct ServerCertificate {
    issuing: Issuing,
    names: Vec<String>,
    key: MachineKey,
    made: Mutex<Option<Made>>,
}

struct Made {
    presented: Arc<CertifiedKey>,
    renew_at: Timestamp,
    authority: Vec<u8>,
}

impl ServerCertificate {
    /// One for these host names and addresses.
    pub(in crate::proxy) fn new(issuing: Issuing, names: Vec<String>) -> Self {
        let key = MachineKey::generate(&issuing.env.entropy.split("ingress"));
        Self { issuing, names, key, made: Mutex::default() }
    }

    fn current(&self) -> Option<Arc<CertifiedKey>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.issuing.env.wall.now();
        let table = self.issuing.store.table();
        let authority = table.presented_authority()?.certificate;
        if let Some(made) = made.as_ref().filter(|made| made.renew_at > now && made.authority == authority) {
            return Some(made.presented.clone());
        }
        match self.issuing.certify_server(&self.key, &self.names) {
            Ok((presented, not_after)) => {
                let renew_at = Timestamp(now.0 + not_after.0.saturating_sub(now.0) / 3 * 2);
                *made = Some(Made { presented: presented.clone(), renew_at, authority: authority.to_vec() });
                Some(presented)
            }
            Err(error) => {
                tracing::warn!(%error, "no certificate for a way in");
                made.as_ref().map(|made| made.presented.clone())
            }
        }
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current()
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").field("names", &self.names).finish_non_exhaustive()
    }
}
