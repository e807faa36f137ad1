//! TLS that is passed on as it is, whither its SNI says.

use super::conversation::{Conversation, Unheard};
use super::sni::{Alert, Hello, HelloReader};
use super::{Domain, Entrance, Outcome, Prefixed, Visitor, answer};

/// Serves a connection.
pub(super) async fn serve(mut conversation: Conversation, domain: &Domain, visitor: &Visitor, entrance: &dyn Entrance) -> Outcome {
    let mut reader = HelloReader::new();
    let name = loop {
        let piece = match conversation.piece().await {
            Ok(piece) => piece,
            Err(Unheard::Silent) => return Outcome::Silent,
            Err(Unheard::Gone | Unheard::TooLong | Unheard::Malformed(())) => return Outcome::Gone,
        };
        match reader.feed(&piece) {
            Hello::Partial => {}
            Hello::Whole(name) => break name,
            Hello::Malformed(alert, reason) => {
                tracing::debug!(from = %visitor.from, reason, "no hello of TLS");
                conversation.end(&alert).await;
                return Outcome::Malformed;
            }
        }
    };
    let Some(name) = name else {
        tracing::debug!(from = %visitor.from, "a hello of TLS that names no server");
        conversation.end(&Alert::MissingExtension.record()).await;
        return Outcome::Unsupported;
    };
    let dialled = match domain.target(&name, None) {
        Ok(target) => entrance.dial(target, visitor).await,
        Err(error) => Err(error.failure()),
    };
    match dialled {
        Ok(connected) => {
            connected.carry(Prefixed::boxed(reader.into_bytes().into(), conversation.into_stream())).await;
            Outcome::Connected
        }
        Err(failure) => {
            let alert = answer::alert(failure.code());
            tracing::debug!(from = %visitor.from, name, code = %failure.code(), %alert, failure = failure.message(), "answered by an alert");
            conversation.end(&alert.record()).await;
            Outcome::Failed(failure.code())
        }
    }
}
