//! The admin socket: a unix socket that only its owner can open.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::Accept;

/// How long to try whether somebody listens at a path already.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// A listening unix socket of mode 0600. Its file goes when it is dropped.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A process listens there.
    #[error("another process listens at `{}`", .0.display())]
    InUse(PathBuf),
    /// Something that is not a socket is in the way.
    #[error("`{}` exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("cannot listen at `{}`", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl AdminSocket {
    /// Listens at `path`. A socket file at which nobody listens is what a killed process left behind, and is replaced.
    ///
    /// # Errors
    /// [`SocketError`] says what is in the way.
    pub async fn bind(path: &Path) -> Result<Self, SocketError> {
        require_free(path).await?;
        let bound = bind_private(path);
        bound.map_err(|source| SocketError::Io { path: path.to_owned(), source })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Accept for AdminSocket {
    type Stream = UnixStream;

    async fn accept(&mut self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // Another process may have put its own socket here since.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

async fn require_free(path: &Path) -> Result<(), SocketError> {
    use std::os::unix::fs::FileTypeExt;
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(SocketError::Io { path: path.to_owned(), source }),
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match timeout(PROBE_DEADLINE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        // It went away in between.
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(Err(source)) => Err(SocketError::Io { path: path.to_owned(), source }),
        // Whoever does not even accept listens all the same.
        Ok(Ok(_)) | Err(_) => Err(SocketError::InUse(path.to_owned())),
    }
}

/// Binds beside `path`, restricts the file, and only then moves it there: at no moment can anybody else open it.
fn bind_private(path: &Path) -> io::Result<AdminSocket> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let listener = UnixListener::bind(&beside)?;
    let moved = fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))
        .and_then(|()| fs::symlink_metadata(&beside))
        .and_then(|metadata| fs::rename(&beside, path).map(|()| metadata.ino()));
    match moved {
        Ok(inode) => Ok(AdminSocket { listener, path: path.to_owned(), inode }),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}
