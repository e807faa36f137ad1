//! What the service manager is told: readiness, reloads, the end, and that the process has not hung (sd_notify(3), systemd.service(5)).
//!
//! It is for whoever started the process and has set `NOTIFY_SOCKET`; without one nothing is said. It must *never* be a reason for anything to fail or to wait.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::sleep;

/// How long it is waited for nothing in particular: what has no watchdog is not fed.
const NEVER: Duration = Duration::from_secs(3600);

/// What the service manager can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It may be used; also after each reload.
    Ready,
    /// It takes over a changed configuration.
    Reloading,
    /// It goes away, which may take so long.
    Stopping(Duration),
    /// It gets on with its work.
    Alive,
}

/// The way to the service manager, if there is one.
#[derive(Debug)]
pub(super) struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear that the process is alive.
    watchdog: Option<Duration>,
    /// What is said before anything that it does, until it is no more so.
    remark: Mutex<Option<String>>,
}

impl Notifier {
    /// The one that the environment names.
    pub(super) fn from_environment() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| *usec > 0 && is_ours).map(Duration::from_micros);
        Self { socket: variable("NOTIFY_SOCKET").and_then(|path| open(&path)), watchdog, remark: Mutex::default() }
    }

    /// Has it hear this with all that it is told from now on, so that it is not gone a moment later; `None`: no more.
    pub(super) fn remark(&self, remark: Option<String>) {
        *self.remark.lock().unwrap_or_else(PoisonError::into_inner) = remark;
    }

    fn remarked(&self, status: &str) -> String {
        let remark = self.remark.lock().unwrap_or_else(PoisonError::into_inner);
        remark.as_ref().map_or_else(|| status.to_owned(), |remark| format!("{remark}; {status}")).replace('\n', "; ")
    }

    /// Tells it how the process stands, and what it does in words.
    pub(super) fn tell(&self, state: State, status: &str) {
        let now = || clock_gettime(ClockId::Monotonic);
        let state = match state {
            State::Ready => "READY=1".to_owned(),
            State::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", now().tv_sec * 1_000_000 + now().tv_nsec / 1_000),
            State::Stopping(patience) => format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", patience.as_micros()),
            State::Alive => "WATCHDOG=1".to_owned(),
        };
        self.send(&format!("{state}\nSTATUS={}", self.remarked(status)));
    }

    /// Tells it what the process does, in words.
    pub(super) fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", self.remarked(status)));
    }

    /// Tells it at half of the time after which it takes silence for death that `beat` came to its end, and what `summary` says then. A `beat` that does not
    /// end is not told.
    pub(super) async fn feed<F: Future<Output = ()>>(&self, beat: impl Fn() -> F, summary: impl Fn() -> String) {
        let Some(watchdog) = self.watchdog.filter(|_| self.socket.is_some()) else {
            loop {
                sleep(NEVER).await;
            }
        };
        loop {
            beat().await;
            self.tell(State::Alive, &summary());
            sleep(watchdog / 2).await;
        }
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.socket {
            // A manager that does not listen misses it.
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}

/// A socket to send from, and the address: a path, or a name behind `@` (Linux's abstract namespace).
fn open(path: &OsStr) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => abstract_address(name),
        None => SocketAddr::from_pathname(path).ok(),
    }?;
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    Some((socket, address))
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> Option<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name).ok()
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &[u8]) -> Option<SocketAddr> {
    None
}
