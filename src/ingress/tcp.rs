//! A port that leads to one target.

use super::conversation::Conversation;
use super::{Entrance, Outcome, Visitor};
use crate::target::Target;

/// Serves a connection.
pub(super) async fn serve(conversation: Conversation, target: &Target, visitor: &Visitor, entrance: &dyn Entrance) -> Outcome {
    match entrance.dial(target.clone(), visitor).await {
        Ok(connected) => {
            connected.carry(conversation.into_stream()).await;
            Outcome::Connected
        }
        Err(failure) => {
            // There is no word for it: nobody may take this for an empty answer.
            conversation.into_stream().abort();
            Outcome::Failed(failure.code())
        }
    }
}
