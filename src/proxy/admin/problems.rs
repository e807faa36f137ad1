//! What is wrong with a cluster, and which command to run next. Pure.

use super::certificates::ROTATING;
use super::disks::DISK_LOW;
use super::skew::SKEWED;
use super::ways_in::INGRESS_WAITS;
use crate::api::{DrainRow, ProxyRow, ProxyState, StatusProblem};
use crate::proxy::NotReloaded;

/// A proxy that keeps the cluster from a higher feature level.
const HELD_BACK: &str = "feature_level_held_back";

/// A proxy that an operator has taken out of service, while enough others take tunnels.
const DRAINED: &str = "proxy_drained";

/// How many proxies have to take tunnels for one that does not to be nothing wrong.
const ENOUGH: usize = 2;

/// Agents that do not get the tunnels they ought to have.
pub(super) const AGENTS_STUCK: &str = "agents_stuck";

/// Somebody may be guessing tokens.
const ENROLLMENTS_REFUSED: &str = "enrollments_refused";

/// A configuration that was not taken over.
const NOT_RELOADED: &str = "reload_failed";

/// From how many refused enrolments in ten minutes on that is worth a line.
const MANY_REFUSED: u64 = 100;

/// The voters of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Voters {
    /// How many there are.
    pub(super) all: u64,
    /// How many are up and can write.
    pub(super) up: u64,
    /// How many run and have a full disk.
    pub(super) full: u64,
}

impl Voters {
    fn is_quorum(self, count: u64) -> bool {
        count > self.all / 2
    }

    /// Whether room on disks is all that is missing.
    fn lack_only_room(self) -> bool {
        !self.is_quorum(self.up) && self.is_quorum(self.up + self.full)
    }
}

/// The problems that these proxies show.
pub(super) fn problems<'a>(
    proxies: impl IntoIterator<Item = &'a ProxyRow, IntoIter: Clone>,
    has_leader: bool,
    voters: Voters,
) -> Vec<StatusProblem> {
    let proxies = proxies.into_iter();
    let mut problems = Vec::new();
    let mut add =
        |code: &str, message: String, hint: String| problems.push(StatusProblem { code: code.to_owned(), message, hint: Some(hint) });
    // A leader that is alone may not know yet that it leads nobody.
    let is_lost = !has_leader || !voters.is_quorum(voters.up);
    if is_lost {
        let what = if has_leader { "no quorum" } else { "no leader" };
        let Voters { all, up, .. } = voters;
        let can = match (voters.lack_only_room(), up) {
            (true, _) => "can write",
            (false, 1) => "is up",
            (false, _) => "are up",
        };
        let message = format!("{what}: {up} of {all} voters {can}, nothing can be registered");
        add("no_quorum", message, no_quorum_hint(voters));
    }
    let takes_tunnels = |row: &&ProxyRow| row.state == ProxyState::Healthy && !row.public_addresses.is_empty();
    let is_enough = proxies.clone().filter(takes_tunnels).count() >= ENOUGH;
    for row in proxies.clone() {
        match row.state {
            ProxyState::Healthy => {}
            // It follows from there being no quorum.
            ProxyState::Isolated if is_lost => {}
            ProxyState::Draining => {
                let (message, hint) = draining(row);
                let is_over = row.drain.as_ref().is_some_and(|drain| drain.ordered && drain.done);
                add(if is_over && is_enough { DRAINED } else { "proxy_draining" }, message, hint);
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
    let newest = proxies.clone().filter_map(|row| row.feature_level).max();
    for row in proxies.filter(|row| row.feature_level.is_some() && row.feature_level < newest) {
        let message = format!("proxy `{}` is of an older version: what the newer ones can do more waits for it", row.name);
        add(HELD_BACK, message, format!("update warren on the machine of `{}`; until then nothing is lost", row.name));
    }
    problems
}

/// What is to be said of a proxy that drains.
fn draining(row: &ProxyRow) -> (String, String) {
    let name = &row.name;
    let left = match (row.tunnels, row.streams) {
        (Some(tunnels), Some(streams)) => format!(": tunnels left: {tunnels}, streams: {streams}"),
        _ => String::new(),
    };
    match &row.drain {
        Some(DrainRow { ordered: true, done: true, .. }) => {
            (format!("proxy `{name}` is drained{left}"), format!("it can be stopped; `warren proxies resume {name}` takes it back"))
        }
        Some(DrainRow { ordered: true, .. }) => (
            format!("proxy `{name}` is draining{left}"),
            format!("`warren proxies drain {name} --wait` waits for it, `warren proxies resume {name}` takes it back"),
        ),
        None => (
            format!("proxy `{name}` was resumed and has not heard of it yet{left}"),
            format!("it takes tunnels again within a second; if not, `warren proxies show {name}`"),
        ),
        Some(_) => {
            (format!("proxy `{name}` is draining and about to stop{left}"), "it ends by itself; start it again to bring it back".to_owned())
        }
    }
}

/// Whether nothing is wrong with the proxies. An update under way is nothing wrong: whoever waits for a healthy cluster between two proxies must
/// not wait for the last of them, nor for one that somebody has taken out of service on purpose, nor for an agent whose own network keeps it from some, nor for tunnels that are about to be spread again; and no stranger can make a cluster
/// unhealthy by knocking.
pub(super) fn is_healthy(problems: &[StatusProblem]) -> bool {
    let notices = [HELD_BACK, DRAINED, AGENTS_STUCK, SKEWED, ROTATING, ENROLLMENTS_REFUSED, NOT_RELOADED, DISK_LOW, INGRESS_WAITS];
    problems.iter().all(|problem| notices.contains(&problem.code.as_str()))
}

/// What to do without a leader: with a majority of the voters up there will be one, without one it is for people to say whether the others come back.
fn no_quorum_hint(voters: Voters) -> String {
    if voters.lack_only_room() {
        return "make room first, see above: it then goes on by itself".to_owned();
    }
    if voters.is_quorum(voters.up) {
        return "they elect one within seconds; if not, `warren raft status` on each shows what it knows".to_owned();
    }
    "start the proxies that are down; `warren raft status` on each shows what it knows. If too many are lost for good, stop this one and \
     run `warren raft recover` with its `--config`"
        .to_owned()
}

/// Many enrolments that this proxy has refused in the last ten minutes, and from how many places at most.
pub(super) fn refused_enrollments((refused, sources): (u64, usize)) -> Option<StatusProblem> {
    let places = if sources == 1 { "one address".to_owned() } else { format!("up to {sources} addresses") };
    (refused >= MANY_REFUSED).then(|| StatusProblem {
        code: ENROLLMENTS_REFUSED.to_owned(),
        message: format!(
            "this proxy has refused {refused} enrolments in the last ten minutes, from {places}: somebody may be guessing tokens"
        ),
        hint: Some("its log names some of them; tokens cannot be guessed, and a firewall keeps the knocking out".to_owned()),
    })
}

/// That this proxy was told to reload its configuration and runs on with the one that it had.
pub(super) fn not_reloaded(NotReloaded { reason, hint }: NotReloaded) -> StatusProblem {
    StatusProblem {
        code: NOT_RELOADED.to_owned(),
        message: format!("this proxy was told to reload and runs on with the configuration that it had: {reason}"),
        hint: Some(hint),
    }
}

/// A proxy that was removed and has not left yet.
pub(super) fn removed(row: &ProxyRow) -> StatusProblem {
    StatusProblem {
        code: "proxy_removed".to_owned(),
        message: format!("proxy `{}` was removed and has not left yet", row.name),
        hint: Some("it leaves as soon as a majority of the voters is up".to_owned()),
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
            joining: false,
            leader: false,
            state,
            epoch: None,
            rtt_ms: None,
            lag_entries: None,
            agents: 0,
            streams: None,
            version: String::new(),
            feature_level: Some(2),
            tunnels: None,
            drain: None,
            certificate: None,
            ingress: Vec::new(),
        }
    }

    fn voters(all: u64, up: u64) -> Voters {
        Voters { all, up, full: 0 }
    }

    #[test]
    fn many_refused_enrolments_are_shown_and_make_nothing_unhealthy() {
        assert_eq!(refused_enrollments((MANY_REFUSED - 1, 1)), None);
        let problem = refused_enrollments((MANY_REFUSED, 1)).expect("a problem");
        assert!(problem.message.contains("refused 100 enrolments in the last ten minutes, from one address"), "{}", problem.message);
        assert!(is_healthy(&[problem]));
    }

    #[test]
    fn full_disks_are_no_reason_to_recover() {
        let proxies = [row(ProxyState::Isolated, "a:1"), row(ProxyState::Down, "a:2")];
        let found = problems(&proxies[..1], false, Voters { all: 1, up: 0, full: 1 });
        assert_eq!(found.len(), 1, "that it has no lease follows: {found:?}");
        assert_eq!(found[0].message, "no leader: 0 of 1 voters can write, nothing can be registered");
        assert!(found[0].hint.as_ref().is_some_and(|hint| hint.starts_with("make room first") && !hint.contains("recover")), "{found:?}");
        // Room alone does not help here.
        let found = problems(&proxies, false, Voters { all: 3, up: 0, full: 1 });
        assert_eq!(found.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["no_quorum", "proxy_down"]);
        assert!(found[0].hint.as_ref().is_some_and(|hint| hint.contains("recover")), "{found:?}");
    }

    #[test]
    fn a_drained_proxy_is_a_notice_while_two_others_take_tunnels() {
        let healthy = || ProxyRow { public_addresses: vec!["a:2".to_owned()], ..row(ProxyState::Healthy, "a:1") };
        let draining = |ordered, done| {
            let drain = Some(DrainRow { ordered, done, cut_streams: Some(0) });
            ProxyRow { drain, ..row(ProxyState::Draining, "a:3") }
        };
        let nowhere = row(ProxyState::Healthy, "a:1");
        let table = [
            (vec![healthy(), healthy(), draining(true, true)], "proxy_drained", true),
            (vec![healthy(), healthy(), draining(true, false)], "proxy_draining", false),
            (vec![healthy(), healthy(), draining(false, true)], "proxy_draining", false),
            (vec![healthy(), draining(true, true)], "proxy_draining", false),
            // Agents cannot reach the other one.
            (vec![healthy(), nowhere, draining(true, true)], "proxy_draining", false),
        ];
        for (rows, code, verdict) in table {
            let found = problems(&rows, true, voters(3, 3));
            assert_eq!(found.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), [code], "{rows:?}");
            assert_eq!(is_healthy(&found), verdict, "{rows:?}");
        }
    }

    #[test]
    fn an_older_proxy_is_named_and_nothing_is_wrong() {
        let (newer, mut older, mut new) =
            (row(ProxyState::Healthy, "a:1"), row(ProxyState::Healthy, "a:2"), row(ProxyState::Healthy, "a:3"));
        (older.feature_level, older.name, new.feature_level) = (Some(1), "old".parse().expect("a name"), None);
        let found = problems(&[newer.clone(), older.clone(), new], true, voters(3, 3));
        assert_eq!(found.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["feature_level_held_back"]);
        assert!(found[0].message.contains("`old`"), "{found:?}");
        assert!(is_healthy(&found));
        older.state = ProxyState::Down;
        assert!(!is_healthy(&problems(&[newer, older], true, voters(3, 3))));
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
        let alone = problems(&[row(ProxyState::Healthy, "a:1")], true, voters(3, 1));
        assert_eq!(alone[0].message, "no quorum: 1 of 3 voters is up, nothing can be registered");
        assert!(alone[0].hint.as_ref().is_some_and(|hint| hint.contains("`warren raft recover`")), "{alone:?}");
        assert_eq!(removed(&row(ProxyState::Down, "a:1")).code, "proxy_removed");
        let electing = problems(&[row(ProxyState::Healthy, "a:1")], false, voters(3, 2));
        assert!(electing[0].hint.as_ref().is_some_and(|hint| !hint.contains("recover")), "{electing:?}");
        for (proxies, has_leader, expected) in table {
            let found = problems(proxies, has_leader, voters(1, 1));
            assert_eq!(found.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), expected);
            assert!(found.iter().all(|problem| problem.hint.is_some()));
        }
    }
}
