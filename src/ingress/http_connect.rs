//! HTTP as to a proxy: tunnels by CONNECT, and requests for `http://` URLs.

use super::answer::{self, HttpAnswer};
use super::conversation::{Conversation, Unheard};
use super::http_body::{Body, Garbled};
use super::http_head::{self, Authority, Head, MAX_HEAD, Unserved, Wanted};
use super::one_request::OneRequest;
use super::{Asks, Domain, Entrance, Outcome, Prefixed, Visitor};
use crate::failure::{Code, Failure};

/// Serves a connection.
pub(super) async fn serve(
    mut conversation: Conversation,
    (domain, asks): (&Domain, Asks),
    mut visitor: Visitor,
    entrance: &dyn Entrance,
) -> Outcome {
    let head = match conversation.hear(MAX_HEAD, http_head::parse).await {
        Ok(head) => head,
        Err(unheard) => return unserved(conversation, unheard, entrance.name()).await,
    };
    if asks == Asks::Password
        && let Err((answer, outcome)) = authenticate(&head, &mut visitor, entrance).await
    {
        conversation.end(&answer.encode(&head.method)).await;
        return outcome;
    }
    let Authority { host, port } = match &head.wanted {
        Wanted::Tunnel(to) => to,
        Wanted::Answer { from, .. } => from,
    };
    let dialled = match domain.target(host, Some(*port)) {
        Ok(target) => entrance.dial(target, &visitor).await,
        Err(error) => Err(error.failure()),
    };
    let connected = match dialled {
        Ok(connected) => connected,
        Err(failure) => {
            tracing::debug!(from = %visitor.from, host, code = %failure.code(), failure = failure.message(), "refused");
            conversation.end(&HttpAnswer::failed(&failure, entrance.name()).encode(&head.method)).await;
            return Outcome::Failed(failure.code());
        }
    };
    let stream = match head.wanted {
        Wanted::Tunnel(_) => {
            if conversation.say(&answer::connected(entrance.name(), &connected.trace())).await.is_err() {
                connected.give_up();
                return Outcome::Gone;
            }
            conversation.into_stream()
        }
        Wanted::Answer { head: first, body, .. } => {
            let refusal = HttpAnswer::refused(400, &Garbled.to_string(), entrance.name()).encode(&head.method);
            Prefixed::boxed(first.into(), Box::new(OneRequest::new(conversation.into_stream(), Body::new(body), refusal)))
        }
    };
    connected.carry(stream).await;
    Outcome::Connected
}

/// Finds out who asks.
async fn authenticate(head: &Head, visitor: &mut Visitor, entrance: &dyn Entrance) -> Result<(), (HttpAnswer, Outcome)> {
    let Some(login) = &head.login else {
        let answer = HttpAnswer::unauthenticated(entrance.name(), "this proxy wants to know who asks");
        return Err((answer, Outcome::Unauthenticated));
    };
    match entrance.authenticate(visitor.from, &login.name, &login.secret).await {
        Ok(who) => {
            visitor.who = who;
            Ok(())
        }
        Err(failure) => {
            tracing::debug!(from = %visitor.from, failure = failure.message(), "login refused");
            Err((denied(&failure, entrance.name()), Outcome::Unauthenticated))
        }
    }
}

/// A login that is wrong can be shown again, another failure is none of the client's.
fn denied(failure: &Failure, by: &str) -> HttpAnswer {
    if failure.code() == Code::Denied { HttpAnswer::unauthenticated(by, failure.message()) } else { HttpAnswer::failed(failure, by) }
}

async fn unserved(conversation: Conversation, unheard: Unheard<Unserved>, by: &str) -> Outcome {
    let (Unserved(status, text), outcome) = match unheard {
        Unheard::Malformed(unserved @ Unserved(421 | 501 | 505, _)) => (unserved, Outcome::Unsupported),
        Unheard::Malformed(unserved) => (unserved, Outcome::Malformed),
        Unheard::TooLong => (Unserved(431, "the head of the request is too long"), Outcome::Malformed),
        Unheard::Silent => (Unserved(408, "the request did not come in time"), Outcome::Silent),
        Unheard::Gone => return Outcome::Gone,
    };
    conversation.end(&HttpAnswer::refused(status, text, by).encode("GET")).await;
    outcome
}
