//! What a proxy keeps on disk, and the lock that keeps a second process away.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use warren_raft::{Incarnation, ProxyId};

use crate::identity::{CredentialStore, StoreError};
use crate::net::{Access, DirLock, Entropy, Env, FileError, LockError, SetAside, StateFiles};
use crate::wire::Member;

/// What may be in a directory that counts as empty: the lock, what a file system has of its own, and the first note of a restore, half written.
const ALWAYS: [&str; 3] = ["lock", "lost+found", "restoring.json.new"];
/// What a restore that was cut off may have left, and a proxy that was not started on that.
const LEFT_OVER: [&str; 4] = ["restoring.json", "identity", "store", "secret"];

/// A data directory in use by this process.
#[derive(Debug)]
pub(super) struct DataDir {
    files: Arc<dyn StateFiles>,
    path: PathBuf,
    /// Held as long as the proxy runs.
    _lock: DirLock,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The file system's.
    #[error(transparent)]
    File(#[from] StoreError),
    /// Which member it belongs to is not known any more.
    #[error(
        "`{0}` is missing from a data directory that a member has used: restore it, or move the directory away and join as a new proxy"
    )]
    NoMember(PathBuf),
    /// A restore into it has not come to its end.
    #[error("a restore into `{0}` was cut off: run it again, or empty the directory")]
    HalfRestored(PathBuf),
    /// There is something in it already.
    #[error("the data directory `{}` is not empty: it has `{}`", .dir.display(), .name.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// What is in it.
        name: PathBuf,
    },
    /// It cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its proxy was removed from the cluster.
    #[error("this proxy was removed from the cluster; its data directory is `{}`", .0.display())]
    Removed(PathBuf),
}

impl From<FileError> for DataDirError {
    fn from(error: FileError) -> Self {
        Self::File(error.into())
    }
}

/// Which member of which group the directory belongs to. Written before the store, and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MemberFile {
    /// This proxy.
    pub(super) id: ProxyId,
    /// The proxies that it was told of when it joined: the way to the group until the table is here.
    pub(super) seeds: Vec<Member>,
}

impl DataDir {
    /// Takes the directory, made if it is not there, mode 0700.
    ///
    /// # Errors
    /// [`DataDirError`]
    pub(super) fn open(path: &Path, files: &Arc<dyn StateFiles>) -> Result<Self, DataDirError> {
        Ok(Self { files: files.clone(), path: path.to_owned(), _lock: files.lock_dir(path)? })
    }

    /// Notes that its proxy was removed from the cluster.
    pub(super) fn mark_removed(&self) -> Result<(), StoreError> {
        Ok(self.files.replace(&self.removed_path(), b"this proxy was removed from the cluster\n", Access::Public)?)
    }

    /// # Errors
    /// [`DataDirError::Removed`] if that was noted.
    pub(super) fn must_not_be_removed(&self) -> Result<(), DataDirError> {
        match self.files.read(&self.removed_path(), Access::Public) {
            Ok(_) => Err(DataDirError::Removed(self.path.clone())),
            Err(error) if error.is_absent() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a directory in which there is nothing yet, or what a restore that was cut off has left.
    pub(super) fn open_empty(path: &Path, files: &Arc<dyn StateFiles>) -> Result<Self, DataDirError> {
        let dir = Self::open(path, files)?;
        let is_left_over = files.exists(&dir.restoring_path())?;
        for name in files.list(path)? {
            let name = PathBuf::from(name);
            let is_one_of = |known: &[&str]| known.iter().any(|known| name == Path::new(known));
            let may_stay = is_one_of(&ALWAYS) || is_left_over && is_one_of(&LEFT_OVER);
            if !may_stay {
                return Err(DataDirError::NotEmpty { dir: path.to_owned(), name });
            }
        }
        Ok(dir)
    }

    /// Notes that the directory is to become this member's, and removes what an earlier try has left. Until [`finish_restore`](Self::finish_restore)
    /// no proxy starts on it.
    pub(super) fn begin_restore(&self, member: &MemberFile) -> Result<(), StoreError> {
        self.write_member(&self.restoring_path(), member)?;
        for path in [self.path.join("identity"), self.store()] {
            self.files.remove_tree(&path)?;
        }
        Ok(())
    }

    /// From now on the directory belongs to the member.
    pub(super) fn finish_restore(&self) -> Result<(), StoreError> {
        Ok(self.files.rename(&self.restoring_path(), &self.member_path())?)
    }

    /// Where the identity is.
    pub(super) fn credentials(&self) -> CredentialStore {
        CredentialStore::new(&self.files, self.path.join("identity"))
    }

    /// Where the routing store is.
    pub(super) fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    /// Moves a store that belongs to no member out of the way.
    pub(super) fn put_store_aside(&self, env: &Env) -> Result<(), StoreError> {
        let (store, aside) = (self.store(), self.path.join(format!("store.abandoned-{}", env.wall.now())));
        match env.stores.set_aside(&store, &aside) {
            Ok(SetAside::Moved) => {
                tracing::warn!(path = %aside.display(), "an unfinished store was put aside");
                Ok(())
            }
            Ok(SetAside::Absent) => Ok(()),
            Err(error) => Err(FileError::io(&store, error).into()),
        }
    }

    /// A secret of this machine that outlives the process: keys of stateless resets and address tokens come from it.
    pub(super) fn secret(&self, entropy: &Entropy) -> Result<[u8; 32], StoreError> {
        let path = self.path.join("secret");
        match self.files.read(&path, Access::Secret) {
            Ok(bytes) => bytes.try_into().map_err(|_| StoreError::Damaged { path, expected: "32 bytes" }),
            Err(error) if error.is_absent() => {
                let secret: [u8; 32] = entropy.split("node secret").bytes();
                self.files.replace(&path, &secret, Access::Secret)?;
                Ok(secret)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Which member this is; `None` in a new directory.
    pub(super) fn member(&self) -> Result<Option<MemberFile>, DataDirError> {
        let member = self.read_member()?;
        if member.is_none() && self.files.exists(&self.restoring_path())? {
            return Err(DataDirError::HalfRestored(self.path.clone()));
        }
        if member.is_none() && self.opened()? > Incarnation(0) {
            return Err(DataDirError::NoMember(self.member_path()));
        }
        Ok(member)
    }

    fn read_member(&self) -> Result<Option<MemberFile>, StoreError> {
        let path = self.member_path();
        match self.files.read(&path, Access::Public) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|_| StoreError::Damaged { path, expected: "which member this is (JSON)" })
            }
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How often the store was opened, as far as it was noted. It is kept beside the store, so that the loss of either is seen.
    pub(super) fn opened(&self) -> Result<Incarnation, StoreError> {
        let path = self.opened_path();
        match self.files.read(&path, Access::Public) {
            Ok(bytes) => opened_in(&bytes).ok_or(StoreError::Damaged { path, expected: "how often the store was opened" }),
            Err(error) if error.is_absent() => Ok(Incarnation(0)),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes how often the store was opened.
    pub(super) fn save_opened(&self, opened: Incarnation) -> Result<(), StoreError> {
        self.opened_note().save(opened)
    }

    /// Where that is noted.
    pub(super) fn opened_note(&self) -> OpenedNote {
        OpenedNote { files: self.files.clone(), path: self.opened_path() }
    }

    /// Notes which member this is.
    pub(super) fn save_member(&self, member: &MemberFile) -> Result<(), StoreError> {
        self.write_member(&self.member_path(), member)
    }

    fn write_member(&self, path: &Path, member: &MemberFile) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(member).map_err(|error| FileError::io(path, error.into()))?;
        Ok(self.files.replace(path, &text, Access::Public)?)
    }

    /// What `member.json` is called while a restore is under way.
    fn restoring_path(&self) -> PathBuf {
        self.path.join("restoring.json")
    }

    fn opened_path(&self) -> PathBuf {
        self.path.join("opened")
    }

    fn removed_path(&self) -> PathBuf {
        self.path.join("removed")
    }

    fn member_path(&self) -> PathBuf {
        self.path.join("member.json")
    }
}

/// What the file `opened` says.
pub(super) fn opened_in(bytes: &[u8]) -> Option<Incarnation> {
    std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()).map(Incarnation)
}

/// Where it is noted how often the store was opened.
#[derive(Clone, Debug)]
pub(super) struct OpenedNote {
    files: Arc<dyn StateFiles>,
    path: PathBuf,
}

impl OpenedNote {
    fn save(&self, opened: Incarnation) -> Result<(), StoreError> {
        Ok(self.files.replace(&self.path, opened.to_string().as_bytes(), Access::Public)?)
    }

    /// Notes every opening to come, until `cancel`: a disk that was full is opened anew.
    pub(super) async fn follow(self, mut openings: watch::Receiver<Incarnation>, cancel: CancellationToken) {
        openings.mark_unchanged();
        while let Some(Ok(())) = cancel.run_until_cancelled(openings.changed()).await {
            let opened = *openings.borrow_and_update();
            if let Err(error) = self.save(opened) {
                // The note stays lower than it might be, and the store is checked a little less strictly.
                tracing::warn!(%error, "it was not noted that the store was opened");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<DataDir, DataDirError> {
        DataDir::open(path, &Env::real().files)
    }

    #[test]
    fn a_second_process_is_kept_away_and_the_secret_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("proxy");
        let first = open(&path).expect("it is free");
        assert!(matches!(open(&path), Err(DataDirError::Lock(LockError::InUse(_)))));
        let secret = first.secret(&Entropy::os()).expect("written");
        assert_eq!(first.secret(&Entropy::os()).expect("read"), secret);
        assert_eq!(first.member().expect("read"), None);
        let member = MemberFile { id: ProxyId(7), seeds: Vec::new() };
        first.save_member(&member).expect("written");
        drop(first);
        let second = open(&path).expect("it is free again");
        assert_eq!(second.member().expect("read"), Some(member));
    }

    #[test]
    fn a_member_that_was_forgotten_is_no_new_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let data_dir = open(dir.path()).expect("it is free");
        data_dir.save_member(&MemberFile { id: ProxyId(7), seeds: Vec::new() }).expect("written");
        assert_eq!(data_dir.opened().expect("read"), Incarnation(0));
        data_dir.save_opened(Incarnation(3)).expect("written");
        assert_eq!(data_dir.opened().expect("read"), Incarnation(3));
        std::fs::remove_file(dir.path().join("member.json")).expect("removed");
        assert!(matches!(data_dir.member(), Err(DataDirError::NoMember(_))));
    }

    #[test]
    fn a_restore_that_was_cut_off_is_no_proxy_and_can_be_done_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let member = MemberFile { id: ProxyId(1_001), seeds: Vec::new() };
        let first = DataDir::open_empty(dir.path(), &Env::real().files).expect("it is empty");
        first.begin_restore(&member).expect("begun");
        std::fs::create_dir_all(first.store().join("half")).expect("made");
        assert!(matches!(first.member(), Err(DataDirError::HalfRestored(_))));
        drop(first);
        let again = DataDir::open_empty(dir.path(), &Env::real().files).expect("what is there is left over");
        again.begin_restore(&member).expect("begun");
        assert!(!again.store().exists());
        again.finish_restore().expect("finished");
        assert_eq!(again.member().expect("read"), Some(member));
        drop(again);
        assert!(matches!(DataDir::open_empty(dir.path(), &Env::real().files), Err(DataDirError::NotEmpty { .. })));
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let data_dir = open(dir.path()).expect("it is free");
        std::fs::write(dir.path().join("member.json"), "{").expect("written");
        let error = data_dir.member().expect_err("it is damaged").to_string();
        assert!(error.contains("member.json"), "{error}");
    }
}
