//! What a client is told when a dial comes to nothing. Pure.

use warren_raft::{AgentName, ProxyId, ReadError, Table};

use super::attempt::Miss;
use super::resolve::{Choice, Unresolved};
use crate::failure::{Code, Failure, Stage};
use crate::target::Target;
use crate::wire::DialAnswer;

/// Where to look; a client has no agents to list.
const AGENTS: &str = "`warren agents ls` on a proxy's machine shows what there is";

/// What shows how the cluster is.
const STATUS: &str = "`warren status` on a proxy's machine shows what is wrong";

/// Where to look for one that there is.
fn show(agent: &AgentName) -> String {
    format!("`warren agents show {agent}` on a proxy's machine")
}

/// The target means nothing.
pub(super) fn unresolved(target: &Target, why: &Unresolved) -> Failure {
    match why {
        Unresolved::AgentUnknown(agent) => Failure::new(Code::ServiceUnknown, Stage::Route, format!("there is no service `{target}`"))
            .with_cause(format!("no agent `{agent}` has enrolled"))
            .with_hint(AGENTS),
        Unresolved::ServiceUnknown => Failure::new(Code::ServiceUnknown, Stage::Route, format!("there is no service `{target}`"))
            .with_cause(match target {
                Target::Service(agent, service) => format!("agent `{agent}` does not publish `{service}`"),
                Target::Port(agent, port) => format!("no service of agent `{agent}` has port {port}"),
                Target::Any(service) => format!("no agent publishes `{service}`"),
            })
            .with_hint(match target {
                Target::Service(agent, _) | Target::Port(agent, _) => format!("{} shows what it publishes", show(agent)),
                Target::Any(_) => AGENTS.to_owned(),
            }),
        Unresolved::Denied => Failure::new(Code::Denied, Stage::Ingress, format!("`{target}` is not allowed"))
            .with_cause("nothing that this client may reach is meant by it")
            .with_hint("check the spelling, or ask for it: `warren clients allow NAME PATTERN..` on a proxy's machine"),
    }
}

/// The agent is known and no proxy has a tunnel of it.
pub(super) fn offline(table: &Table, choice: &Choice, now_ms: u64) -> Failure {
    let failure =
        Failure::new(Code::AgentOffline, Stage::Route, format!("service `{}/{}` has no agent online", choice.agent, choice.service));
    let failure = match last_seen(table, &choice.agent, now_ms) {
        Some(cause) => failure.with_cause(cause),
        None => failure.with_cause(format!("agent `{}` has enrolled and never connected", choice.agent)),
    };
    failure.with_hint(show(&choice.agent))
}

fn last_seen(table: &Table, agent: &AgentName, now_ms: u64) -> Option<String> {
    let seen = table.last_seen(agent)?;
    let seconds = now_ms.saturating_sub(seen.at.0) / 1000;
    let at = name(table, seen.proxy);
    Some(format!("agent `{agent}` was last seen at {at} {} ago", humantime::format_duration(std::time::Duration::from_secs(seconds))))
}

/// The last try came to nothing.
pub(super) fn missed(table: &Table, choice: &Choice, owner: ProxyId, miss: &Miss) -> Failure {
    let what = format!("{}/{}", choice.agent, choice.service);
    let owner = name(table, owner);
    match miss {
        Miss::Unreachable(reason) => Failure::new(
            Code::PeerUnreachable,
            Stage::Peer,
            format!("proxy `{owner}`, which holds the tunnel of `{}`, cannot be reached", choice.agent),
        )
        .with_cause(reason.as_str())
        .with_hint(STATUS),
        Miss::Deadline => Failure::new(Code::Timeout, Stage::Tunnel, format!("no answer from `{what}` in time"))
            .with_cause(format!("the dial through proxy `{owner}` was not answered"))
            .with_hint(show(&choice.agent)),
        Miss::Answered(answer) => answered(&what, choice, answer).at(owner),
    }
}

/// Nobody who could be asked has it, and no leader could be asked.
pub(super) fn unconfirmed(stale: Failure, error: &ReadError, answered: usize) -> Failure {
    let peers = match answered {
        0 => "no other proxy could be asked".to_owned(),
        1 => "the one other proxy that could be asked has no tunnel of it".to_owned(),
        _ => format!("none of the {answered} other proxies that could be asked has a tunnel of it"),
    };
    let why = match error {
        ReadError::NoQuorum(_) => format!("this could not be confirmed, there is no quorum: {error}"),
        ReadError::Disk(_) | ReadError::Stopped(_) => format!("this could not be confirmed: {error}"),
    };
    stale
        .with_cause(why)
        .with_cause(peers)
        .with_hint("`warren status` on a proxy's machine shows which proxies are missing; it may be reached through another proxy")
}

fn answered(what: &str, choice: &Choice, answer: &DialAnswer) -> Failure {
    match answer {
        DialAnswer::TargetRefused { reason } => Failure::new(Code::TargetRefused, Stage::Target, format!("the target of `{what}` refused"))
            .with_cause(reason.as_str())
            .with_hint(format!("see whether it runs: {} shows where the agent looks for it", show(&choice.agent))),
        DialAnswer::TargetTimeout => Failure::new(Code::Timeout, Stage::Target, format!("the target of `{what}` did not answer in time"))
            .with_hint(format!("see whether it runs: {} shows where the agent looks for it", show(&choice.agent))),
        DialAnswer::Denied => Failure::new(Code::Denied, Stage::Tunnel, format!("`{what}` is not allowed"))
            .with_hint("ask for it: `warren clients allow NAME PATTERN..` on a proxy's machine"),
        DialAnswer::UnknownService => {
            Failure::new(Code::ServiceUnknown, Stage::Tunnel, format!("agent `{}` does not publish `{}`", choice.agent, choice.service))
                .with_hint(format!("{} shows what it publishes", show(&choice.agent)))
        }
        DialAnswer::Overloaded { retry_after_ms } => {
            Failure::new(Code::LimitReached, Stage::Tunnel, format!("the tunnel of `{}` carries as many streams as it may", choice.agent))
                .with_hint(format!("try again in {retry_after_ms} ms"))
        }
        DialAnswer::TunnelLost { reason } => {
            Failure::new(Code::AgentOffline, Stage::Tunnel, format!("the tunnel of `{}` was lost", choice.agent))
                .with_cause(reason.as_str())
                .with_hint("try again: an agent that runs is back in a moment; `warren agents ls` on a proxy's machine shows whether it is")
        }
        DialAnswer::NotUnderstood { .. } => Failure::new(Code::Other, Stage::Tunnel, format!("the dial of `{what}` came to nothing"))
            .with_cause(answer.to_string())
            .with_hint("update warren on this proxy's machine"),
        DialAnswer::Unconfirmed { reason } => {
            Failure::new(Code::Timeout, Stage::Store, format!("whether `{what}` is allowed could not be confirmed in time"))
                .with_cause(reason.as_str())
                .with_hint(STATUS)
        }
        DialAnswer::Superseded => Failure::new(Code::Timeout, Stage::Tunnel, format!("no answer from `{what}` in time"))
            .with_cause("the dial went over two tunnels, and the answer over the second one did not arrive")
            .with_hint("try again"),
        DialAnswer::NotHere { .. } | DialAnswer::Draining { .. } | DialAnswer::Connected => {
            Failure::new(Code::AgentOffline, Stage::Tunnel, format!("service `{what}` has no agent online"))
                .with_cause(format!("the tunnel of `{}` has just moved", choice.agent))
                .with_hint("try again")
        }
    }
}

fn name(table: &Table, proxy: ProxyId) -> String {
    table.proxy(proxy).map_or_else(|| format!("proxy {proxy}"), |record| record.name.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whatever an agent or a proxy answers, a person is told what to do next.
    #[test]
    fn each_answer_has_a_next_step_and_says_where_it_came_from() {
        let choice = Choice { agent: "lab-pi".parse().expect("a name"), service: "ssh".parse().expect("a name") };
        let reason = || "it broke".to_owned();
        let answers = [
            (DialAnswer::NotHere { hint: None }, Code::AgentOffline),
            (DialAnswer::Draining { hint: None }, Code::AgentOffline),
            (DialAnswer::TargetRefused { reason: reason() }, Code::TargetRefused),
            (DialAnswer::TargetTimeout, Code::Timeout),
            (DialAnswer::Denied, Code::Denied),
            (DialAnswer::Overloaded { retry_after_ms: 100 }, Code::LimitReached),
            (DialAnswer::UnknownService, Code::ServiceUnknown),
            (DialAnswer::TunnelLost { reason: reason() }, Code::AgentOffline),
            (DialAnswer::Unconfirmed { reason: reason() }, Code::Timeout),
            (DialAnswer::Superseded, Code::Timeout),
            (DialAnswer::NotUnderstood { number: 99 }, Code::Other),
        ];
        for (answer, code) in answers {
            let failure = missed(&Table::default(), &choice, ProxyId(2), &Miss::Answered(answer));
            assert_eq!((failure.code(), failure.proxy()), (code, Some("proxy 2")), "{failure}");
            assert!(failure.hint().is_some() && failure.message().contains("lab-pi"), "{failure}");
        }
        for miss in [Miss::Deadline, Miss::Unreachable(reason())] {
            let failure = missed(&Table::default(), &choice, ProxyId(2), &miss);
            assert!(failure.hint().is_some() && failure.to_string().contains("proxy 2"), "{failure}");
        }
        let offline = offline(&Table::default(), &choice, 0).to_string();
        assert!(
            offline.contains("caused by: agent `lab-pi` has enrolled and never connected")
                && offline.ends_with("hint: `warren agents show lab-pi` on a proxy's machine"),
            "{offline}"
        );
    }

    #[test]
    fn what_could_not_be_confirmed_says_so_and_keeps_its_code() {
        let stale = || Failure::new(Code::AgentOffline, Stage::Route, "service `a/s` has no agent online").with_cause("last seen");
        let no_quorum = ReadError::NoQuorum(Duration::from_secs(3));
        let table = [(0, "no other proxy could be asked"), (1, "the one other proxy"), (2, "none of the 2 other proxies")];
        for (answered, part) in table {
            let failure = unconfirmed(stale(), &no_quorum, answered);
            assert_eq!(failure.code(), Code::AgentOffline);
            let [_, why, peers] = failure.causes() else { panic!("{failure}") };
            assert!(why.contains("there is no quorum") && peers.contains(part), "{failure}");
            assert!(failure.hint().is_some_and(|hint| hint.contains("warren status")));
        }
        let failure = unconfirmed(stale(), &ReadError::Disk("no space left".to_owned()), 0);
        assert!(!failure.to_string().contains("there is no quorum"), "{failure}");
    }
}
