//! Whether some proxy holds many more tunnels than the others. Pure.

use crate::api::{ProxyRow, ProxyState, StatusProblem};

/// A proxy that holds many more tunnels than the others.
pub(super) const SKEWED: &str = "tunnels_skewed";

/// The proxy that holds most, if that is more than the mean allows: 1.3 times it, and one. Nothing is levelled while a proxy hands its agents over: nobody is then.
pub(super) fn skewed(rows: &[ProxyRow]) -> Option<StatusProblem> {
    let hands_over = |row: &ProxyRow| {
        let is_under_way = row.state == ProxyState::Draining && !row.drain.as_ref().is_some_and(|drain| drain.done);
        is_under_way || (row.drain.is_some() && row.agents > 0)
    };
    if rows.iter().any(hands_over) {
        return None;
    }
    let healthy = || rows.iter().filter(|row| row.state == ProxyState::Healthy);
    let (count, total) = (healthy().count() as u64, healthy().map(|row| row.agents).sum::<u64>());
    let most = healthy().max_by_key(|row| row.agents)?;
    if most.agents * count * 10 <= total * 13 + count * 10 {
        return None;
    }
    let mean = total / count;
    Some(StatusProblem {
        code: SKEWED.to_owned(),
        message: format!("proxy `{}` holds {} tunnels where each could hold {mean}", most.name, most.agents),
        hint: Some(
            "they move by themselves, a few every three seconds; if not, `warren strategy show` says which agents cannot".to_owned(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DrainRow;
    use crate::api::tests::status;

    #[test]
    fn a_proxy_with_many_more_than_the_others_is_named() {
        let row = |agents, state| ProxyRow { agents, state, ..status().proxies.remove(0) };
        let drained = |agents, done| {
            let drain = Some(DrainRow { ordered: true, done, cut_streams: Some(0) });
            ProxyRow { drain, ..row(agents, ProxyState::Draining) }
        };
        let table: [(&[u64], bool); 7] =
            [(&[], false), (&[9], false), (&[2, 0], false), (&[3, 0], true), (&[14, 10, 6], false), (&[15, 10, 5], true), (&[0, 0], false)];
        for (agents, expected) in table {
            let mut rows: Vec<_> = agents.iter().map(|agents| row(*agents, ProxyState::Healthy)).collect();
            // What is not there to take any does not count.
            rows.push(drained(0, true));
            assert_eq!(skewed(&rows).is_some(), expected, "{agents:?}");
            // Its agents are on their way, or have found no other.
            for handing_over in [drained(1, false), drained(0, false), drained(1, true)] {
                *rows.last_mut().expect("it was pushed") = handing_over;
                assert_eq!(skewed(&rows), None, "{agents:?}");
            }
        }
    }
}
