//! SOCKS5: CONNECT, without identity or with a name and a secret.

use super::conversation::{Conversation, Unheard};
use super::socks5_message::{self, Command, Host, MAX_MESSAGE, Malformed, Method, Request};
use super::{Asks, Domain, Entrance, Outcome, Visitor};

/// The replies that are no failure's (RFC 1928, section 6).
const SUCCEEDED: u8 = 0;
const COMMAND_NOT_SUPPORTED: u8 = 7;
const ADDRESS_TYPE_NOT_SUPPORTED: u8 = 8;

/// Serves a connection.
pub(super) async fn serve(
    mut conversation: Conversation,
    (domain, asks): (&Domain, Asks),
    mut visitor: Visitor,
    entrance: &dyn Entrance,
) -> Outcome {
    match greet(&mut conversation, asks, &mut visitor, entrance).await {
        Ok(Ok(())) => {}
        Ok(Err((last, outcome))) => {
            conversation.end(&last).await;
            return outcome;
        }
        Err(unheard) => return unspoken(unheard, &visitor),
    }
    let request = match conversation.hear(MAX_MESSAGE, socks5_message::request).await {
        Ok(request) => request,
        Err(unheard) => return unspoken(unheard, &visitor),
    };
    serve_request(conversation, (domain, request), &visitor, entrance).await
}

/// Agrees on a method, and finds out who has come in. The inner error is the last word, and what has become of the connection.
async fn greet(
    conversation: &mut Conversation,
    asks: Asks,
    visitor: &mut Visitor,
    entrance: &dyn Entrance,
) -> Result<Result<(), (Vec<u8>, Outcome)>, Unheard<Malformed>> {
    let greeting = conversation.hear(MAX_MESSAGE, socks5_message::greeting).await?;
    let wanted = if asks == Asks::Password { Method::Password } else { Method::Nothing };
    if !greeting.offers(wanted) {
        return Ok(Err((Method::Refused.answer().to_vec(), Outcome::Unauthenticated)));
    }
    said(conversation, &wanted.answer()).await?;
    if asks == Asks::Nothing {
        return Ok(Ok(()));
    }
    let login = conversation.hear(MAX_MESSAGE, socks5_message::login).await?;
    match entrance.authenticate(visitor.from, &login.name, &login.secret).await {
        Ok(who) => {
            visitor.who = who;
            said(conversation, &socks5_message::login_answer(Ok(()))).await?;
            Ok(Ok(()))
        }
        Err(failure) => {
            tracing::debug!(from = %visitor.from, failure = failure.message(), "login refused");
            Ok(Err((socks5_message::login_answer(Err(())).to_vec(), Outcome::Unauthenticated)))
        }
    }
}

async fn said(conversation: &mut Conversation, words: &[u8]) -> Result<(), Unheard<Malformed>> {
    conversation.say(words).await.map_err(|_| Unheard::Gone)
}

/// There is no word for it.
fn unspoken(unheard: Unheard<Malformed>, visitor: &Visitor) -> Outcome {
    match unheard {
        Unheard::Malformed(error) => {
            tracing::debug!(from = %visitor.from, %error, "no SOCKS5");
            Outcome::Malformed
        }
        Unheard::TooLong => Outcome::Malformed,
        Unheard::Silent => Outcome::Silent,
        Unheard::Gone => Outcome::Gone,
    }
}

async fn serve_request(
    mut conversation: Conversation,
    (domain, request): (&Domain, Request),
    visitor: &Visitor,
    entrance: &dyn Entrance,
) -> Outcome {
    let name = match (request.command, &request.host) {
        (Command::Connect, Host::Name(name)) => name,
        (Command::Connect, Host::Address(address)) => {
            tracing::debug!(from = %visitor.from, %address, "an address is no service: the name is to be resolved by the proxy, as `curl --socks5-hostname` has it");
            conversation.end(&socks5_message::reply(ADDRESS_TYPE_NOT_SUPPORTED)).await;
            return Outcome::Unsupported;
        }
        (Command::Other(number), _) => {
            tracing::debug!(from = %visitor.from, number, "a command that is not served");
            conversation.end(&socks5_message::reply(COMMAND_NOT_SUPPORTED)).await;
            return Outcome::Unsupported;
        }
    };
    let dialled = match domain.target(name, request.port) {
        Ok(target) => entrance.dial(target, visitor).await,
        Err(error) => Err(error.failure()),
    };
    match dialled {
        Ok(connected) => {
            if conversation.say(&socks5_message::reply(SUCCEEDED)).await.is_err() {
                connected.give_up();
                return Outcome::Gone;
            }
            connected.carry(conversation.into_stream()).await;
            Outcome::Connected
        }
        Err(failure) => {
            tracing::debug!(from = %visitor.from, host = %request.host, code = %failure.code(), failure = failure.message(), "refused");
            conversation.end(&socks5_message::reply(failure.code().socks5_reply())).await;
            Outcome::Failed(failure.code())
        }
    }
}
