//! The JSON of `warren strategy`, and the values that the command line's tests show.

use warren_raft::{Strategy, StrategyKind};

use super::tests::{AT, check, name};
use super::*;

fn lagging() -> LaggingAgent {
    let obstacle = |proxy, reason: &str| ObstacleRow { proxy, reason: reason.to_owned() };
    let obstacles = vec![obstacle(Some(name("proxy-2")), "timed out"), obstacle(None, "no address to dial")];
    LaggingAgent { agent: name("lab-pi"), stuck: true, wanted: 2, held: 1, seconds: 95, obstacles }
}

pub(crate) fn strategy_shown() -> StrategyShown {
    let row = |proxy: &str, state, tunnels, connections| ProxyTunnels { name: name(proxy), state, tunnels, connections };
    StrategyShown {
        schema: Schema,
        strategy: Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: 2 }.into(),
        wanted: 2,
        confirmed: true,
        unchanged_since: AT.into(),
        agents: AgentCounts { converged: 3, moving: 0, stuck: 1, offline: 5 },
        proxies: vec![row("proxy-1", ProxyState::Healthy, 3, Some(4)), row("proxy-2", ProxyState::Down, 0, None)],
        lagging: vec![lagging()],
    }
}

/// A change that cuts nobody off.
pub(crate) fn strategy_plan() -> StrategyPlan {
    let strategy = |kind| Strategy { kind, agent_connection_count: 2 }.into();
    let row = |proxy: &str, tunnels_now, tunnels_then| ProxyPlan { name: name(proxy), tunnels_now, tunnels_then, only_then: 0 };
    StrategyPlan {
        schema: Schema,
        done: false,
        confirmed: true,
        wants_yes: false,
        strategy: strategy(StrategyKind::ProxyPeering),
        before: strategy(StrategyKind::AgentMesh),
        wanted: 2,
        agents: 4,
        opened: 1,
        closed: 4,
        proxies: vec![row("proxy-1", 4, 3), row("proxy-2", 3, 2), row("proxy-3", 4, 3)],
        zones: vec![ZonePlan { zone: "a".to_owned(), only_then: 3 }, ZonePlan { zone: "b".to_owned(), only_then: 0 }],
        cut_off: vec![CutOffRow { through: name("proxy-1"), unreachable: vec![name("proxy-2")], agents_now: 0, agents_then: 0 }],
        short: vec![LaggingAgent { wanted: 3, ..lagging() }],
    }
}

/// A change that does.
pub(crate) fn strategy_cutting_off() -> StrategyPlan {
    let strategy = |kind| Strategy { kind, agent_connection_count: 1 }.into();
    let row = |proxy: &str| ProxyPlan { name: name(proxy), tunnels_now: 4, tunnels_then: 2, only_then: 2 };
    StrategyPlan {
        confirmed: false,
        wants_yes: true,
        strategy: strategy(StrategyKind::ProxyPeering),
        before: strategy(StrategyKind::AgentMesh),
        wanted: 1,
        opened: 0,
        proxies: vec![row("proxy-1"), row("proxy-2")],
        cut_off: vec![CutOffRow { through: name("proxy-1"), unreachable: vec![name("proxy-2")], agents_now: 0, agents_then: 2 }],
        short: vec![],
        ..strategy_plan()
    }
}

#[test]
fn strategy_keys() {
    let lagging = r#"{"agent":"lab-pi","stuck":true,"wanted":2,"held":1,"seconds":95,
"obstacles":[{"proxy":"proxy-2","reason":"timed out"},{"proxy":null,"reason":"no address to dial"}]}"#;
    let shown = r#"{"schema":1,"strategy":{"type":"proxy_peering","agent_connection_count":2},"wanted":2,"confirmed":true,
"unchanged_since":"2026-11-22T13:04:05.25Z","agents":{"converged":3,"moving":0,"stuck":1,"offline":5},
"proxies":[{"name":"proxy-1","state":"healthy","tunnels":3,"connections":4},
{"name":"proxy-2","state":"down","tunnels":0,"connections":null}],"lagging":[LAGGING]}"#;
    check(&strategy_shown(), &shown.replace("LAGGING", lagging));
    let plan = r#"{"schema":1,"done":false,"confirmed":false,"wants_yes":true,
"strategy":{"type":"proxy_peering","agent_connection_count":1},"before":{"type":"agent_mesh","agent_connection_count":1},
"wanted":1,"agents":4,"opened":0,"closed":4,
"proxies":[{"name":"proxy-1","tunnels_now":4,"tunnels_then":2,"only_then":2},{"name":"proxy-2","tunnels_now":4,"tunnels_then":2,"only_then":2}],
"zones":[{"zone":"a","only_then":3},{"zone":"b","only_then":0}],
"cut_off":[{"through":"proxy-1","unreachable":["proxy-2"],"agents_now":0,"agents_then":2}],"short":[LAGGING]}"#;
    check(&StrategyPlan { short: vec![self::lagging()], ..strategy_cutting_off() }, &plan.replace("LAGGING", lagging));
}

#[test]
fn requests_for_a_strategy_make_sense() {
    let before = Strategy { kind: StrategyKind::AgentMesh, agent_connection_count: 3 };
    let ask = |kind, agent_connection_count| StrategyRequest { kind, agent_connection_count, accept_cut_off: false }.strategy(before);
    let (mesh, peering) = (StrategyKind::AgentMesh, StrategyKind::ProxyPeering);
    assert_eq!(ask(peering, None), Ok(Strategy { kind: peering, agent_connection_count: 3 }));
    assert_eq!(ask(peering, Some(2)), Ok(Strategy { kind: peering, agent_connection_count: 2 }));
    assert_eq!(ask(mesh, None), Ok(before));
    assert_eq!(ask(mesh, Some(2)), Err(StrategyRequestError::CountOfMesh));
    for count in [0, 65, u32::MAX] {
        assert_eq!(ask(peering, Some(count)), Err(StrategyRequestError::Count(count)));
    }
    let request = StrategyRequest { kind: mesh, agent_connection_count: None, accept_cut_off: false };
    check(&request, r#"{"type":"agent_mesh","agent_connection_count":null,"accept_cut_off":false}"#);
    assert_eq!(serde_json::from_str::<StrategyRequest>(r#"{"type":"agent_mesh"}"#).expect("the rest is as it was"), request);
    assert!(serde_json::from_str::<StrategyRequest>(r#"{"type":"mesh"}"#).is_err());
}
