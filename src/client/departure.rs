//! A client's proxy says that it goes away: the client enters by another one from then on. What runs over the connection to the one that goes runs on.
//!
//! ```text
//!  client: say when you go --> proxy: ..I go --> client enters by another proxy, and ends its half of the question --> proxy: nobody comes in any more
//! ```

use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::time::sleep;

use super::entering::Purpose;
use super::session::{Session, Shared};
use crate::identity::tls::peer_identity;
use crate::net::{Budget, shown};
use crate::wire::close::Close;
use crate::wire::{ClientRequest, DepartureReply, Heard, Hello, frame};

/// How long it may take to find another proxy.
const FIND: Duration = Duration::from_secs(4);
/// How long after that a dial which has the connection in its hands may take to ask, beside two round trips.
const IN_HAND: Duration = Duration::from_millis(20);
/// That the proxy goes away. It waits for this client until this is dropped, but not for long.
#[derive(Debug)]
pub(super) struct Departure {
    _question: (SendStream, RecvStream),
}

impl Departure {
    /// Asks the proxy, and returns once it goes away; `None` where it does not know the question, as an older one does, or is gone.
    pub(super) async fn told(connection: &quinn::Connection) -> Option<Self> {
        let (mut send, mut recv) = connection.open_bi().await.ok()?;
        frame::write(&mut send, &ClientRequest::Departure { hello: Hello::ours() }, frame::MAX_MESSAGE).await.ok()?;
        match frame::hear(&mut recv, frame::MAX_MESSAGE).await.ok()? {
            Heard::Known(DepartureReply::Leaving { .. }) => Some(Self { _question: (send, recv) }),
            Heard::Known(DepartureReply::Failed(_)) | Heard::Unknown(_) => None,
        }
    }
}

/// Enters by another proxy than that of `current`, if there is one.
pub(super) async fn depart(shared: Arc<Shared>, current: quinn::Connection, told: Departure) {
    let session = Session { shared };
    if !session.shared.entrances.are_several() {
        return;
    }
    let elsewhere = Purpose::Elsewhere(current.remote_address());
    let Ok(found) = session.connect(Budget::new(FIND), elsewhere).await else { return };
    let who = |connection| peer_identity(connection).map(|(identity, _)| identity.name);
    if who(&found) == who(&current) || !session.fled(&current, &found).await {
        return Close::DONE.close(&found);
    }
    tracing::debug!(from = %shown(current.remote_address()), to = %shown(found.remote_address()), "the proxy goes away: another one is entered by");
    sleep(IN_HAND + current.rtt() * 2).await;
    drop(told);
    session.let_go(current).await;
}
