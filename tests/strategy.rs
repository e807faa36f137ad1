//! The strategy is asked for at any proxy: what a change would do is said before, what makes no sense or cannot be done is refused, and who does not get
//! there is named with the reason.

mod support;

use serde_json::{Value, json};
use support::{Agent, Cluster, Ended, Proxy, Target, Towards, wait_for, warren};

/// Runs `warren strategy WORDS` on the machine of `proxy`.
fn strategy(proxy: &Proxy, words: &str) -> Ended {
    let config = proxy.config();
    let words: Vec<_> = ["strategy"].into_iter().chain(words.split_whitespace()).collect();
    warren(&[&words[..], &["--config", config.to_str().expect("text")]].concat(), b"")
}

fn in_text(ended: Ended) -> String {
    String::from_utf8(ended.must_succeed()).expect("text")
}

fn mesh() -> Value {
    json!({"type": "agent_mesh", "agent_connection_count": 1})
}

/// What every proxy shows in `status` is this in the end.
fn all_show(cluster: &Cluster, expected: &Value) {
    for proxy in cluster.proxies().iter().filter(|proxy| proxy.runs()) {
        wait_for(&format!("{} shows the strategy", proxy.name()), || (proxy.status()?["strategy"] == *expected).then_some(()));
    }
}

#[test]
fn any_proxy_takes_a_change_and_none_that_makes_no_sense_or_cannot_be_recorded() {
    let mut cluster = Cluster::start(3);
    all_show(&cluster, &json!({"type": "proxy_peering", "agent_connection_count": 1}));
    for (through, words, expected) in [
        (0, "agent_mesh", mesh()),
        (1, "proxy_peering --agent-connection-count 64", json!({"type": "proxy_peering", "agent_connection_count": 64})),
        // Without a count it stays as many.
        (2, "proxy_peering", json!({"type": "proxy_peering", "agent_connection_count": 64})),
        (2, "proxy_peering --agent-connection-count 1", json!({"type": "proxy_peering", "agent_connection_count": 1})),
        (1, "agent_mesh", mesh()),
    ] {
        let view = strategy(cluster.proxy(through), &format!("set {words} -o json")).json();
        assert_eq!((&view["schema"], &view["done"], &view["strategy"]), (&json!(1), &json!(true), &expected), "{view:#}");
        all_show(&cluster, &expected);
    }
    for (words, part) in [
        ("set proxy_peering --agent-connection-count 0", "from 1 to 64, not 0"),
        ("set proxy_peering --agent-connection-count 65", "from 1 to 64, not 65"),
        ("set proxy_peering --agent-connection-count 0 --dry-run", "from 1 to 64, not 0"),
        ("set agent_mesh --agent-connection-count 2", "it has no count"),
        ("set mesh", "it is one of `agent_mesh`, `proxy_peering`"),
        ("set proxy_peering --agent-connection-count two", "two"),
        ("set", "agent_mesh|proxy_peering"),
    ] {
        strategy(cluster.proxy(0), words).must_fail(2, part);
    }
    all_show(&cluster, &mesh());
    let echo = Target::echo();
    let _agents = ["lab-0", "lab-1", "lab-2"].map(|name| cluster.agent(name, &[0], &[("echo", echo.address().to_string())]));
    strategy(cluster.proxy(0), "show --wait").must_succeed();
    without_a_quorum(&mut cluster);
}

fn without_a_quorum(cluster: &mut Cluster) {
    cluster.proxy_mut(1).kill();
    cluster.proxy_mut(2).kill();
    let proxy = cluster.proxy(0);
    for words in ["set proxy_peering --agent-connection-count 1", "set proxy_peering --yes"] {
        let ended = strategy(proxy, words);
        ended.must_fail(6, "the strategy was not changed: there is no quorum");
        assert!(ended.stderr.contains("hint: `warren status`") && ended.stdout.is_empty(), "{ended:?}");
    }
    let plan = in_text(strategy(proxy, "set proxy_peering --agent-connection-count 1 --dry-run"));
    assert!(!plan.contains("on the peer port"), "who is down lacks no connection: {plan}");
    assert!(in_text(strategy(proxy, "show")).contains("no quorum has confirmed this"));
    assert!(in_text(strategy(proxy, "set agent_mesh --dry-run")).contains("no quorum has confirmed this"));
    let waited = strategy(proxy, "show --wait --timeout 1s");
    assert_eq!(waited.status, Some(3), "what is not confirmed is not waited for with success: {waited:?}");
}

/// Three proxies behind relays, that agents hold tunnels to all of, and their agents.
fn behind_relays(agents: &[&str]) -> (Cluster, Target, Vec<Agent>) {
    let cluster = Cluster::start_with(3, |proxy| proxy.behind_relays().configured("[tunnel_strategy]\ntype = \"agent_mesh\"\n"));
    let echo = Target::echo();
    let agents: Vec<_> = agents.iter().map(|name| cluster.agent(name, &[0], &[("echo", echo.address().to_string())])).collect();
    (cluster, echo, agents)
}

/// Rows in the order of their names: the ids are in that in which proxies have joined.
fn by(rows: &Value, key: &str) -> Vec<Value> {
    let mut rows = rows.as_array().expect("rows").clone();
    rows.sort_by_key(|row| row[key].to_string());
    rows
}

#[test]
fn a_change_that_puts_agents_out_of_reach_is_told_of_and_wants_a_yes() {
    let (cluster, _echo, _agents) = behind_relays(&["lab-0", "lab-1", "lab-2"]);
    assert_eq!(strategy(cluster.proxy(0), "show --wait -o json").json()["agents"]["converged"], 3);
    // Both dial the first one, and one of them the other: only those two lose each other.
    for index in [1, 2] {
        cluster.proxy(index).peer_relay().cut(&Towards::BOTH);
    }
    wait_for("the two miss each other", || {
        let plan = strategy(cluster.proxy(0), "set proxy_peering --dry-run -o json").json();
        (plan["cut_off"].as_array()?.len() == 2).then_some(())
    });
    for asked in cluster.proxies() {
        let plan = strategy(asked, "set proxy_peering --dry-run -o json").json();
        assert_eq!((&plan["done"], &plan["wants_yes"], &plan["agents"]), (&json!(false), &json!(true), &json!(3)), "{plan:#}");
        assert_eq!((&plan["opened"], &plan["closed"], &plan["wanted"]), (&json!(0), &json!(6), &json!(1)), "{plan:#}");
        let cut_off = |through: &str, from: &str| json!({"through": through, "unreachable": [from], "agents_now": 0, "agents_then": 1});
        assert_eq!(by(&plan["cut_off"], "through"), [cut_off("proxy-2", "proxy-3"), cut_off("proxy-3", "proxy-2")], "{plan:#}");
        let row = |name: &str| json!({"name": name, "tunnels_now": 3, "tunnels_then": 1, "only_then": 1});
        assert_eq!(by(&plan["proxies"], "name"), [row("proxy-1"), row("proxy-2"), row("proxy-3")]);
    }
    let refused = strategy(cluster.proxy(1), "set proxy_peering");
    refused.must_fail(2, "nothing was changed: agents would be out of reach at once");
    let said = String::from_utf8(refused.stdout).expect("text");
    assert!(said.contains("`proxy-2` has no connection to `proxy-3` on the peer port: 1 agent would be out of reach through it"), "{said}");
    all_show(&cluster, &mesh());

    // With two tunnels for each agent nobody is beyond that gap.
    assert!(in_text(strategy(cluster.proxy(2), "set proxy_peering --agent-connection-count 2")).contains("3 close"));
    strategy(cluster.proxy(2), "show --wait").must_succeed();
    strategy(cluster.proxy(0), "set proxy_peering --agent-connection-count 1").must_fail(2, "wants `--yes`");
    strategy(cluster.proxy(0), "set proxy_peering --agent-connection-count 1 --yes").must_succeed();
    all_show(&cluster, &json!({"type": "proxy_peering", "agent_connection_count": 1}));
}

#[test]
fn who_does_not_get_there_is_named_with_the_reason_and_stays_reachable() {
    let (cluster, _echo, mut agents) = behind_relays(&["lab"]);
    let client = cluster.client("laptop", "*/*");
    strategy(cluster.proxy(0), "show --wait").must_succeed();
    strategy(cluster.proxy(0), "set proxy_peering --agent-connection-count 2").must_succeed();
    let shown = strategy(cluster.proxy(0), "show --wait -o json").json();
    let name = shown["proxies"].as_array().expect("proxies").iter().find(|row| row["tunnels"] == 0).expect("one of three")["name"].clone();
    let lacking = cluster.proxies().iter().position(|proxy| name == proxy.name()).expect("a proxy of this cluster");
    let name = cluster.proxy(lacking).name();
    cluster.proxy(lacking).public_relay().cut(&Towards::BOTH);

    strategy(cluster.proxy(0), "set agent_mesh").must_succeed();
    let asked = cluster.proxy((lacking + 1) % 3);
    let stuck = wait_for("the agent says why", || {
        let waited = strategy(asked, "show --wait --timeout 1s -o json");
        assert_eq!(waited.status, Some(3), "{waited:?}");
        let shown: Value = serde_json::from_slice(&waited.stdout).expect("JSON");
        (shown["agents"]["stuck"] == 1).then_some(shown)
    });
    let row = &stuck["lagging"][0];
    assert_eq!(
        (&row["agent"], &row["stuck"], &row["wanted"], &row["held"]),
        (&json!("lab"), &json!(true), &json!(3), &json!(2)),
        "{stuck:#}"
    );
    let address = cluster.proxy(lacking).public_address();
    let reason = json!({"proxy": name, "reason": format!("no answer from {address}, which it advertises")});
    assert!(row["obstacles"].as_array().expect("obstacles").contains(&reason), "{stuck:#}");
    let said = String::from_utf8(strategy(asked, "show").stdout).expect("text");
    assert!(said.contains("1 stuck") && said.contains(&format!("{name}: ")) && said.contains("2 of 3"), "{said}");
    // The plan of a further change knows it too.
    let plan = strategy(asked, "set proxy_peering --agent-connection-count 3 --dry-run -o json").json();
    assert_eq!(plan["short"][0]["agent"], "lab", "{plan:#}");

    let status = wait_for("status tells of it", || {
        let status = asked.status()?;
        (status["problems"] != json!([])).then_some(status)
    });
    assert_eq!((&status["problems"][0]["code"], &status["healthy"]), (&json!("agents_stuck"), &json!(true)), "{status:#}");
    for proxy in [asked, cluster.proxy((lacking + 2) % 3)] {
        assert_eq!(client.connect("lab/echo", proxy, b"hello").must_succeed(), b"hello");
    }

    cluster.proxy(lacking).public_relay().mend();
    strategy(asked, "show --wait").must_succeed();
    wait_for("nothing is wrong any more", || (asked.status()?["problems"] == json!([])).then_some(()));
    agents[0].process().must_run();
}
