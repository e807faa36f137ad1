//! Where the product has come to, on which host, and what happens to it there.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::network::HostId;

thread_local! {
    static RUNNING: Cell<Option<HostId>> = const { Cell::new(None) };
    static NOW_US: Cell<u64> = const { Cell::new(0) };
}

/// What time it is in the world that was stepped last on this thread, in microseconds since its beginning.
pub fn now_us() -> u64 {
    NOW_US.get()
}

/// From now on that is the time.
pub(super) fn comes(now_us: u64) {
    NOW_US.set(now_us);
}

/// The host whose code runs on this thread now.
pub fn running() -> Option<HostId> {
    RUNNING.get()
}

/// Until what is returned is dropped, the code that runs is that of this host.
pub(super) fn enter(host: HostId) -> impl Drop {
    struct Left(Option<HostId>);
    impl Drop for Left {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }
    Left(RUNNING.replace(Some(host)))
}

/// A host that is to crash where it comes to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    /// Which host.
    pub host: HostId,
    /// The place.
    pub place: String,
}

/// How often each place was come to, and where hosts are to crash. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Points(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    reached: BTreeMap<&'static str, u64>,
    armed: Vec<Armed>,
    dead: BTreeSet<HostId>,
    crashes: BTreeMap<String, u64>,
}

impl Points {
    /// The next time the host comes to the place it crashes there.
    pub fn arm(&self, armed: Armed) {
        self.with(|state| state.armed.push(armed));
    }

    /// Nobody is to crash any more.
    pub fn disarm(&self) {
        self.with(|state| state.armed.clear());
    }

    /// The code of a host has come to `place`. Whether it is to crash there.
    pub fn reached(&self, host: Option<HostId>, place: &'static str) -> bool {
        self.with(|state| {
            *state.reached.entry(place).or_default() += 1;
            let armed = state.armed.iter().position(|armed| Some(armed.host) == host && armed.place == place);
            if let Some(armed) = armed {
                state.armed.remove(armed);
                *state.crashes.entry(place.to_owned()).or_default() += 1;
                state.dead.extend(host);
            }
            armed.is_some()
        })
    }

    /// Whether the host has crashed where it came to, and nobody has taken note of that yet.
    pub fn is_dead(&self, host: HostId) -> bool {
        self.with(|state| state.dead.contains(&host))
    }

    /// The hosts that have crashed since the last call.
    pub fn take_dead(&self) -> BTreeSet<HostId> {
        self.with(|state| std::mem::take(&mut state.dead))
    }

    /// How often each place was come to.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.with(|state| state.reached.iter().map(|(place, count)| ((*place).to_owned(), *count)).collect())
    }

    /// How often a host has crashed at each place.
    pub fn crashes(&self) -> BTreeMap<String, u64> {
        self.with(|state| state.crashes.clone())
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
