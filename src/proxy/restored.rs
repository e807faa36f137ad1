//! A saved snapshot becomes the data directory of a new cluster's first proxy.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use warren_raft::offline::{self, NewProxy};
use warren_raft::saved::{Reader, Saved};
use warren_raft::{DiskDrive, Level, ProxyId, SledVolume, SnapshotError};

use super::data_dir::{DataDir, DataDirError, MemberFile};
use super::issuing::certificates;
use super::member::{JoinError, issue};
use super::settings::Proxy;
use crate::identity::{Authority, Identity, StoreError};
use crate::net::{Env, FileError};

/// Bytes that are read in one go.
const PORTION: usize = 1 << 20;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file cannot be read.
    #[error(transparent)]
    File(StoreError),
    /// It is no snapshot, or not a whole one.
    #[error("`{}` cannot be restored: {error}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: SnapshotError,
    },
    /// A newer version of warren is needed to go on with it.
    #[error("`{}` is of a cluster at feature level {found}, and this version of warren knows {known}", path.display())]
    Outdated {
        /// The file.
        path: PathBuf,
        /// The cluster's level.
        found: Level,
        /// The highest that is known here.
        known: Level,
    },
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The new proxy's identity.
    #[error(transparent)]
    Identity(#[from] JoinError),
    /// The new store.
    #[error(transparent)]
    Store(#[from] offline::RestoreError),
}

impl RestoreError {
    /// What to do next, where that is one thing.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(StoreError::File(FileError::Exposed { path, .. })) => Some(format!("`chmod 600 {}`", path.display())),
            Self::DataDir(DataDirError::NotEmpty { .. }) => Some("restore into a data directory of its own: move this one away".to_owned()),
            Self::Outdated { .. } | Self::Snapshot { error: SnapshotError::Format { .. }, .. } => {
                Some("update warren on this machine, and restore then".to_owned())
            }
            Self::Snapshot { .. } => Some("nothing was changed; take another copy of it, or another snapshot".to_owned()),
            Self::File(_) | Self::DataDir(_) | Self::Identity(_) | Self::Store(_) => None,
        }
    }
}

/// Reads a snapshot to its end and checks all of it; `progress` hears how many bytes were read. It holds a private key, so a file that others can
/// read is refused.
///
/// # Errors
/// [`RestoreError::File`], [`RestoreError::Snapshot`]
pub fn read_snapshot(path: &Path, mut progress: impl FnMut(u64)) -> Result<Saved, RestoreError> {
    let io = |error| RestoreError::File(FileError::io(path, error).into());
    let damaged = |error| RestoreError::Snapshot { path: path.to_owned(), error };
    // Looked at before it is opened: a pipe without a writer would be waited for, and a device is nobody's to close off.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(io(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file")));
    }
    let mut file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(RestoreError::File(FileError::Exposed { path: path.to_owned(), mode }.into()));
    }
    let (mut reader, mut portion, mut all) = (Reader::default(), vec![0; PORTION], 0);
    loop {
        let read = file.read(&mut portion).map_err(io)?;
        if read == 0 {
            break;
        }
        reader.push(&portion[..read]).map_err(damaged)?;
        all += read as u64;
        progress(all);
    }
    let saved = reader.finish().map_err(damaged)?;
    match saved.above_known() {
        Some((found, known)) => Err(RestoreError::Outdated { path: path.to_owned(), found, known }),
        None => Ok(saved),
    }
}

impl Proxy {
    /// Makes the data directory of this proxy, which is to be empty, that of the first proxy of the snapshot's cluster. A kill on the way leaves a
    /// directory that no proxy starts on, and into which it can be done again.
    ///
    /// # Errors
    /// [`RestoreError`]
    pub async fn restore(&self, saved: Saved, env: &Env) -> Result<ProxyId, RestoreError> {
        let dir = DataDir::open_empty(&self.data_dir, &env.files)?;
        let cluster = saved.table().cluster().cloned().expect("a snapshot without a cluster does not read");
        let member = MemberFile { id: saved.next_proxy(), seeds: Vec::new() };
        dir.begin_restore(&member).map_err(DataDirError::from)?;
        let record = saved.table().presented_authority().expect("there is a cluster");
        let authority = Authority::from_der(record.certificate, record.key).map_err(JoinError::from)?;
        let trusted = certificates(&saved.table().trusted_authorities());
        let credentials = dir.credentials();
        let key = credentials.key_or_new(&env.entropy).map_err(JoinError::from)?;
        let identity = Identity::proxy(cluster.id, member.id);
        let issued = issue(&authority, (&identity, key), self.certificate_lifetime, env)?.trusting(trusted).map_err(JoinError::from)?;
        credentials.save(&issued).map_err(JoinError::from)?;
        let new = NewProxy { name: self.name.clone(), key: issued.key_hash(), peer_address: self.stated_peer_address() };
        let volume = Arc::new(SledVolume::new(dir.store()));
        let id = offline::restore(saved, new, env.wall.now(), volume, DiskDrive::Thread).await?;
        dir.finish_restore().map_err(DataDirError::from)?;
        Ok(id)
    }

    /// Where peers would reach it, as far as that is known before it listens: corrected at its first start.
    fn stated_peer_address(&self) -> String {
        self.peer_advertise.clone().unwrap_or_else(|| self.peer_listen.to_string())
    }
}
