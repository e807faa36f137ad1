//! The one reason for which the store has stopped by itself.

use tokio::sync::watch;

/// A handle to it; the first reason stays.
#[derive(Clone)]
pub(crate) struct Failure(watch::Sender<Option<String>>);

impl Default for Failure {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Failure {
    /// The store has stopped, for this reason.
    pub(crate) fn report(&self, reason: String) {
        self.0.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                tracing::error!(reason, "the store has stopped");
                *known = Some(reason);
            }
            first
        });
    }

    /// Resolves with the reason once the store has stopped.
    pub(crate) async fn wait(&self) -> String {
        let mut known = self.0.subscribe();
        match known.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => unreachable!("the sender is in `self`"),
        }
    }
}
