//! A full disk costs nothing that was acknowledged and no dial; the proxy says what is wrong and comes back by itself.

mod support;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::{Client, Cluster, Dialling, Proxy, SmallDisk, Target, get, is_apart, run_apart, wait_for, wait_up_to, warren};

/// How long a new leader may take: the machine is busy, and two candidates may meet more than once.
const ELECTION: Duration = Duration::from_secs(15);

fn dialling(cluster: &Cluster, client: &Client, target: &str, index: usize) -> Dialling {
    let proxy = cluster.proxy(index);
    Dialling::start(client.forward(&format!("via-{}", proxy.name()), target, &[proxy.public_address()]))
}

/// A write through a proxy, and what became of it.
fn write(proxy: &Proxy) -> support::Ended {
    let config = proxy.config();
    warren(&["--config", config.to_str().expect("text"), "token", "create", "--role", "client", "-o", "json"], b"")
}

/// Writes through all proxies in turn until it is told to stop, and keeps the ids of what was acknowledged.
fn keep_writing(cluster: &Cluster, stop: &AtomicBool, acknowledged: &Mutex<BTreeSet<String>>) {
    for proxy in cluster.proxies().iter().cycle() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let ended = write(proxy);
        if ended.status == Some(0) {
            let id = ended.json()["id"].as_str().expect("an id").to_owned();
            acknowledged.lock().expect("nobody panics with it").insert(id);
        }
    }
}

/// The problem with this code that the proxy shows.
fn problem(proxy: &Proxy, code: &str) -> Option<Value> {
    let status = proxy.status()?;
    status["problems"].as_array()?.iter().find(|problem| problem["code"] == code).cloned()
}

fn shows(proxy: &Proxy, path: &str, line: &str) -> bool {
    get(proxy.http_address(), path).is_ok_and(|(_, body)| body.contains(line))
}

/// How often the proxy has logged this.
fn logged(proxy: &Proxy, message: &str) -> usize {
    proxy.log().lines().filter(|line| line.contains(message)).count()
}

fn tokens(proxy: &Proxy) -> BTreeSet<String> {
    let view = proxy.get("/v1/tokens").expect("an answer");
    view["tokens"].as_array().expect("tokens").iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

/// Runs `work` while writes go on through all proxies, and gives the ids of those that were acknowledged.
fn while_writing(cluster: &Cluster, work: impl FnOnce(&Mutex<BTreeSet<String>>)) -> BTreeSet<String> {
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::default());
    thread::scope(|scope| {
        // Also when `work` panics the writer has to end.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let _stop = Stop(&stop);
        scope.spawn(|| keep_writing(cluster, &stop, &acknowledged));
        work(&acknowledged);
    });
    acknowledged.into_inner().expect("nobody panics with it")
}

#[test]
fn a_leader_whose_disk_fills_up_makes_way_and_comes_back() {
    run_apart("a_leader_with_a_small_disk");
}

#[test]
#[ignore = "run by the test above, in namespaces of its own"]
fn a_leader_with_a_small_disk() {
    if !is_apart() {
        return;
    }
    let mut disks = Vec::new();
    let mut cluster = Cluster::start_on(3, |data_dir| disks.push(SmallDisk::mount(data_dir)));
    let echo = Target::echo();
    let full = cluster.leader();
    let (other, third) = ((full + 1) % 3, (full + 2) % 3);
    let _here = cluster.agent("here", &[full], &[("echo", echo.address().to_string())]);
    let _there = cluster.agent("there", &[other], &[("echo", echo.address().to_string())]);
    let client = cluster.client("laptop", "*/*");
    let dials =
        [(full, "there/echo"), (other, "here/echo"), (third, "any/echo")].map(|(index, target)| dialling(&cluster, &client, target, index));

    let acknowledged = while_writing(&cluster, |acknowledged| {
        let count = || acknowledged.lock().expect("nobody panics with it").len();
        wait_for("writes are acknowledged", || (count() >= 3).then_some(()));
        disks[full].fill();
        it_says_so(&cluster, full);
        wait_up_to(ELECTION, "another leader", || {
            let leader = cluster.proxy(other).status()?["leader"].clone();
            (leader.is_string() && leader != cluster.proxy(full).name()).then_some(())
        });
        let before = count();
        wait_for("writes are acknowledged by the others", || (count() >= before + 3).then_some(()));
        dials.iter().for_each(|dialling| dialling.wait_for_more(20));
        disks[full].make_room();
        wait_for("its disk takes writes", || shows(cluster.proxy(full), "/readyz?verbose", "[+] disk").then_some(()));
    });

    cluster.wait_healthy();
    dials.iter().for_each(|dialling| dialling.wait_for_more(5));
    for dialling in dials {
        assert_eq!(dialling.failures(), [""; 0]);
    }
    for proxy in cluster.proxies() {
        wait_for("nothing acknowledged is lost", || tokens(proxy).is_superset(&acknowledged).then_some(()));
        wait_for("nothing is wrong any more", || (proxy.status()?["healthy"] == true).then_some(()));
    }
    let proxy = cluster.proxy(full);
    assert!(shows(proxy, "/metrics", "warren_disk_writable 1"));
    assert_eq!((logged(proxy, "takes no writes;"), logged(proxy, "takes writes again")), (1, 1), "one line each");
    assert!(acknowledged.len() > 6);
}

/// Wherever one may look.
fn it_says_so(cluster: &Cluster, full: usize) {
    let name = cluster.proxy(full).name().to_owned();
    for proxy in cluster.proxies() {
        let problem = wait_for("the status says that a disk is full", || problem(proxy, "disk_full"));
        let message = problem["message"].as_str().expect("a text");
        assert!(message.contains(&name) && message.contains("MiB are free"), "{message}");
        assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("df -h")), "{problem}");
    }
    let proxy = cluster.proxy(full);
    let (status, body) = get(proxy.http_address(), "/readyz?verbose").expect("an answer");
    assert!(status == 503 && body.contains("[-] disk"), "{status} {body}");
    assert!(shows(proxy, "/metrics", "warren_disk_writable 0"));
    write(proxy).must_fail(6, "the disk is full");
    wait_for("the status says how much it takes to come back", || {
        let problem = problem(proxy, "disk_full")?;
        problem["message"].as_str()?.contains("64 MiB are needed").then_some(())
    });
}
