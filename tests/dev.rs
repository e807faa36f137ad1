//! `warren dev`: everything it prints works, and it leaves nothing behind.

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Process, get, wait_for};
use tempfile::TempDir;

#[test]
fn what_it_prints_works_and_nothing_stays() {
    let dir = TempDir::new().expect("a directory");
    let temporary = dir.path().to_str().expect("a path");
    let mut dev = Process::start("dev", dir.path(), &["dev"], &[("TMPDIR", temporary)]);
    dev.wait_for_line("Ctrl-C stops everything");
    let home = dev.wait_for_line("A cluster of 3 proxies runs in ").split(" runs in ").nth(1).expect("its directory").to_owned();
    assert!(Path::new(&home).starts_with(temporary) && Path::new(&home).is_dir(), "{home}");

    let curl = dev.wait_for_line("curl http://");
    let address: SocketAddr =
        curl.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").parse().expect("one");
    let (status, page) = get(address, "/").expect("a page");
    assert!(status == 200 && page.contains("You are through."), "{page}");

    let echo = shell(&dev.wait_for_line("connect --identity"));
    assert_eq!(echo, "hello\n");
    for (part, expected) in [(" status --addr", "cluster dev: healthy"), (" agents ls --addr", "demo")] {
        let shown =
            wait_for("the operator's view is there", || Some(shell(&dev.wait_for_line(part))).filter(|shown| shown.contains(expected)));
        assert!(!shown.contains("error"), "{shown}");
    }
    let mut pages = 0;
    for line in dev.stdout().lines().filter(|line| line.contains("status page http://")) {
        pages += 1;
        let address: SocketAddr =
            line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").parse().expect("one");
        assert_eq!(get(address, "/readyz").expect("an answer").0, 200);
        let (status, page) = get(address, "/").expect("a page");
        assert!(status == 200 && page.contains("proxy-3") && page.contains("demo"), "{page}");
    }
    assert_eq!(pages, 3);

    dev.signal("INT");
    assert_eq!(dev.wait().code(), Some(0), "{}", dev.log());
    assert!(!Path::new(&home).exists(), "{home} was left behind");
}

/// What a printed line writes when it is pasted into a shell.
fn shell(line: &str) -> String {
    let output = Command::new("sh").arg("-c").arg(line).stdin(Stdio::null()).output().expect("a shell");
    String::from_utf8(output.stdout).expect("text")
}
