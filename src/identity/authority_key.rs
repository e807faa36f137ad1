//! Which authority a certificate says that it is of. For bookkeeping alone: whether it is true, only a handshake proves.

use std::fmt;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::ParsedExtension;

/// Bytes of a key identifier, as this program's authorities make them.
const LEN: usize = 20;

/// The identifier of an authority's key (RFC 5280, section 4.2.1.2): in its own certificate and in those that it issues.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityKey([u8; LEN]);

impl AuthorityKey {
    /// The key of the authority with this certificate.
    pub fn of_authority(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        parsed.extensions().iter().find_map(|extension| {
            let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() else { return None };
            id.0.try_into().ok().map(Self)
        })
    }

    /// The key that a leaf says it was signed with.
    pub fn of_issuer(leaf: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf).ok()?;
        parsed.extensions().iter().find_map(|extension| {
            let ParsedExtension::AuthorityKeyIdentifier(id) = extension.parsed_extension() else { return None };
            id.key_identifier.as_ref()?.0.try_into().ok().map(Self)
        })
    }
}

impl fmt::Display for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use warren_raft::{ClusterId, ProxyId};

    use super::*;
    use crate::identity::{Authority, Identity, MachineKey};
    use crate::net::Env;

    #[test]
    fn a_leaf_names_the_authority_that_issued_it() {
        let env = Env::real();
        let id = Identity::proxy(ClusterId([1; 16]), ProxyId(1));
        let [old, new] = [(); 2].map(|()| Authority::create(id.cluster, "lab", &env).expect("created"));
        let csr = MachineKey::generate(&env.entropy).csr();
        let keys = [&old, &new].map(|authority| AuthorityKey::of_authority(authority.certificate_der()));
        let issuers = [&old, &new].map(|authority| {
            let issued = authority.issue(&csr, &id, Duration::from_secs(60), &env).expect("issued");
            AuthorityKey::of_issuer(&issued.certificate)
        });
        assert!(keys[0].is_some() && keys[0] != keys[1]);
        assert_eq!(keys, issuers);
        assert_eq!(AuthorityKey::of_issuer(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
