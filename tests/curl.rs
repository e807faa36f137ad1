//! `curl` through `warren forward`: a page, a large file both ways, and a service that is not there.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use ring::digest::{SHA256, digest};
use support::{Cluster, Ended, Target, all_installed, closed_port, random_bytes, run};

/// What the large file has: more than every window and buffer on the way.
const LARGE: usize = 32 << 20;

#[test]
fn a_page_and_a_large_file_arrive_whole() {
    let Some([curl]) = all_installed("tests/curl.rs", ["curl"]) else { return };
    let cluster = Cluster::start(3);
    let large = random_bytes(11, LARGE);
    let site = Target::http(BTreeMap::from([("/", b"<h1>warren</h1>".to_vec()), ("/large", large.clone())]));
    let (_bound, nobody) = closed_port();
    let services = [("web", site.address().to_string()), ("closed", nobody.to_string())];
    let _agent = cluster.agent("shed", &[1], &services);
    let client = cluster.client("browser", "shed/*");

    for (index, proxy) in cluster.proxies().iter().enumerate() {
        let forward = client.forward(&format!("web-{index}"), "shed/web", &[proxy.public_address()]);
        let url = |path: &str| format!("http://{}{path}", forward.address());
        assert_eq!(fetch(&curl, &[&url("/")]).must_succeed(), b"<h1>warren</h1>", "through {}", proxy.name());
        assert_eq!(fetch(&curl, &["--fail", &url("/missing")]).status, Some(22), "curl's status for an HTTP error");
        let file = cluster.home().join(format!("large-{index}"));
        fetch(&curl, &["-o", text(&file), &url("/large")]).must_succeed();
        same(&fs::read(&file).expect("the file"), &large, proxy.name());
    }

    // Up and back again, and four downloads beside each other.
    let forward = client.forward("web", "any/web", &[cluster.proxy(0).public_address()]);
    let url = format!("http://{}/large", forward.address());
    let file = cluster.home().join("upload");
    fs::write(&file, &large).expect("a file");
    let back = fetch(&curl, &["--data-binary", &format!("@{}", text(&file)), &url]).must_succeed();
    same(&back, &large, "up and back");
    std::thread::scope(|scope| {
        let downloads: Vec<_> = (0..4).map(|_| scope.spawn(|| fetch(&curl, &[&url]).must_succeed())).collect();
        for download in downloads {
            same(&download.join().expect("a download"), &large, "beside others");
        }
    });

    // A target that refuses is a broken connection, never an empty page.
    let closed = client.forward("closed", "shed/closed", &[cluster.proxy(2).public_address()]);
    let refused = fetch(&curl, &[&format!("http://{}/", closed.address())]);
    assert!(matches!(refused.status, Some(52 | 56)), "empty reply or reset by peer, not {refused:?}");
}

fn fetch(curl: &Path, words: &[&str]) -> Ended {
    let mut command = Command::new(curl);
    command.env_clear().args(["--disable", "--noproxy", "*", "--silent", "--show-error", "--max-time", "50"]).args(words);
    run(command, b"")
}

fn same(found: &[u8], expected: &[u8], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    assert_eq!(digest(&SHA256, found).as_ref(), digest(&SHA256, expected).as_ref(), "{what}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}
