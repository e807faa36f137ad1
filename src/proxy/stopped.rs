//! A proxy that does not run: what operators do to its data directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use warren_raft::offline::{RecoverError, Recovery, Survivor};
use warren_raft::{DiskDrive, OpenError, SledVolume};

use super::data_dir::{DataDir, DataDirError, MemberFile};
use crate::identity::StoreError;
use crate::net::{Env, LockError};

/// A member's data directory, held so that no proxy starts on it meanwhile.
pub struct StoppedProxy {
    dir: DataDir,
    member: MemberFile,
    survivor: Survivor,
}

/// Why a stopped proxy is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum StoppedError {
    /// No proxy was ever run with this configuration.
    #[error("there is no member's data in `{}`", .0.display())]
    NoMember(PathBuf),
    /// The directory, or a file in it; a proxy that runs holds it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// What it is asked to become makes no sense, or its store is damaged.
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

impl From<StoreError> for StoppedError {
    fn from(error: StoreError) -> Self {
        Self::DataDir(error.into())
    }
}

impl StoppedProxy {
    /// Takes the data directory and reads the store. Changes nothing.
    ///
    /// # Errors
    /// [`StoppedError`]
    pub async fn open(data_dir: &Path, env: &Env) -> Result<Self, StoppedError> {
        let missing = || StoppedError::NoMember(data_dir.to_owned());
        // Looking must not make a directory, nor a store in it.
        if !data_dir.is_dir() {
            return Err(missing());
        }
        let dir = DataDir::open(data_dir, &env.files)?;
        // It may not have applied the entry that says so.
        dir.must_not_be_removed()?;
        let member = dir.member()?.ok_or_else(missing)?;
        let opened = dir.opened()?;
        if !dir.store().is_dir() {
            let location = dir.store().display().to_string();
            return Err(RecoverError::Empty { location }.into());
        }
        let survivor = Survivor::examine(Arc::new(SledVolume::new(dir.store())), DiskDrive::Thread, (member.id, opened)).await?;
        Ok(Self { dir, member, survivor })
    }

    /// What [`recover`](Self::recover) would do.
    pub fn outlook(&self) -> Recovery {
        self.survivor.outlook()
    }

    /// Makes the proxy the only member of its cluster.
    ///
    /// # Errors
    /// [`StoppedError::Recover`] when the disk fails: everything is then as before.
    pub async fn recover(self, env: &Env) -> Result<Recovery, StoppedError> {
        let Self { dir, member, survivor } = self;
        let recovered = survivor.recover(env.wall.now()).await?;
        // The proxies that it once joined through are none of its group any more. Left behind by a kill they cost a few calls that nobody answers.
        dir.save_member(&MemberFile { seeds: Vec::new(), ..member })?;
        Ok(recovered)
    }

    /// Leaves everything as it is.
    pub async fn leave(self) {
        self.survivor.leave().await;
    }
}

impl StoppedError {
    /// What to do next, where that is one thing.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoMember(_) => Some("`--config FILE` is the configuration of the proxy that survived, on its own machine"),
            Self::DataDir(DataDirError::Lock(LockError::InUse(_))) => Some(
                "a proxy runs here: stop it first. While a majority of the voters is up, or can be started, nothing needs to be recovered",
            ),
            Self::DataDir(_) => None,
            Self::Recover(error) => hint_for(error),
        }
    }
}

fn hint_for(error: &RecoverError) -> Option<&'static str> {
    match error {
        RecoverError::Alone(_) => Some("`warren proxy --config FILE` starts it"),
        RecoverError::Empty { .. } | RecoverError::Removed(_) => {
            Some("recover another member of the group; then empty this data directory and `warren join` as a new proxy")
        }
        RecoverError::Open(OpenError::Damaged { .. } | OpenError::Reverted { .. } | OpenError::OtherProxy { .. }) => {
            Some("recover another member of the group, or `warren raft snapshot restore FILE` into an empty data directory")
        }
        RecoverError::Open(_) => None,
    }
}
