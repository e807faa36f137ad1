//! Leadership moves, by the README's own commands, and by a leader that is stopped; what that costs beside a leader that is lost.
#![expect(clippy::print_stdout, reason = "the figures are what this measures")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Cluster, Ended, Ports, Proxy, adapted, readme_commands, shell, wait_for, warren};
use tokio::time::Instant;

const HEADING: &str = "## Moving leadership";

/// Runs a line of the README's on the machine of `proxy`, about the proxy `name`.
fn on(cluster: &Cluster, proxy: &Proxy, name: &str, line: &str) -> Ended {
    let config = proxy.config();
    shell(cluster.home(), &adapted(line, &[("proxy-2", name), ("config.toml", config.to_str().expect("text"))]))
}

#[test]
fn leadership_moves_to_whoever_is_named_or_best_prepared() {
    let [any, named, look] = readme_commands(HEADING).try_into().expect("three commands");
    let cluster = Cluster::start(3);
    for through in 0..3 {
        let leader = cluster.leader();
        let said = String::from_utf8(on(&cluster, cluster.proxy(through), "", &any).must_succeed()).expect("text");
        assert!(said.contains(&format!("leads, after {}", cluster.proxy(leader).name())), "{said}");
        let next = cluster.leader();
        assert_ne!(next, leader);
        let to = cluster.proxy((next + 1) % 3).name();
        on(&cluster, cluster.proxy(through), to, &named).must_succeed();
        let shown = String::from_utf8(on(&cluster, cluster.proxy(through), "", &look).stdout).expect("text");
        assert!(shown.contains(&format!("leader {to},")), "{shown}");
        cluster.create_token("client", &[]);
    }
    let leader = cluster.leader();
    let view = cluster.run_at(cluster.proxy(0), &["raft", "transfer-leader", "-o", "json"]);
    assert_eq!((&view["schema"], &view["from"]), (&1.into(), &cluster.proxy(leader).name().into()), "{view}");
    assert!(view["to"].is_string() && view["took_ms"].is_u64(), "{view}");
}

#[test]
fn who_cannot_lead_is_named_with_the_reason() {
    let [_, named, _] = readme_commands(HEADING).try_into().expect("three commands");
    let mut cluster = Cluster::start(3);
    let token = cluster.token("proxy", &[]);
    let mut learner = Proxy::new(cluster.home(), 4);
    learner.join(cluster.proxy(0).public_address(), &token);
    learner.wait_ready();
    let leader = cluster.leader();
    let [down, asked] = [(leader + 1) % 3, (leader + 2) % 3];
    let refused = |cluster: &Cluster, name: &str, status: i32, part: &str| {
        let ended = on(cluster, cluster.proxy(asked), name, &named);
        ended.must_fail(status, part);
        assert!(ended.stderr.contains("\nhint: "), "{ended:?}");
    };
    refused(&cluster, "nobody", 4, "there is no proxy `nobody`");
    refused(&cluster, cluster.proxy(leader).name(), 1, "it leads already");
    refused(&cluster, "proxy-4", 1, "it is a learner: it does not vote");
    cluster.proxy_mut(down).kill();
    refused(&cluster, cluster.proxy(down).name(), 6, "it is down");
    cluster.proxy_mut(leader).kill();
    refused(&cluster, cluster.proxy(asked).name(), 6, "there is no quorum");
}

#[test]
fn a_group_of_one_has_nobody_to_hand_over_to() {
    let mut cluster = Cluster::start(1);
    let config = cluster.proxy(0).config();
    warren(&["raft", "transfer-leader", "--config", config.to_str().expect("text")], b"").must_fail(1, "there is no other voter");
    cluster.proxy_mut(0).stop();
}

/// The longest that one write took through `proxy`, while `during` went on.
fn longest_write(proxy: &Proxy, during: impl FnOnce()) -> Duration {
    let config = proxy.config();
    let words = ["token", "create", "--role", "client", "--config", config.to_str().expect("text")];
    let (ended, mut longest) = (AtomicBool::new(false), Duration::ZERO);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !ended.load(Ordering::Relaxed) {
                let begun = Instant::now();
                warren(&words, b"").must_succeed();
                longest = longest.max(begun.elapsed());
            }
            longest
        });
        during();
        ended.store(true, Ordering::Relaxed);
        longest = writer.join().expect("every write was recorded");
    });
    longest
}

#[test]
fn a_leader_that_is_stopped_costs_writes_less_than_one_that_is_lost() {
    let mut cluster = Cluster::start(3);
    let mut measured = Vec::new();
    for end in [Proxy::terminate as fn(&mut Proxy), Proxy::kill] {
        let leader = cluster.leader();
        let other = (leader + 1) % 3;
        let mut proxies = cluster.take_proxies();
        let (gone, stays) = if leader < other {
            let (left, right) = proxies.split_at_mut(other);
            (&mut left[leader], &right[0])
        } else {
            let (left, right) = proxies.split_at_mut(leader);
            (&mut right[0], &left[other])
        };
        measured.push(longest_write(stays, || {
            let former = gone.name().to_owned();
            end(gone);
            wait_for("another leader", || {
                let leader = stays.status()?["leader"].as_str()?.to_owned();
                (leader != former).then_some(())
            });
        }));
        if gone.runs() {
            gone.wait_stopped();
        }
        gone.restart(Ports::Same);
        cluster.give_proxies(proxies);
        cluster.wait_healthy();
    }
    println!("the longest write beside a leader that is stopped: {:?}, beside one that is killed: {:?}", measured[0], measured[1]);
    assert!(measured[0] < measured[1], "{measured:?}");
    assert!(measured[0] < Duration::from_millis(700), "{measured:?}: as long as a leader's lease");
}
