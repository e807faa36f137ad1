//! How an operator's wish to reload reaches whoever has read the configuration, and what came of the last one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::api::ReloadView;

/// Wishes that wait: whoever wishes the same gets the same.
const WAITING: usize = 16;

/// An operator who wants the configuration to be read again, and waits to hear what came of it.
pub type Wish = oneshot::Sender<ReloadView>;

/// Why the last reload changed nothing, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReloaded {
    /// What is wrong, in a line.
    pub reason: String,
    /// What helps.
    pub hint: String,
}

/// The way to whoever reads the configuration; by default nobody does. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Reloads(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    wishes: mpsc::Sender<Wish>,
    /// What came of the last reload, if that was nothing.
    failed: Mutex<Option<NotReloaded>>,
}

impl Reloads {
    /// A way, and its other end.
    pub fn new() -> (Self, mpsc::Receiver<Wish>) {
        let (wishes, received) = mpsc::channel(WAITING);
        (Self(Some(Arc::new(Shared { wishes, failed: Mutex::default() }))), received)
    }

    /// Notes why the last reload changed nothing; `None` when it was well.
    pub fn note(&self, failed: Option<NotReloaded>) {
        if let Some(shared) = &self.0 {
            *shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        }
    }

    /// Has the configuration read again; `None` when nobody does, not now or not at all.
    pub(super) async fn ask(&self) -> Option<ReloadView> {
        let (wish, outcome) = oneshot::channel();
        self.0.as_ref()?.wishes.try_send(wish).ok()?;
        outcome.await.ok()
    }

    /// Why the last reload changed nothing.
    pub(super) fn failed(&self) -> Option<NotReloaded> {
        self.0.as_ref()?.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
