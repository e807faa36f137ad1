//! What is wrong with a cluster, and which command to run next. Pure.

use crate::api::{ProxyRow, ProxyState, StatusProblem};

/// The problems that these proxies show. `voters` is how many there are and how many of them are up.
pub(super) fn problems(proxies: &[ProxyRow], has_leader: bool, voters: (u64, u64)) -> Vec<StatusProblem> {
    let mut problems = Vec::new();
    let mut add =
        |code: &str, message: String, hint: String| problems.push(StatusProblem { code: code.to_owned(), message, hint: Some(hint) });
    let (all, up) = voters;
    // A leader that is alone may not know yet that it leads nobody.
    if !has_leader || up <= all / 2 {
        let what = if has_leader { "no quorum" } else { "no leader" };
        let message = format!("{what}: {up} of {all} voters are up, nothing can be registered");
        add("no_quorum", message, no_quorum_hint(voters));
    }
    for row in proxies {
        match row.state {
            ProxyState::Healthy => {}
            ProxyState::Draining => {
                add(
                    "proxy_draining",
                    format!("proxy `{}` is draining", row.name),
                    "it ends by itself; start it again to bring it back".to_owned(),
                );
            }
            ProxyState::Isolated => {
                let message = format!("proxy `{}` has no lease: it cannot reach the leader", row.name);
                add("proxy_isolated", message, format!("check UDP between `{}` and the other proxies", row.peer_address));
            }
            ProxyState::Down => {
                let never = row.peer_address.is_empty();
                let message =
                    if never { format!("proxy `{}` has never started", row.name) } else { format!("proxy `{}` is down", row.name) };
                let hint = if never {
                    "run `warren join` or `warren proxy` on its machine".to_owned()
                } else {
                    format!("start it, or check UDP to `{}`", row.peer_address)
                };
                add("proxy_down", message, hint);
            }
        }
    }
    problems
}

/// What to do without a leader: with a majority of the voters up there will be one, without one it is for people to say whether the others come back.
fn no_quorum_hint((all, up): (u64, u64)) -> String {
    let start = "start the proxies that are down; `warren raft status` on each shows what it knows";
    if up <= all / 2 {
        format!("{start}. If too many are lost for good, stop this one and run `warren raft recover` with its `--config`")
    } else {
        start.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use warren_raft::ProxyId;

    use super::*;
    use crate::api::ProxyRole;

    fn row(state: ProxyState, peer_address: &str) -> ProxyRow {
        ProxyRow {
            id: ProxyId(1),
            name: "p".parse().expect("a name"),
            peer_address: peer_address.to_owned(),
            public_addresses: Vec::new(),
            role: ProxyRole::Voter,
            leader: false,
            state,
            epoch: None,
            rtt_ms: None,
            lag_entries: None,
            agents: 0,
            streams: None,
            version: String::new(),
        }
    }

    #[test]
    fn each_problem_has_its_code_and_a_next_step() {
        let table: [(&[ProxyRow], bool, &[&str]); 5] = [
            (&[row(ProxyState::Healthy, "a:1")], true, &[]),
            (&[row(ProxyState::Healthy, "a:1")], false, &["no_quorum"]),
            (&[row(ProxyState::Down, "a:1"), row(ProxyState::Down, "")], true, &["proxy_down", "proxy_down"]),
            (&[row(ProxyState::Isolated, "a:1")], true, &["proxy_isolated"]),
            (&[row(ProxyState::Draining, "a:1")], true, &["proxy_draining"]),
        ];
        let alone = problems(&[row(ProxyState::Healthy, "a:1")], true, (3, 1));
        assert_eq!(alone[0].message, "no quorum: 1 of 3 voters are up, nothing can be registered");
        assert!(alone[0].hint.as_ref().is_some_and(|hint| hint.contains("`warren raft recover`")), "{alone:?}");
        let electing = problems(&[row(ProxyState::Healthy, "a:1")], false, (3, 2));
        assert!(electing[0].hint.as_ref().is_some_and(|hint| !hint.contains("recover")), "{electing:?}");
        for (proxies, has_leader, expected) in table {
            let found = problems(proxies, has_leader, (1, 1));
            assert_eq!(found.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), expected);
            assert!(found.iter().all(|problem| problem.hint.is_some()));
        }
    }
}
