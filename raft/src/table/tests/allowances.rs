//! What clients may reach and agents may publish, and what is left of those that are removed.

use super::*;
use crate::command::{Accepted, Rejection};
use crate::{Pattern, decoding};

const DONE: Result<Accepted, Rejection> = Ok(Accepted::Done);

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| text.parse().expect("a pattern")).collect()
}

/// At the level of these commands, with the agent `lab-pi` (key 10) and the client `lab-user` (key 20).
fn world() -> World {
    let mut world = World::new();
    world.accept(Command::StartProxy(ProxyStart { level: Level(4), ..start(1) }));
    world.accept(Command::RaiseLevel { level: Level(4) });
    world.accept(Command::CreateToken(token(2, TokenRole::Client)));
    world.accept(Command::Enroll(enrollment(2, TokenRole::Client, "lab-user", 20)));
    world
}

fn many(id: u8, role: TokenRole) -> NewToken {
    NewToken { uses: 9, ..token(id, role) }
}

fn publish(services: &[&str]) -> Command {
    let services = services.iter().map(|name| service(name)).collect();
    Command::PublishServices { agent: agent("lab-pi"), services, version: String::new() }
}

fn names(table: &Table) -> Vec<String> {
    let record = table.agent(&agent("lab-pi")).expect("an agent");
    record.services.iter().map(|service| service.name.to_string()).collect()
}

#[test]
fn what_a_client_may_reach_is_replaced() {
    let mut world = world();
    let may = |world: &World| ["ssh", "web"].map(|name| world.table.allows(&client("lab-user"), &agent("lab-pi"), &service(name).name));
    let allow = |patterns| Command::AllowClient { client: client("lab-user"), allow: patterns };
    assert_eq!(may(&world), [true, false], "as its token says");
    for (allowed, expected) in [(&["*/web"][..], [false, true]), (&["*/*"], [true, true]), (&[], [false, false])] {
        assert_eq!(world.apply(allow(patterns(allowed))), DONE);
        assert_eq!(may(&world), expected, "{allowed:?}");
    }
    let too_many = patterns(&["a/b"; MAX_PATTERNS + 1]);
    let bound = Rejection::TooMany { what: "patterns".to_owned(), limit: MAX_PATTERNS as u64 };
    assert_eq!(world.apply(allow(too_many)), Err(bound));
    let stranger = Command::AllowClient { client: client("nobody"), allow: Vec::new() };
    assert_eq!(world.apply(stranger), Err(Rejection::ClientUnknown(client("nobody"))));
}

#[test]
fn a_removed_agent_is_gone_with_all_that_it_had() {
    let mut world = world();
    world.accept(publish(&["ssh"]));
    world.accept(register(2, 4));
    assert_eq!((world.table.routes().count(), world.table.counts().agents_online), (1, 1));
    let remove = || Command::RemoveAgent { agent: agent("lab-pi") };
    assert_eq!(world.apply(remove()), DONE);
    let table = &world.table;
    assert_eq!((table.routes().count(), table.counts().agents_online, table.counts().routes, table.agent_count()), (0, 0, 0, 0));
    assert_eq!((table.agent(&agent("lab-pi")), table.last_seen(&agent("lab-pi"))), (None, None));
    assert!(table.has_removed_key(hash(10)) && !table.has_removed_key(hash(20)));
    let unknown = Err(Rejection::AgentUnknown(agent("lab-pi")));
    for late in [remove(), register(2, 5), publish(&["ssh"])] {
        assert_eq!(world.apply(late.clone()), unknown, "{late:?}");
    }
    assert_eq!(world.apply(withdraw(2, 4)), DONE, "there is nothing to withdraw");
}

#[test]
fn a_removed_client_may_nothing() {
    let mut world = world();
    let remove = || Command::RemoveClient { client: client("lab-user") };
    assert_eq!(world.apply(remove()), DONE);
    assert_eq!((world.table.client(&client("lab-user")), world.table.has_removed_key(hash(20))), (None, true));
    assert!(!world.table.allows(&client("lab-user"), &agent("lab-pi"), &service("ssh").name));
    assert_eq!(world.apply(remove()), Err(Rejection::ClientUnknown(client("lab-user"))));
}

/// Whatever it was, under whatever name and with whichever token it comes.
#[test]
fn the_key_of_a_removed_machine_is_never_admitted_again() {
    let removals = [
        (10, Command::RemoveAgent { agent: agent("lab-pi") }),
        (20, Command::RemoveClient { client: client("lab-user") }),
        (30, Command::RemoveProxy { proxy: ProxyId(2) }),
    ];
    for (key, removal) in removals {
        let mut world = world();
        for (id, role) in [(11, TokenRole::Agent), (12, TokenRole::Client), (13, TokenRole::Proxy)] {
            world.accept(Command::CreateToken(many(id, role)));
        }
        world.accept(Command::Enroll(enrollment(13, TokenRole::Proxy, "lab-p2", 30)));
        world.accept(removal.clone());
        if let Command::RemoveProxy { proxy } = removal {
            assert_eq!(world.apply(Command::Enroll(enrollment(13, TokenRole::Proxy, "lab-p2", key))), Err(Rejection::KeyRemoved));
            world.accept(Command::ForgetProxy { proxy });
        }
        let tokens =
            [(1, TokenRole::Agent), (2, TokenRole::Client), (11, TokenRole::Agent), (12, TokenRole::Client), (13, TokenRole::Proxy)];
        for (id, role) in tokens {
            for name in ["lab-pi", "lab-user", "lab-p2", "lab-new"] {
                let again = Command::Enroll(enrollment(id, role, name, key));
                assert_eq!(world.apply(again), Err(Rejection::KeyRemoved), "{removal:?}: token {id} as {name}");
            }
        }
        let uses = world.table.token(TokenId([11; 8])).map(|token| token.used_by.len());
        assert_eq!(uses, Some(0), "it costs no use");
        // The name is free for another machine.
        let (id, role, name) = match key {
            10 => (11, TokenRole::Agent, "lab-pi"),
            20 => (12, TokenRole::Client, "lab-user"),
            _ => (13, TokenRole::Proxy, "lab-p2"),
        };
        assert!(world.apply(Command::Enroll(enrollment(id, role, name, 40))).is_ok(), "{name}");
    }
}

/// A proxy that does not know of such keys would have another table.
#[test]
fn below_their_level_no_keys_are_kept() {
    let mut world = World::new();
    world.accept(Command::CreateToken(token(13, TokenRole::Proxy)));
    world.accept(Command::Enroll(enrollment(13, TokenRole::Proxy, "lab-p2", 30)));
    world.accept(Command::RemoveProxy { proxy: ProxyId(2) });
    assert!(!world.table.has_removed_key(hash(30)));
}

#[test]
fn keys_of_removed_machines_are_bounded_and_the_oldest_go_first() {
    let mut table = world().table;
    let numbered = |number: usize| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(number as u64).to_be_bytes());
        KeyHash(key)
    };
    for number in 0..=MAX_REMOVED_KEYS {
        // The later ones first by key, so that the order is not the map's.
        let at = Timestamp(NOW.0 + if number == 500 { 0 } else { 1 + number as u64 });
        if number < MAX_REMOVED_KEYS {
            table.removed_keys.insert(numbered(number), RemovedKey { at });
        } else {
            table.keep_removed(numbered(number), at);
        }
    }
    assert_eq!(table.removed_keys.len(), MAX_REMOVED_KEYS);
    assert!(
        !table.has_removed_key(numbered(500)) && table.has_removed_key(numbered(0)) && table.has_removed_key(numbered(MAX_REMOVED_KEYS))
    );
}

#[test]
fn an_agent_publishes_what_its_token_says_and_nothing_else() {
    let mut world = world();
    world.accept(publish(&["ssh", "web"]));
    assert_eq!(world.table.publishing(&agent("lab-pi")), None, "its token says nothing");
    // `allow` in a plain token for agents has never meant anything.
    world.accept(Command::CreateToken(many(3, TokenRole::Agent)));
    world.accept(Command::Enroll(enrollment(3, TokenRole::Agent, "lab-pi", 10)));
    assert_eq!((names(&world.table), world.table.token_publishing(TokenId([3; 8]))), (vec!["ssh".to_owned(), "web".to_owned()], None));
    let allow = patterns(&["lab-*/web", "x/ssh"]);
    world.accept(Command::CreateAgentToken(NewToken { allow: allow.clone(), ..many(4, TokenRole::Agent) }));
    let publishing = Publishing { allow };
    assert_eq!(world.table.token_publishing(TokenId([4; 8])), Some(&publishing));
    world.accept(Command::Enroll(enrollment(4, TokenRole::Agent, "lab-pi", 10)));
    assert_eq!(world.table.publishing(&agent("lab-pi")), Some(&publishing));
    assert_eq!(names(&world.table), ["web"], "what it may not publish is gone at once");
    let not = |name: &str| Err(Rejection::MayNotPublish { agent: agent("lab-pi"), service: service(name).name });
    for (services, answer) in [
        (&["ssh", "web"][..], not("ssh")),
        (&["web", "db"], not("db")),
        (&["web"], DONE),
        (&[], DONE),
        (&["db"], not("db")),
        (&["web"], DONE),
    ] {
        let before = names(&world.table);
        let expected = if answer.is_ok() { services.iter().map(ToString::to_string).collect() } else { before };
        assert_eq!(world.apply(publish(services)), answer, "{services:?}");
        assert_eq!(names(&world.table), expected, "{services:?}");
    }
    // A snapshot keeps it, and a removed agent's successor does not inherit it.
    let pieces = decoding::pieces(&world.table);
    assert_eq!(decoding::snapshot(pieces.iter().map(Vec::as_slice)).as_ref(), Ok(&world.table));
    world.accept(Command::RemoveAgent { agent: agent("lab-pi") });
    world.accept(Command::Enroll(enrollment(3, TokenRole::Agent, "lab-pi", 50)));
    assert_eq!(world.apply(publish(&["ssh"])), DONE);
}

#[test]
fn a_later_token_without_patterns_lifts_the_limit() {
    let mut world = world();
    world.accept(Command::CreateAgentToken(NewToken { allow: patterns(&["*/web"]), ..many(4, TokenRole::Agent) }));
    world.accept(Command::Enroll(enrollment(4, TokenRole::Agent, "lab-2", 30)));
    assert!(world.table.publishing(&agent("lab-2")).is_some());
    world.accept(Command::CreateToken(many(5, TokenRole::Agent)));
    world.accept(Command::Enroll(enrollment(5, TokenRole::Agent, "lab-2", 30)));
    assert_eq!(world.table.publishing(&agent("lab-2")), None);
    // The same token again is the same answer and no further use: it does not bring the limit back.
    world.accept(Command::Enroll(enrollment(4, TokenRole::Agent, "lab-2", 30)));
    assert_eq!(world.table.publishing(&agent("lab-2")), None);
}

#[test]
fn what_a_forgotten_token_let_publish_is_forgotten() {
    let mut world = world();
    world.accept(Command::CreateAgentToken(token(4, TokenRole::Agent)));
    let exists = world.apply(Command::CreateAgentToken(token(4, TokenRole::Agent)));
    assert_eq!(exists, Err(Rejection::TokenExists));
    let much_later = Timestamp(NOW.0 + 30 * 24 * 3_600 * 1_000);
    world.apply_at(much_later, vec![Command::CreateToken(token(5, TokenRole::Agent))]);
    assert_eq!((world.table.token_publishing(TokenId([4; 8])), world.table.publishing_tokens.len()), (None, 0));
}
