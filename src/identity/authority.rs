//! The cluster's certificate authority.

use std::fmt;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, SanType,
};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use warren_raft::{ClusterId, KeyHash, Serial, Timestamp};
use zeroize::Zeroizing;

use super::fingerprint::fingerprint;
use super::key::{KeyError, MachineKey};
use super::request::{RequestError, SigningRequest};
use super::uri::{Identity, IdentityError};
use crate::net::Env;

/// How long an authority's own certificate lasts.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How far a certificate's beginning lies back: a step of ten minutes of anybody's clock must not cut anybody off.
pub(super) const BACKDATED: Duration = Duration::from_secs(15 * 60);
/// The longest text that X.520 has for a name's part (ub-organization-name).
const MAX_NAME_PART: usize = 64;

/// Signs the certificates of one cluster.
pub struct Authority {
    certificate: CertificateDer<'static>,
    key: MachineKey,
}

/// A certificate fresh from the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The leaf.
    pub certificate: CertificateDer<'static>,
    /// The hash of the key it is for.
    pub key: KeyHash,
    /// Its serial number.
    pub serial: Serial,
    /// When it ceases to be valid.
    pub not_after: Timestamp,
}

impl Authority {
    /// Makes the authority of a new cluster.
    ///
    /// # Errors
    /// Only what the certificate library refuses to encode.
    pub fn create(cluster: ClusterId, cluster_name: &str, env: &Env) -> Result<Self, IssueError> {
        let key = MachineKey::generate(&env.entropy);
        let mut params = dated(env.wall.now(), AUTHORITY_LIFETIME, serial(env));
        params.distinguished_name.push(DnType::OrganizationName, cluster_name.chars().take(MAX_NAME_PART).collect::<String>());
        params.distinguished_name.push(DnType::CommonName, format!("warren ca {cluster}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(key.pair())?.der().clone();
        Ok(Self { certificate, key })
    }

    /// Takes up an authority that exists: its certificate in DER and its key in PKCS #8 DER.
    ///
    /// # Errors
    /// If either is damaged or they do not belong together.
    pub fn from_der(certificate: &[u8], key: &[u8]) -> Result<Self, AuthorityError> {
        let key = MachineKey::from_pkcs8(key)?;
        let certificate = CertificateDer::from(certificate.to_vec());
        let (rest, parsed) = x509_parser::parse_x509_certificate(&certificate).map_err(|_| AuthorityError::Certificate)?;
        if !rest.is_empty() || !parsed.is_ca() {
            return Err(AuthorityError::Certificate);
        }
        if super::fingerprint::key_hash(parsed.public_key().raw) != key.key_hash() {
            return Err(AuthorityError::OtherKey);
        }
        Ok(Self { certificate, key })
    }

    /// The authority's certificate.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's private key in PKCS #8 DER, wiped when dropped.
    pub fn key_der(&self) -> Zeroizing<Vec<u8>> {
        self.key.pkcs8()
    }

    /// SHA-256 of the certificate; tokens carry its first 16 bytes.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.certificate)
    }

    /// Issues a certificate for the key in `csr_der`, valid from now on for `lifetime`. Of the request it takes the public key alone: whatever names
    /// or extensions the machine asked for play no part. Serial numbers come from `env`; a P-256 signature's nonce is ring's and
    /// comes from the operating system.
    ///
    /// # Errors
    /// If the request cannot be trusted, or `identity` is none.
    pub fn issue(&self, csr_der: &[u8], identity: &Identity, lifetime: Duration, env: &Env) -> Result<Issued, IssueError> {
        let uri = identity.to_string();
        uri.parse::<Identity>()?;
        let usages = [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let name = format!("{} {}", identity.role, identity.name);
        self.certify(csr_der, (name, vec![SanType::URI(Ia5String::try_from(uri)?)], &usages), lifetime, env)
    }

    /// Issues a certificate for the key in `csr_der` by which a server is known to programs that know nothing of warren: for host names and addresses. It names
    /// no identity of the cluster, so that no machine of it takes it for one.
    ///
    /// # Errors
    /// If the request cannot be trusted, or a name is none.
    pub fn issue_server(&self, csr_der: &[u8], names: &[String], lifetime: Duration, env: &Env) -> Result<Issued, IssueError> {
        let name = |name: &String| match name.parse() {
            Ok(ip) => Ok(SanType::IpAddress(ip)),
            Err(_) => Ia5String::try_from(name.clone()).map(SanType::DnsName),
        };
        let names = names.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        self.certify(csr_der, ("warren ingress".to_owned(), names, &[ExtendedKeyUsagePurpose::ServerAuth]), lifetime, env)
    }

    fn certify(
        &self,
        csr_der: &[u8],
        (name, names, usages): (String, Vec<SanType>, &[ExtendedKeyUsagePurpose]),
        lifetime: Duration,
        env: &Env,
    ) -> Result<Issued, IssueError> {
        let request = SigningRequest::parse(csr_der)?;
        let (now, serial) = (env.wall.now(), serial(env));
        let mut params = dated(now, lifetime, serial);
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages.to_vec();
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, self.key.pair())?;
        let certificate = params.signed_by(request.key(), &issuer)?.der().clone();
        Ok(Issued { certificate, key: request.key_hash(), serial: Serial(serial), not_after: later(now, lifetime) })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", hex::encode(self.fingerprint()))
    }
}

/// A positive number of 16 bytes (RFC 5280, section 4.1.2.2): the first bit stays clear, the second is set so that none is shorter.
fn serial(env: &Env) -> [u8; 16] {
    let mut serial: [u8; 16] = env.entropy.bytes();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

fn dated(now: Timestamp, lifetime: Duration, serial: [u8; 16]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date(Timestamp(now.0.saturating_sub(millis(BACKDATED))));
    params.not_after = date(later(now, lifetime));
    params.serial_number = Some(serial.to_vec().into());
    params.distinguished_name = DistinguishedName::new();
    params
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    // A certificate counts in whole seconds.
    Timestamp(now.0.saturating_add(millis(by)) / 1000 * 1000)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The last date that a certificate can carry stands for all later ones (RFC 5280, section 4.1.2.5).
fn date(at: Timestamp) -> OffsetDateTime {
    const LAST: i64 = 253_402_300_799;
    let seconds = i64::try_from(at.0 / 1000).unwrap_or(LAST).min(LAST);
    OffsetDateTime::from_unix_timestamp(seconds).expect("the year 9999 is a date")
}

/// Why an authority cannot be taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Not an authority's certificate.
    #[error("the authority's certificate is damaged or no authority's")]
    Certificate,
    /// Not a private key.
    #[error("the authority's key is {0}")]
    Key(#[from] KeyError),
    /// Certificate and key of two different authorities.
    #[error("the authority's key does not belong to its certificate")]
    OtherKey,
}

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The signing request is not to be trusted.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The identity could not be read back from the certificate.
    #[error("no certificate for an identity that is none")]
    Identity(#[from] IdentityError),
    /// The certificate library refused.
    #[error("cannot encode the certificate")]
    Encode(#[from] rcgen::Error),
}

#[cfg(test)]
mod tests {
    use warren_raft::ProxyId;

    use super::*;
    use crate::identity::tls::leaf::Leaf;

    const CLUSTER: ClusterId = ClusterId([7; 16]);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn the_leaf_says_what_was_decided_and_nothing_that_was_asked_for() {
        let env = Env::real();
        let authority = Authority::create(CLUSTER, "lab", &env).expect("created");
        let pair = rcgen::KeyPair::generate().expect("a key");
        let mut wishes = CertificateParams::new(vec!["evil.example".to_owned()]).expect("params");
        wishes.subject_alt_names.push(SanType::URI(format!("warren://{CLUSTER}/proxy/1").try_into().expect("ascii")));
        wishes.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let csr = wishes.serialize_request(&pair).expect("a request");
        let identity = Identity::agent(CLUSTER, &"lab-pi".parse().expect("a name"));
        let issued = authority.issue(csr.der(), &identity, DAY, &env).expect("issued");

        let (_, parsed) = x509_parser::parse_x509_certificate(&issued.certificate).expect("a certificate");
        assert!(!parsed.is_ca());
        assert_eq!(parsed.raw_serial(), issued.serial.0);
        let names = &parsed.subject_alternative_name().expect("readable").expect("there").value.general_names;
        assert_eq!(names.len(), 1);
        let validity = parsed.validity();
        assert_eq!(validity.not_after.timestamp() * 1000, i64::try_from(issued.not_after.0).expect("small"));
        assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), 24 * 3600 + 15 * 60);
        let leaf = Leaf::read(&issued.certificate).expect("an identity");
        assert_eq!((leaf.identity, leaf.key), (identity, issued.key));
    }

    #[test]
    fn an_authority_survives_its_der() {
        let env = Env::real();
        let first = Authority::create(CLUSTER, "lab", &env).expect("created");
        let again = Authority::from_der(first.certificate_der(), &first.key_der()).expect("taken up");
        assert_eq!(again.fingerprint(), first.fingerprint());
        let other = Authority::create(CLUSTER, "lab", &env).expect("created");
        assert_eq!(Authority::from_der(first.certificate_der(), &other.key_der()).err(), Some(AuthorityError::OtherKey));
        assert_eq!(Authority::from_der(&[1, 2], &other.key_der()).err(), Some(AuthorityError::Certificate));
        assert_eq!(Authority::from_der(first.certificate_der(), &[1, 2]).err(), Some(AuthorityError::Key(KeyError)));

        let csr = MachineKey::generate(&env.entropy).csr();
        let issued = again.issue(&csr, &Identity::proxy(CLUSTER, ProxyId(1)), DAY, &env).expect("issued");
        assert!(Authority::from_der(&issued.certificate, &first.key_der()).is_err(), "a leaf is no authority");
    }

    #[test]
    fn an_identity_that_is_none_gets_no_certificate() {
        let env = Env::real();
        let authority = Authority::create(CLUSTER, "lab", &env).expect("created");
        let csr = MachineKey::generate(&env.entropy).csr();
        for (role, name) in [(super::super::Role::Proxy, "x"), (super::super::Role::Agent, "a/b"), (super::super::Role::Client, "")] {
            let identity = Identity { cluster: CLUSTER, role, name: name.to_owned() };
            assert!(matches!(authority.issue(&csr, &identity, DAY, &env), Err(IssueError::Identity(_))), "{identity}");
        }
    }
}
