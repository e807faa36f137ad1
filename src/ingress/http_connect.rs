//! HTTP as to a proxy: tunnels by CONNECT, and requests for `http://` URLs.

use super::answer::{self, HttpAnswer};
use super::conversation::{Conversation, Unheard};
use super::http_body::Body;
use super::http_head::{self, Authority, Head, MAX_HEAD, Unserved, Wanted};
use super::one_request::{Left, OneRequest, Unanswered};
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
    match head.wanted {
        Wanted::Tunnel(_) => {
            if conversation.say(&answer::connected(entrance.name(), &connected.trace())).await.is_err() {
                connected.give_up();
                return Outcome::Gone;
            }
            connected.carry(conversation.into_stream()).await;
        }
        Wanted::Answer { head: first, body, .. } => {
            let trace = connected.trace();
            let (request, mut left) = OneRequest::new(conversation.into_stream(), Body::new(body));
            connected.carry(Prefixed::boxed(first.into(), Box::new(request))).await;
            if let Ok(left) = left.try_recv() {
                end(left, &head.method, (entrance.name(), &trace)).await;
            }
        }
    }
    Outcome::Connected
}

/// Ends a connection on which all was said, or on which the proxy called `by` has to answer for the service.
async fn end(Left { stream, unsaid, why }: Left, method: &str, (by, trace): (&str, &str)) {
    let answer = why.map(|why| match why {
        Unanswered::Request(garbled) => HttpAnswer::refused(400, &garbled.to_string(), by),
        Unanswered::Service(fault) => {
            tracing::debug!(trace, %fault, "no answer");
            HttpAnswer::unanswered(fault, by, trace)
        }
    });
    let words = answer.map(|answer| answer.encode(method)).unwrap_or_default();
    Conversation::ending(stream).end(&[&unsaid[..], &words].concat()).await;
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
