//! On which threads the work of a proxy is done.
//!
//! Raft, leases and what peers ask each other have a thread of their own: a message that takes microseconds must not wait until thousands of streams that
//! move bulk have had their turn, and the kernel lets a thread that seldom runs go before those that always do.
//!
//! ```text
//!  control thread   the peer port's endpoint, control connections, the routing store, signs of life, the accept loop of the peer port
//!  the others       data connections, tunnels, clients, streams, everything else
//! ```

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::mesh::Lane;
use crate::net::Threading;

/// Where the tasks of a proxy run. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    /// Control.
    pub(crate) control: Handle,
    /// Everything else.
    pub(crate) others: Handle,
    /// The control thread ends when the last one of these is dropped.
    _end: Arc<Option<oneshot::Sender<()>>>,
}

impl Threads {
    /// Starts the control thread, unless everything is to run on one.
    ///
    /// # Errors
    /// The system's, which gives no thread.
    pub(crate) fn start(threading: Threading) -> io::Result<Self> {
        if threading == Threading::One {
            return Ok(Self::same());
        }
        let others = Handle::current();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let control = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("warren-control".to_owned()).spawn(move || {
            // Nothing is ever sent: the other end goes.
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        })?;
        Ok(Self { control, others, _end: Arc::new(Some(end)) })
    }

    /// All on the threads of the caller.
    pub(crate) fn same() -> Self {
        Self { control: Handle::current(), others: Handle::current(), _end: Arc::new(None) }
    }

    /// Whether both still run what they are given.
    pub(crate) fn heart(&self) -> Heart {
        Heart { threads: [self.control.clone(), self.others.clone()] }
    }

    /// Where the connection of this lane is driven and served.
    pub(crate) fn of(&self, lane: Lane) -> &Handle {
        match lane {
            Lane::Control => &self.control,
            Lane::Data(_) => &self.others,
        }
    }
}

/// The threads of a proxy, as far as somebody wants to know whether they get on. It keeps none of them alive.
#[derive(Clone, Debug)]
pub struct Heart {
    threads: [Handle; 2],
}

impl Heart {
    /// Resolves once each thread has done a little that it was just given: never, if one of them hangs.
    pub async fn beat(&self) {
        for thread in &self.threads {
            // A thread that has ended is the end of the proxy, and not for want of a watchdog.
            let _ = thread.spawn(std::future::ready(())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn control_has_a_thread_of_its_own_until_nobody_needs_it() {
        let threads = Threads::start(Threading::Apart).expect("a thread");
        let there = threads.control.spawn(async { std::thread::current().name().map(str::to_owned) }).await.expect("it runs");
        assert_eq!(there.as_deref(), Some("warren-control"));
        let other = threads.others.spawn(async { std::thread::current().name().map(str::to_owned) }).await.expect("it runs");
        assert_ne!(other.as_deref(), Some("warren-control"));
        let control = threads.control.clone();
        let task = control.spawn(std::future::pending::<()>());
        drop(threads);
        assert!(task.await.is_err_and(|error| error.is_cancelled()), "its tasks end with it");
    }

    #[tokio::test]
    async fn where_there_is_one_thread_there_stays_one() {
        let threads = Threads::start(Threading::One).expect("no thread is needed");
        let there = threads.control.spawn(async { std::thread::current().id() }).await.expect("it runs");
        assert_eq!(there, std::thread::current().id());
    }
}
