//! SOCKS5: CONNECT, without identity or with a name and a secret.

use std::net::SocketAddr;

use super::conversation::{Conversation, Unheard};
use super::socks5_message::{self, ADDRESS_TYPE_NOT_SUPPORTED, Host, MAX_MESSAGE, Malformed, Method, Request, SUCCEEDED};
use super::{Asks, Domain, Entrance, Outcome, Visitor};

/// It came to nothing before a dial: the last word, if there is one, and what has become of the connection.
struct Over(Option<Vec<u8>>, Outcome);

/// Serves a connection.
pub(super) async fn serve(
    mut conversation: Conversation,
    (domain, asks): (&Domain, Asks),
    mut visitor: Visitor,
    entrance: &dyn Entrance,
) -> Outcome {
    match talk(&mut conversation, asks, &mut visitor, entrance).await {
        Ok(request) => serve_request(conversation, (domain, request), &visitor, entrance).await,
        Err(Over(last, outcome)) => {
            if let Some(last) = last {
                conversation.end(&last).await;
            }
            outcome
        }
    }
}

/// Agrees on a method, finds out who has come in, and hears whither.
async fn talk(conversation: &mut Conversation, asks: Asks, visitor: &mut Visitor, entrance: &dyn Entrance) -> Result<Request, Over> {
    let from = visitor.from;
    let refused = Method::Refused.answer().to_vec();
    let greeting = conversation.hear(MAX_MESSAGE, socks5_message::greeting).await;
    // Whoever speaks another version may not understand any answer of this one.
    let greeting = greeting.map_err(|unheard| over(unheard, from, |error| (error == Malformed::NoMethod).then(|| refused.clone())))?;
    let wanted = if asks == Asks::Password { Method::Password } else { Method::Nothing };
    if !greeting.offers(wanted) {
        return Err(Over(Some(refused), Outcome::Unauthenticated));
    }
    say(conversation, &wanted.answer()).await?;
    if asks == Asks::Password {
        authenticate(conversation, visitor, entrance).await?;
    }
    let request = conversation.hear(MAX_MESSAGE, socks5_message::request).await;
    request.map_err(|unheard| over(unheard, from, |error| error.reply().map(|reply| socks5_message::reply(reply).to_vec())))
}

/// Finds out who has come in (RFC 1929).
async fn authenticate(conversation: &mut Conversation, visitor: &mut Visitor, entrance: &dyn Entrance) -> Result<(), Over> {
    let from = visitor.from;
    let refused = socks5_message::login_answer(Err(())).to_vec();
    let login = conversation.hear(MAX_MESSAGE, socks5_message::login).await;
    let login = login.map_err(|unheard| over(unheard, from, |_| Some(refused.clone())))?;
    match entrance.authenticate(from, &login.name, &login.secret).await {
        Ok(who) => {
            visitor.who = who;
            say(conversation, &socks5_message::login_answer(Ok(()))).await
        }
        Err(failure) => {
            tracing::debug!(%from, failure = failure.message(), "login refused");
            Err(Over(Some(refused), Outcome::Unauthenticated))
        }
    }
}

async fn say(conversation: &mut Conversation, words: &[u8]) -> Result<(), Over> {
    conversation.say(words).await.map_err(|_| Over(None, Outcome::Gone))
}

/// What comes of words that were not heard; `answer` has the last word to malformed ones.
fn over(unheard: Unheard<Malformed>, from: SocketAddr, answer: impl FnOnce(Malformed) -> Option<Vec<u8>>) -> Over {
    match unheard {
        Unheard::Malformed(error) => {
            tracing::debug!(%from, %error, "no SOCKS5 that is served");
            let is_served_nowhere = matches!(error, Malformed::Command(_) | Malformed::AddressType(_));
            Over(answer(error), if is_served_nowhere { Outcome::Unsupported } else { Outcome::Malformed })
        }
        Unheard::TooLong => Over(None, Outcome::Malformed),
        Unheard::Silent => Over(None, Outcome::Silent),
        Unheard::Gone => Over(None, Outcome::Gone),
    }
}

async fn serve_request(
    mut conversation: Conversation,
    (domain, request): (&Domain, Request),
    visitor: &Visitor,
    entrance: &dyn Entrance,
) -> Outcome {
    let name = match &request.host {
        Host::Name(name) => name,
        Host::Address(address) => {
            tracing::debug!(from = %visitor.from, %address, "an address is no service: the name is to be resolved by the proxy, as `curl --socks5-hostname` has it");
            conversation.end(&socks5_message::reply(ADDRESS_TYPE_NOT_SUPPORTED)).await;
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
