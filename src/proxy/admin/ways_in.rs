//! Whether this proxy's ways in wait for the others. Pure.

use warren_raft::Level;

use crate::api::{ProxyRow, StatusProblem};
use crate::proxy::ingress::PUBLISHED_SINCE;

/// Ways in that let nobody through yet.
pub(super) const INGRESS_WAITS: &str = "ingress_waits";

/// That so many doors of this proxy that ask nobody who they are refuse everybody, since the cluster cannot be told yet what they let through.
pub(super) fn waiting(doors: usize, level: Level, proxies: &[ProxyRow]) -> Option<StatusProblem> {
    if doors == 0 || level >= PUBLISHED_SINCE {
        return None;
    }
    let is_older = |row: &&ProxyRow| row.feature_level.is_some_and(|level| level < PUBLISHED_SINCE.0);
    let older: Vec<_> = proxies.iter().filter(is_older).map(|row| format!("`{}`", row.name)).collect();
    let (what, it) = if doors == 1 { ("a way in", "it is") } else { ("ways in", "they are") };
    let hint = if older.is_empty() {
        "every proxy has to have started once: `warren proxies ls` shows which has not".to_owned()
    } else {
        format!("update warren on the machine of {}; `authentication = \"certificate\"` does not wait", older.join(", "))
    };
    Some(StatusProblem {
        code: INGRESS_WAITS.to_owned(),
        message: format!(
            "{what} of this proxy, where nobody is asked who they are, let nobody in: {it} published from feature level {PUBLISHED_SINCE} on, and the cluster is at {level}"
        ),
        hint: Some(hint),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::status;
    use crate::proxy::admin::problems::is_healthy;

    #[test]
    fn a_way_in_that_waits_is_told_with_the_proxies_it_waits_for() {
        let row = |name: &str, level| ProxyRow { name: name.parse().expect("a name"), feature_level: level, ..status().proxies.remove(0) };
        let rows = [row("new", Some(4)), row("old", Some(3)), row("never", None)];
        let below = Level(PUBLISHED_SINCE.0 - 1);
        assert_eq!(waiting(0, below, &rows), None);
        assert_eq!(waiting(2, PUBLISHED_SINCE, &rows), None);
        let problem = waiting(2, below, &rows).expect("they wait");
        assert!(problem.message.contains("published from feature level 4 on, and the cluster is at 3"), "{}", problem.message);
        assert!(problem.hint.as_ref().is_some_and(|hint| hint.starts_with("update warren on the machine of `old`;")), "{problem:?}");
        assert!(is_healthy(&[problem]), "an update under way is nothing wrong");
        let problem = waiting(1, below, &rows[2..]).expect("it waits");
        assert!(problem.hint.is_some_and(|hint| hint.contains("`warren proxies ls`")));
    }
}
