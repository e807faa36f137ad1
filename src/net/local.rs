//! Unix sockets that only their owner can open: the operating system behind [`LocalListener`].

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::sockets::{LocalListener, LocalPeer, Stream};

/// How long to try whether somebody listens at a path already.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted, as many as tokio has.
const BACKLOG: i32 = 1024;

/// Why there is no listening unix socket.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A process listens there.
    #[error("another process listens at `{}`", .0.display())]
    InUse(PathBuf),
    /// Something that is not a socket is in the way.
    #[error("`{}` exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// Anybody could put another socket there.
    #[error("anybody may write to the directory `{}` (mode {mode:o}) of the admin socket: `chmod o-w` it, or choose another one", dir.display())]
    Unguarded {
        /// The directory.
        dir: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system refused.
    #[error("cannot listen at `{}`", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A listening unix socket of mode 0600. Its file goes when it is dropped.
#[derive(Debug)]
pub(super) struct UnixListener {
    listener: tokio::net::UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Listens at `path`. A socket file at which nobody listens is what a killed process left behind, and is replaced.
pub(super) async fn listen(path: &Path) -> Result<UnixListener, LocalError> {
    require_guarded(path)?;
    require_free(path).await?;
    bind_private(path).map_err(|source| LocalError::Io { path: path.to_owned(), source })
}

/// Connects to whoever listens at `path`.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    tokio::net::UnixStream::connect(path).await.map(UnixStream)
}

#[async_trait]
impl LocalListener for UnixListener {
    async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, LocalPeer)> {
        let (stream, _) = self.listener.accept().await?;
        let found = stream.peer_cred()?;
        let peer = LocalPeer { uid: found.uid(), gid: found.gid(), pid: found.pid() };
        Ok((Box::new(UnixStream(stream)), peer))
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        // Another process may have put its own socket here since.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

async fn require_free(path: &Path) -> Result<(), LocalError> {
    use std::os::unix::fs::FileTypeExt;
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(LocalError::Io { path: path.to_owned(), source }),
        Ok(found) if !found.file_type().is_socket() => return Err(LocalError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match timeout(PROBE_DEADLINE, connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        // It went away in between.
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(Err(source)) => Err(LocalError::Io { path: path.to_owned(), source }),
        // Whoever does not even accept listens all the same.
        Ok(Ok(_)) | Err(_) => Err(LocalError::InUse(path.to_owned())),
    }
}

/// Refuses a directory in which everybody may put another socket in this one's place.
fn require_guarded(path: &Path) -> Result<(), LocalError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mode = fs::metadata(dir).map_err(|source| LocalError::Io { path: path.to_owned(), source })?.permissions().mode() & 0o7777;
    let (is_open, is_sticky) = (mode & 0o002 != 0, mode & 0o1000 != 0);
    if is_open && !is_sticky { Err(LocalError::Unguarded { dir: dir.to_owned(), mode }) } else { Ok(()) }
}

/// Binds beside `path`, restricts the file, and only then moves it there: at no moment can anybody else open it.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&beside)?)?;
    // Nobody gets in by a socket that is not listened on, whatever the umask has made of its mode.
    let moved = fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))
        .and_then(|()| socket.listen(BACKLOG))
        .and_then(|()| fs::symlink_metadata(&beside))
        .and_then(|metadata| fs::rename(&beside, path).map(|()| metadata.ino()));
    let listening = moved.and_then(|inode| {
        socket.set_nonblocking(true)?;
        Ok((tokio::net::UnixListener::from_std(std::os::unix::net::UnixListener::from(socket))?, inode))
    });
    match listening {
        Ok((listener, inode)) => Ok(UnixListener { listener, path: path.to_owned(), inode }),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

/// A connection to a process of the same machine.
#[derive(Debug)]
pub(super) struct UnixStream(tokio::net::UnixStream);

impl Stream for UnixStream {
    /// There is no reset here: the other side sees an end.
    fn abort(self: Box<Self>) {}
}

impl AsyncRead for UnixStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
