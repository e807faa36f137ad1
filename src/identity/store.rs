//! Credentials on disk: a directory with `key.pem`, `certificate.pem` and `ca.pem`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::armour::pem;
use super::credentials::{Credentials, CredentialsError, MAX_AUTHORITIES};
use super::key::MachineKey;
use crate::net::{Access, Entropy, FileError, StateFiles};

const KEY: &str = "key.pem";
const CERTIFICATE: &str = "certificate.pem";
const CA: &str = "ca.pem";

/// The directory in which a machine keeps its identity.
#[derive(Debug, Clone)]
pub struct CredentialStore {
    files: Arc<dyn StateFiles>,
    dir: PathBuf,
}

impl CredentialStore {
    /// The store in `dir`, which need not exist yet.
    pub fn new(files: &Arc<dyn StateFiles>, dir: impl Into<PathBuf>) -> Self {
        Self { files: files.clone(), dir: dir.into() }
    }

    /// What keeps its files.
    pub(super) fn files(&self) -> &Arc<dyn StateFiles> {
        &self.files
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the key is.
    pub fn key_path(&self) -> PathBuf {
        self.dir.join(KEY)
    }

    /// Whether the machine has enrolled: its certificate is there. It is the last of the three files to be written.
    pub fn is_enrolled(&self) -> bool {
        // What cannot be looked at may be there: reading it says what is wrong.
        self.files.exists(&self.dir.join(CERTIFICATE)).unwrap_or(true)
    }

    /// Reads the credentials.
    ///
    /// # Errors
    /// Names the file and what is wrong with it; [`StoreError::Exposed`] for a key that others can read.
    pub fn load(&self) -> Result<Credentials, StoreError> {
        let key = MachineKey::load(&*self.files, &self.key_path())?;
        let authorities = self.authorities()?;
        let leaf = self.certificate(CERTIFICATE)?;
        let first = authorities.first().expect("one that is read has at least one").clone();
        let credentials = Credentials::new(leaf, first, key).and_then(|credentials| credentials.trusting(authorities));
        credentials.map_err(|source| StoreError::Unfit { path: self.dir.join(CERTIFICATE), source })
    }

    /// Writes the credentials. Each file is complete or absent at every moment, and the certificate comes last.
    ///
    /// # Errors
    /// Names the file.
    pub fn save(&self, credentials: &Credentials) -> Result<(), StoreError> {
        self.files.make_dir(&self.dir)?;
        credentials.key().store(&*self.files, &self.key_path())?;
        self.write_certificates(CA, credentials.authorities())?;
        self.write_certificates(CERTIFICATE, std::slice::from_ref(credentials.leaf()))
    }

    /// Makes the directory and stores a key that has no certificate yet, so that an enrolment that is cut off can go on with
    /// the same key.
    ///
    /// # Errors
    /// Names the file.
    pub fn save_key(&self, key: &MachineKey) -> Result<(), StoreError> {
        self.files.make_dir(&self.dir)?;
        key.store(&*self.files, &self.key_path())
    }

    /// The key that is there, or a new one that is there from now on: an enrolment whose answer was lost is asked for again with the
    /// same key.
    ///
    /// # Errors
    /// Names the file.
    pub fn key_or_new(&self, entropy: &Entropy) -> Result<MachineKey, StoreError> {
        match MachineKey::load(&*self.files, &self.key_path()) {
            Ok(key) => Ok(key),
            Err(error) if error.is_absent() => {
                let key = MachineKey::generate(entropy);
                self.save_key(&key)?;
                Ok(key)
            }
            Err(error) => Err(error),
        }
    }

    /// One certificate, or during a rotation several, the one that issues first: an older version reads that one.
    fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, StoreError> {
        let path = self.dir.join(CA);
        let bytes = self.files.read(&path, Access::Public)?;
        let authorities: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).take(MAX_AUTHORITIES + 1).collect();
        match authorities {
            Ok(authorities) if !authorities.is_empty() => Ok(authorities),
            Ok(_) | Err(_) => Err(StoreError::Damaged { path, expected: "a certificate" }),
        }
    }

    fn certificate(&self, name: &str) -> Result<CertificateDer<'static>, StoreError> {
        let path = self.dir.join(name);
        let bytes = self.files.read(&path, Access::Public)?;
        CertificateDer::from_pem_slice(&bytes).map_err(|_| StoreError::Damaged { path, expected: "a certificate" })
    }

    fn write_certificates(&self, name: &str, certificates: &[CertificateDer<'_>]) -> Result<(), StoreError> {
        let text: String = certificates.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect();
        Ok(self.files.replace(&self.dir.join(name), text.as_bytes(), Access::Public)?)
    }
}

/// Why a key or credentials could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system's, or others can read a secret.
    #[error(transparent)]
    File(#[from] FileError),
    /// The content is not what it should be.
    #[error("`{path}` does not hold {expected}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The files do not make up an identity.
    #[error("`{path}` is no identity: {source}", path = path.display())]
    Unfit {
        /// The certificate.
        path: PathBuf,
        /// What is wrong.
        source: CredentialsError,
    },
}

impl StoreError {
    /// Whether the file is simply not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::File(error) if error.is_absent())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use warren_raft::{ClusterId, ProxyId, Timestamp};

    use super::*;
    use crate::identity::{Authority, Identity};
    use crate::net::files::RealFiles;
    use crate::net::{Entropy, Env};

    fn credentials() -> Credentials {
        let env = Env::real();
        let identity = Identity::proxy(ClusterId([1; 16]), ProxyId(1));
        let authority = Authority::create(identity.cluster, "lab", &env).expect("created");
        let key = MachineKey::generate(&env.entropy);
        let issued = authority.issue(&key.csr(), &identity, Duration::from_secs(3600), &env).expect("issued");
        Credentials::new(issued.certificate, authority.certificate_der().clone(), key).expect("credentials")
    }

    fn stored() -> (tempfile::TempDir, CredentialStore, Credentials) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = CredentialStore::new(&Env::real().files, dir.path().join("identity"));
        let credentials = credentials();
        store.save(&credentials).expect("saved");
        (dir, store, credentials)
    }

    #[test]
    fn credentials_come_back_as_they_were() {
        let (_dir, store, before) = stored();
        let after = store.load().expect("loaded");
        assert_eq!((after.identity(), after.chain(), after.key_hash()), (before.identity(), before.chain(), before.key_hash()));
        for (name, mode) in [(KEY, 0o600), (CERTIFICATE, 0o644), (CA, 0o644)] {
            assert_eq!(fs::metadata(store.dir().join(name)).expect(name).permissions().mode() & 0o777, mode, "{name}");
        }
        assert_eq!(fs::read_dir(store.dir()).expect("listed").count(), 3, "nothing else is left behind");
        store.save(&before).expect("saved again");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let (_dir, store, _) = stored();
        for mode in [0o640, 0o604, 0o644] {
            fs::set_permissions(store.key_path(), Permissions::from_mode(mode)).expect("set");
            let error = store.load().expect_err("refused");
            assert!(matches!(error, StoreError::File(FileError::Exposed { mode: found, .. }) if found == mode), "{error}");
            assert!(error.to_string().contains("key.pem"), "{error}");
        }
    }

    #[test]
    fn errors_name_the_file() {
        for name in [KEY, CERTIFICATE, CA] {
            let (_dir, store, _) = stored();
            fs::write(store.dir().join(name), "nonsense").expect("written");
            let error = store.load().expect_err("damaged");
            assert!(matches!(error, StoreError::Damaged { .. }) && error.to_string().contains(name), "{error}");
            fs::remove_file(store.dir().join(name)).expect("removed");
            let error = store.load().expect_err("absent");
            assert!(error.is_absent() && error.to_string().contains(name), "{error}");
        }
        let (_dir, store, _) = stored();
        MachineKey::generate(&Entropy::os()).store(&RealFiles, &store.key_path()).expect("stored");
        assert!(matches!(store.load(), Err(StoreError::Unfit { source: CredentialsError::OtherKey, .. })));
    }

    #[test]
    fn the_remaining_life_is_told() {
        let credentials = credentials();
        let until = credentials.not_after();
        assert_eq!(credentials.remaining(Timestamp(until.0 - 5000)), Duration::from_secs(5));
        assert_eq!(credentials.remaining(Timestamp(until.0 + 5000)), Duration::ZERO);
        assert_eq!((credentials.lifetime(), until.0 - credentials.renew_at().0), (Duration::from_secs(3600), 3600 * 1000 / 3));
    }
}
