//! The PROXY header in front of a connection.

use std::net::SocketAddr;
use std::time::Duration;

use super::Outcome;
use super::conversation::{Conversation, Unheard};
use super::proxy_header::{self, MAX_HEADER, Origin};
use crate::net::Stream;

/// Reads the header: the stream behind it, and where it comes from, unless whoever has sent it speaks for itself.
///
/// # Errors
/// What has become of the connection: there is none in time, or garbage.
pub async fn origin(stream: Box<dyn Stream>, patience: Duration) -> Result<(Box<dyn Stream>, Option<SocketAddr>), Outcome> {
    let mut conversation = Conversation::new(stream, patience);
    match conversation.hear(MAX_HEADER, proxy_header::parse).await {
        Ok(Origin::From(from)) => Ok((conversation.into_stream(), Some(from))),
        Ok(Origin::Itself) => Ok((conversation.into_stream(), None)),
        Err(unheard) => {
            if let Unheard::Malformed(error) = &unheard {
                tracing::debug!(%error, "no PROXY header");
            }
            // Nobody may take this for an answer.
            conversation.into_stream().abort();
            Err(match unheard {
                Unheard::Malformed(_) | Unheard::TooLong => Outcome::Malformed,
                Unheard::Silent => Outcome::Silent,
                Unheard::Gone => Outcome::Gone,
            })
        }
    }
}
