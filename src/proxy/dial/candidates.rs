//! In which order the proxies that hold an agent's tunnel are tried. Pure.

use std::time::Duration;

use warren_raft::{ProxyId, Route};

/// The owners of `routes` in the order to try them: this proxy first, then those that are connected by their round trip,
/// then the others. Among equals the newer route goes first.
pub(super) fn order<'a>(me: ProxyId, routes: impl Iterator<Item = &'a Route>, rtt: impl Fn(ProxyId) -> Option<Duration>) -> Vec<ProxyId> {
    let mut keyed: Vec<_> = routes.map(|route| (distance(me, route.proxy, &rtt), u64::MAX - route.since.0, route.proxy)).collect();
    keyed.sort();
    keyed.into_iter().map(|(_, _, proxy)| proxy).collect()
}

/// Nothing for this proxy, the round trip to another, and more than any for one that is not connected.
pub(super) fn distance(me: ProxyId, proxy: ProxyId, rtt: impl Fn(ProxyId) -> Option<Duration>) -> Duration {
    if proxy == me { Duration::ZERO } else { rtt(proxy).unwrap_or(Duration::MAX) }
}

#[cfg(test)]
mod tests {
    use warren_raft::{Epoch, Sequence, Timestamp};

    use super::*;

    #[test]
    fn near_and_connected_owners_go_first() {
        let route = |proxy, since| Route { proxy: ProxyId(proxy), epoch: Epoch(1), sequence: Sequence(1), since: Timestamp(since) };
        let rtt = |proxy: ProxyId| match proxy.0 {
            2 => Some(Duration::from_millis(20)),
            3 | 4 => Some(Duration::from_millis(5)),
            _ => None,
        };
        let routes = [route(2, 0), route(3, 10), route(4, 20), route(5, 30), route(1, 0)];
        let ordered: Vec<u64> = order(ProxyId(1), routes.iter(), rtt).into_iter().map(|proxy| proxy.0).collect();
        assert_eq!(ordered, [1, 4, 3, 2, 5]);
        assert_eq!(order(ProxyId(1), [].iter(), rtt), []);
    }
}
