//! From a target to the services that it may mean. Pure.
//!
//! What a client may not reach makes no difference to what it is told: where it does not matter whether something is there, the answer is the same with it and
//! without it. So "unknown" is an answer only for who may reach everything that could have been meant.

use warren_raft::{AgentName, Service, ServiceName, Table};

use crate::proxy::caller::Caller;
use crate::target::{Target, port_of};

/// Most agents of an `any/SERVICE` target that are considered.
const MAX_CHOICES: usize = 64;

/// A service of an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice {
    pub(super) agent: AgentName,
    pub(super) service: ServiceName,
}

/// Why a target means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// No agent of this name has enrolled.
    AgentUnknown(AgentName),
    /// The agent does not publish it.
    ServiceUnknown,
    /// The client may not.
    Denied,
}

/// The services that `target` means and `caller` may reach, those that are online first. Never empty. Where more agents publish a service than are considered, `place`
/// decides which: another number each time.
pub(super) fn resolve(table: &Table, caller: &Caller, target: &Target, place: u64) -> Result<Vec<Choice>, Unresolved> {
    match target {
        Target::Service(agent, service) => {
            // What is not allowed is not told apart from what does not exist.
            allow(table, caller, agent, service)?;
            let record = table.agent(agent).ok_or_else(|| Unresolved::AgentUnknown(agent.clone()))?;
            if !record.services.iter().any(|known| known.name == *service) {
                return Err(Unresolved::ServiceUnknown);
            }
            Ok(vec![Choice { agent: agent.clone(), service: service.clone() }])
        }
        Target::Port(agent, port) => {
            let services = table.agent(agent).map(|record| record.services.as_slice()).unwrap_or_default();
            let has_port = |known: &&Service| port_of(&known.target) == Some(*port) && caller.may(table, agent, &known.name);
            match services.iter().find(has_port) {
                Some(known) => Ok(vec![Choice { agent: agent.clone(), service: known.name.clone() }]),
                None if !caller.may_all_of(table, agent) => Err(Unresolved::Denied),
                None if table.agent(agent).is_none() => Err(Unresolved::AgentUnknown(agent.clone())),
                None => Err(Unresolved::ServiceUnknown),
            }
        }
        Target::Any(service) => any(table, caller, service, place),
    }
}

fn any(table: &Table, caller: &Caller, service: &ServiceName, place: u64) -> Result<Vec<Choice>, Unresolved> {
    // Nobody makes a proxy look through a million agents for what it may not have anyway.
    if !caller.may_somewhere(table, service) {
        return Err(Unresolved::Denied);
    }
    let publishing = table.agents_around(place).filter(|(_, agent)| agent.services.iter().any(|known| known.name == *service));
    let (mut online, mut offline) = (Vec::new(), Vec::new());
    for (name, _) in publishing.filter(|(name, _)| caller.may(table, name, service)) {
        let choices = if table.routes_of(name).next().is_some() { &mut online } else { &mut offline };
        if choices.len() < MAX_CHOICES {
            choices.push(Choice { agent: name.clone(), service: service.clone() });
        }
        // The others are not worth looking at: there may be a million of them.
        if online.len() == MAX_CHOICES {
            break;
        }
    }
    online.extend(offline);
    online.truncate(MAX_CHOICES);
    match online.is_empty() {
        false => Ok(online),
        true if caller.may_everywhere(table, service) => Err(Unresolved::ServiceUnknown),
        true => Err(Unresolved::Denied),
    }
}

fn allow(table: &Table, caller: &Caller, agent: &AgentName, service: &ServiceName) -> Result<(), Unresolved> {
    if caller.may(table, agent, service) { Ok(()) } else { Err(Unresolved::Denied) }
}

#[cfg(test)]
mod tests {
    use warren_raft::command::{Bootstrap, Enrollment, NewToken};
    use warren_raft::{
        ClusterId, Command, Incarnation, KeyHash, Proposal, ProxyId, Service, ServiceKind, Strategy, Timestamp, TokenId, TokenRole,
    };

    use super::*;

    /// A cluster with the agents `a` (ssh on 22, web on 80) and `b` (web on 80), and a client `c` that may reach `allow`.
    fn table(allow: &[&str]) -> Table {
        let service = |name: &str, port: u16| Service {
            name: name.parse().expect("a name"),
            target: format!("127.0.0.1:{port}"),
            kind: ServiceKind::Tcp,
        };
        let publish =
            |agent: &str, services| Command::PublishServices { agent: agent.parse().expect("a name"), services, version: String::new() };
        let mut commands = vec![Command::Bootstrap(Box::new(Bootstrap {
            id: ClusterId([1; 16]),
            name: "lab".to_owned(),
            ca_certificate: Vec::new(),
            ca_key: Vec::new(),
            strategy: Strategy::default(),
            proxy: "p".parse().expect("a name"),
            key: KeyHash([1; 32]),
        }))];
        for (number, role, name) in [(1, TokenRole::Agent, "a"), (2, TokenRole::Agent, "b"), (3, TokenRole::Client, "c")] {
            let allow = if role == TokenRole::Client { allow } else { &[] };
            let allow = allow.iter().map(|pattern| pattern.parse().expect("a pattern")).collect();
            let (id, secret) = (TokenId([number; 8]), KeyHash([number; 32]));
            let any = "*".parse().expect("a glob");
            commands.push(Command::CreateToken(NewToken { id, secret, role, name: any, allow, expires_at: Timestamp(100), uses: 1 }));
            let key = KeyHash([number + 10; 32]);
            commands.push(Command::Enroll(Enrollment { token: id, secret, role, name: name.to_owned(), key }));
        }
        commands.push(publish("a", vec![service("ssh", 22), service("web", 80)]));
        commands.push(publish("b", vec![service("web", 80)]));
        let mut table = Table::default();
        let proposal = Proposal { proposer: ProxyId(1), incarnation: Incarnation(1), number: 1, at: Timestamp(1), commands };
        for answer in table.apply(&proposal) {
            answer.expect("accepted");
        }
        table
    }

    fn check(allow: &[&str], target: &str, expected: Result<&[&str], Unresolved>) {
        let caller = Caller::Client("c".parse().expect("a name"));
        let choices = resolve(&table(allow), &caller, &target.parse().expect("a target"), 0);
        let found = choices.map(|mut choices| {
            choices.sort();
            choices.iter().map(|choice| format!("{}/{}", choice.agent, choice.service)).collect::<Vec<_>>()
        });
        assert_eq!(found, expected.map(|choices| choices.iter().map(ToString::to_string).collect()), "{target}");
    }

    #[test]
    fn targets_mean_what_the_table_says() {
        let unknown = |agent: &str| Err(Unresolved::AgentUnknown(agent.parse().expect("a name")));
        let table: [(_, Result<&[&str], _>); 9] = [
            ("a/ssh", Ok(&["a/ssh"])),
            ("a:22", Ok(&["a/ssh"])),
            ("any/web", Ok(&["a/web", "b/web"])),
            ("any/ssh", Ok(&["a/ssh"])),
            ("a/nope", Err(Unresolved::ServiceUnknown)),
            ("a:23", Err(Unresolved::ServiceUnknown)),
            ("any/nope", Err(Unresolved::ServiceUnknown)),
            ("x/ssh", unknown("x")),
            ("x:22", unknown("x")),
        ];
        for (target, expected) in table {
            check(&["*/*"], target, expected);
        }
    }

    #[test]
    fn what_is_not_allowed_is_not_told() {
        let denied = Err(Unresolved::Denied);
        let unknown = Err(Unresolved::ServiceUnknown);
        let x = Err(Unresolved::AgentUnknown("x".parse().expect("a name")));
        // By what the client may: each target beside one that means nothing.
        type Case<'a> = (&'a [&'a str], &'a [(&'a str, Result<&'a [&'a str], Unresolved>)]);
        let table: &[Case] = &[
            (&[], &[("a/ssh", denied.clone()), ("a:22", denied.clone()), ("any/ssh", denied.clone()), ("any/nope", denied.clone())]),
            (&["b/*"], &[("b/web", Ok(&["b/web"])), ("b/nope", unknown.clone()), ("b:80", Ok(&["b/web"])), ("b:81", unknown.clone())]),
            (&["b/*"], &[("a/web", denied.clone()), ("a/nope", denied.clone()), ("x/ssh", denied.clone())]),
            (&["b/*"], &[("a:22", denied.clone()), ("a:23", denied.clone()), ("x:22", denied.clone())]),
            (&["b/*"], &[("any/web", Ok(&["b/web"])), ("any/ssh", denied.clone()), ("any/nope", denied.clone())]),
            (&["a/ssh"], &[("a:22", Ok(&["a/ssh"])), ("a:80", denied.clone()), ("a:23", denied.clone())]),
            (
                &["*/ssh"],
                &[("any/ssh", Ok(&["a/ssh"])), ("any/web", denied.clone()), ("any/nope", denied.clone()), ("x:22", denied.clone())],
            ),
            (&["*/db"], &[("any/db", unknown.clone()), ("a:22", denied.clone()), ("a/db", unknown.clone())]),
            (&["x/*"], &[("x/ssh", x.clone()), ("x:22", x.clone()), ("any/ssh", denied.clone())]),
        ];
        for (allow, targets) in table {
            for (target, expected) in *targets {
                check(allow, target, expected.clone());
            }
        }
    }
}
