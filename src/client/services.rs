//! What this client may reach, as the proxy knows that it is connected to.

use std::time::Duration;

use super::asking::broken;
use super::session::Session;
use crate::failure::{Code, Failure, Stage};
use crate::net::{Budget, shown};
use crate::wire::{ClientRequest, Heard, Hello, Reachable, ServicesReply, frame, not_understood};

/// What may be reached, by agent and service, and whether there is, or may be, more.
///
/// # Errors
/// No proxy can be reached, or it is of a version that does not know the question.
pub async fn services(session: &Session, timeout: Duration) -> Result<(Vec<Reachable>, bool), Failure> {
    let budget = Budget::new(timeout);
    let connection = session.connection(budget).await?;
    let at = shown(connection.remote_address()).to_string();
    let asked = async {
        let (mut send, mut recv) = connection.open_bi().await.map_err(|error| frame::FrameError::Stream(error.into()))?;
        frame::write(&mut send, &ClientRequest::Services { hello: Hello::ours() }, frame::MAX_MESSAGE).await?;
        frame::hear(&mut recv, frame::MAX_MESSAGE).await
    };
    let silent = |_| Failure::new(Code::Timeout, Stage::Ingress, "no answer in time about what may be reached").at(at.clone());
    let broke = |error: frame::FrameError| broken(&connection, &error);
    match budget.run(asked).await.map_err(silent)?.map_err(broke)? {
        Heard::Known(ServicesReply::Services { services, more, .. }) => Ok((services, more)),
        Heard::Known(ServicesReply::Failed(failure)) => Err(failure),
        Heard::Unknown(number) => Err(not_understood(&format!("answer {number} of a proxy")).at(at)),
    }
}
