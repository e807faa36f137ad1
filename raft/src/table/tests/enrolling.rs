//! Tokens, and who gets in with them.

use super::*;
use crate::command::{Accepted, Rejection};

fn enrolled(proxy: Option<u64>) -> Result<Accepted, Rejection> {
    Ok(Accepted::Enrolled { proxy: proxy.map(ProxyId) })
}

#[test]
fn a_token_admits_what_it_says() {
    let base = || enrollment(2, TokenRole::Agent, "lab-pi-2", 20);
    let table: [(&str, Enrollment, Timestamp, Result<Accepted, Rejection>); 11] = [
        ("as it should be", base(), NOW, enrolled(None)),
        ("another secret", Enrollment { secret: hash(98), ..base() }, NOW, Err(Rejection::TokenUnknown)),
        ("another token", Enrollment { token: TokenId([77; 8]), ..base() }, NOW, Err(Rejection::TokenUnknown)),
        ("too late", base(), Timestamp(NOW.0 + 1_000), Err(Rejection::TokenExpired)),
        ("another role", Enrollment { role: TokenRole::Proxy, ..base() }, NOW, Err(Rejection::TokenRole(TokenRole::Agent))),
        (
            "another name",
            Enrollment { name: "office".to_owned(), ..base() },
            NOW,
            Err(Rejection::TokenName("lab-*".parse().expect("a glob"))),
        ),
        ("a name that is taken", Enrollment { name: "lab-pi".to_owned(), ..base() }, NOW, Err(Rejection::NameTaken("lab-pi".to_owned()))),
        ("a further token for one that is in", Enrollment { name: "lab-pi".to_owned(), key: hash(10), ..base() }, NOW, enrolled(None)),
        ("a used up one", enrollment(1, TokenRole::Agent, "lab-3", 30), NOW, Err(Rejection::TokenUsed)),
        ("the same machine again", enrollment(1, TokenRole::Agent, "lab-pi", 10), NOW, enrolled(None)),
        ("the same machine under another name", enrollment(1, TokenRole::Agent, "lab-4", 10), NOW, Err(Rejection::TokenUsed)),
    ];
    for (name, enrollment, at, expected) in table {
        let mut world = World::new();
        world.accept(Command::CreateToken(token(2, TokenRole::Agent)));
        assert_eq!(world.apply_at(at, vec![Command::Enroll(enrollment)]), [expected], "{name}");
    }
}

#[test]
fn a_revoked_token_admits_nobody() {
    let mut world = World::new();
    world.accept(Command::RevokeToken { id: TokenId([1; 8]) });
    let again = Command::Enroll(enrollment(1, TokenRole::Agent, "lab-pi", 10));
    assert_eq!(world.apply(again), Err(Rejection::TokenRevoked));
    assert_eq!(world.apply(Command::RevokeToken { id: TokenId([9; 8]) }), Err(Rejection::TokenUnknown));
}

#[test]
fn names_follow_the_rules() {
    let mut world = World::new();
    let anybody = NewToken { name: "*".parse().expect("a glob"), ..token(2, TokenRole::Client) };
    world.accept(Command::CreateToken(anybody));
    for bad in ["any", "", "A", "a.b", &"x".repeat(64)] {
        let answer = world.apply(Command::Enroll(enrollment(2, TokenRole::Client, bad, 20)));
        assert!(matches!(answer, Err(Rejection::NameInvalid(_))), "`{bad}`: {answer:?}");
    }
}

#[test]
fn a_proxy_gets_an_id_and_keeps_it() {
    let mut world = World::new();
    world.accept(Command::CreateToken(NewToken { uses: 2, ..token(2, TokenRole::Proxy) }));
    let enroll = |name: &str, key| Command::Enroll(enrollment(2, TokenRole::Proxy, name, key));
    assert_eq!(world.apply(enroll("lab-a", 20)), enrolled(Some(2)));
    assert_eq!(world.apply(enroll("lab-b", 21)), enrolled(Some(3)));
    assert_eq!(world.apply(enroll("lab-a", 20)), enrolled(Some(2)), "the same answer");
    assert_eq!(world.apply(enroll("lab-c", 22)), Err(Rejection::TokenUsed));
    let record = world.table.proxy(ProxyId(2)).expect("a proxy");
    assert_eq!((record.name.as_str(), record.state(), record.peer_address.as_str()), ("lab-a", ProxyState::Down, ""));
}

#[test]
fn a_client_gets_what_the_token_allows() {
    let mut world = World::new();
    world.accept(Command::CreateToken(token(2, TokenRole::Client)));
    world.accept(Command::Enroll(enrollment(2, TokenRole::Client, "lab-user", 20)));
    let (client, ssh, web) = ("lab-user".parse().expect("a name"), "ssh".parse().expect("a name"), "web".parse().expect("a name"));
    assert!(world.table.allows(&client, &agent("lab-pi"), &ssh));
    assert!(!world.table.allows(&client, &agent("lab-pi"), &web));
}

#[test]
fn tokens_are_bounded_and_old_ones_make_room() {
    let mut world = World::new();
    let numbered = |n: u64| NewToken { id: TokenId(n.to_be_bytes()), ..token(0, TokenRole::Agent) };
    for n in 1..MAX_TOKENS as u64 {
        world.accept(Command::CreateToken(numbered(n)));
    }
    assert_eq!(world.apply(Command::CreateToken(numbered(1))), Err(Rejection::TokenExists));
    let full = Rejection::TooMany { what: "tokens".to_owned(), limit: MAX_TOKENS as u64 };
    assert_eq!(world.apply(Command::CreateToken(numbered(0))), Err(full.clone()));
    let week = 7 * 24 * 3_600 * 1_000;
    let just = Timestamp(NOW.0 + 1_000 + week);
    assert_eq!(world.apply_at(just, vec![Command::CreateToken(numbered(0))]), [Err(full)]);
    let after = Timestamp(just.0 + 1);
    assert_eq!(world.apply_at(after, vec![Command::CreateToken(numbered(0))]), [Ok(Accepted::Done)]);
    assert_eq!(world.table.tokens().count(), 1);
}
