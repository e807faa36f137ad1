//! Without a quorum: what is connected stays reachable, who connects is held, and nobody is told what cannot be known.

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Agent, Client, Cluster, Ports, Target, wait_for, warren};
use tokio::time::Instant;

/// What a dial that nobody can answer may take when it is the first, on a busy machine: the leader is given 3 s.
const FIRST: Duration = Duration::from_secs(8);
/// And when the proxy has just learned that there is no quorum.
const NEXT: Duration = Duration::from_millis(2_500);
/// More voters than this are up while it is written.
const SURVIVORS: [usize; 2] = [0, 1];

struct Scene {
    cluster: Cluster,
    echo: Target,
    client: Client,
}

impl Scene {
    /// Five proxies, and the agents `steady`, which stays connected to the first, `away` and `late`, which have been there.
    fn new() -> (Self, Agent) {
        let (cluster, echo) = (Cluster::start(5), Target::echo());
        let client = cluster.client("laptop", "*/*");
        let scene = Self { cluster, echo, client };
        let steady = scene.cluster.agent("steady", &[0], &scene.services(&["echo"]));
        for name in ["away", "late"] {
            drop(scene.cluster.agent(name, &[1], &scene.services(&["echo"])));
            for proxy in scene.cluster.proxies() {
                wait_for("its route is withdrawn", || proxy.places_of(name).is_empty().then_some(()));
            }
        }
        (scene, steady)
    }

    fn services<'a>(&self, names: &[&'a str]) -> Vec<(&'a str, String)> {
        names.iter().map(|name| (*name, self.echo.address().to_string())).collect()
    }

    fn reaches(&self, target: &str, index: usize) {
        let ended = self.client.connect(target, self.cluster.proxy(index), b"hello");
        assert_eq!(ended.must_succeed(), b"hello", "{target} through {}", self.cluster.proxy(index).name());
    }

    fn isolated(&self, index: usize) {
        let proxy = self.cluster.proxy(index);
        wait_for("the proxy knows that it has no lease", || {
            let status = proxy.status()?;
            // Itself and the other one, which has told it so.
            let isolated = status["proxies"].as_array()?.iter().filter(|row| row["state"] == "isolated").count();
            (isolated == SURVIVORS.len() && status["healthy"] == Value::Bool(false)).then_some(())
        });
        let status = proxy.status().expect("an answer");
        let rows = status["proxies"].as_array().expect("rows");
        assert!(status["leader"].is_null() && rows.iter().all(|row| row["leader"] == Value::Bool(false)), "nobody leads: {status:#}");
        let (code, body) = support::get(proxy.http_address(), "/readyz?verbose").expect("an answer");
        assert_eq!(code, 503);
        assert!(body.contains("[-] lease"), "{body}");
    }
}

#[test]
fn who_is_connected_stays_reachable_and_who_connects_is_held() {
    let (mut scene, _steady) = Scene::new();
    let token = scene.cluster.token("agent", &[]);
    for index in [2, 3, 4] {
        scene.cluster.proxy_mut(index).kill();
    }
    SURVIVORS.iter().for_each(|index| scene.isolated(*index));
    SURVIVORS.iter().for_each(|index| scene.reaches("steady/echo", *index));

    // Its route is in no table, and `fresh` among nobody's services.
    let entry = [scene.cluster.proxy(1).public_address()];
    let mut late = Agent::start(scene.cluster.home(), "late", &entry, &token, &scene.services(&["echo", "fresh"]));
    wait_for("the agent is told how it stands", || late.process().log().contains("not registered yet").then_some(()));
    for index in SURVIVORS {
        assert_eq!(scene.cluster.proxy(index).places_of("late"), [""; 0]);
        for target in ["late/echo", "late/fresh", "any/fresh"] {
            scene.reaches(target, index);
        }
    }
    nobody_has_it(&scene);
    nobody_enrols(&scene, &token);

    late.process().must_run();
    let before = late.process().log();
    // Tries at the proxies that are gone name none.
    let lost = |line: &&str| line.contains("tunnel lost") && line.contains("\"proxy\":");
    assert_eq!(before.lines().filter(lost).count(), 0, "it is held: {before}");
    let opened = |log: &str| log.matches("tunnel open").count();
    for index in [2, 3, 4] {
        scene.cluster.proxy_mut(index).restart(Ports::Same);
    }
    scene.cluster.wait_healthy();
    scene.cluster.wait_online("late");
    late.process().must_run();
    wait_for("the agent is told that it is registered", || (opened(&late.process().log()) > opened(&before)).then_some(()));
    (0..5).for_each(|index| scene.reaches("late/fresh", index));
}

/// The failure says what is not known, and costs less once it is known that there is no quorum.
fn nobody_has_it(scene: &Scene) {
    for index in SURVIVORS {
        for (target, status, code) in [("away/echo", 6, "no agent online"), ("nobody/echo", 4, "there is no service")] {
            // A dial that found no quorum is remembered for a moment; on a machine that was busy for longer the first one is tried anew.
            let took: Vec<_> = [FIRST, NEXT]
                .iter()
                .map(|bound| {
                    let begun = Instant::now();
                    let ended = scene.client.connect(target, scene.cluster.proxy(index), b"");
                    ended.must_fail(status, code);
                    ended.must_fail(status, "could not be confirmed, there is no quorum");
                    ended.must_fail(status, "hint: ");
                    (begun.elapsed(), *bound)
                })
                .collect();
            assert!(took.iter().all(|(took, bound)| took < bound), "{took:?}");
        }
    }
}

fn nobody_enrols(scene: &Scene, token: &std::path::Path) {
    let client = Client::unenrolled(scene.cluster.home(), "too-late");
    let ended = client.enroll_at("too-late", &[scene.cluster.proxy(0).public_address()], token);
    ended.must_fail(6, "quorum");
    let config = scene.cluster.proxy(0).config();
    let words = ["--config", config.to_str().expect("a path"), "token", "create", "--role", "agent"];
    warren(&words, b"").must_fail(6, "no quorum");
}
