//! OpenSSH's own programs through `ProxyCommand=warren connect` to an `sshd` behind an agent.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Client, Cluster, Proxy, Sshd, all_installed, installed, not_run, on, random_bytes, run};

const TEST: &str = "tests/openssh.rs";
const MIB: usize = 1 << 20;

#[test]
fn ssh_and_scp_work_through_every_proxy() {
    let Some([ssh, scp, keygen, sshd]) = all_installed(TEST, ["ssh", "scp", "ssh-keygen", "sshd"]) else { return };
    let Some(host) = Sshd::new(TEST, [&keygen, &sshd], &["lab-pi"]) else { return };
    if !host.lets_us_in(&ssh) {
        return;
    }
    let cluster = Cluster::start(3);
    let _agent = cluster.agent("lab-pi", &[1], &[("ssh", host.door.address().to_string())]);
    let client = cluster.client("laptop", "lab-pi/ssh");
    let bytes = random_bytes(21, 4 * MIB);
    let file = host.dir.path().join("sent");
    fs::write(&file, &bytes).expect("a file");

    for proxy in cluster.proxies() {
        let settings = config(&host, &client, Some(proxy));
        // Input, output and exit status of a program at the other end.
        assert!(on(&ssh, &settings, &["lab-pi", "cat"], &bytes).must_succeed() == bytes, "through {}", proxy.name());
        assert_eq!(on(&ssh, &settings, &["lab-pi", "echo out; exit 7"], b"").status, Some(7), "through {}", proxy.name());
        there_and_back(&host, &scp, &settings, &bytes, proxy.name());
    }

    // The block of the README: the identity knows the proxies.
    let settings = config(&host, &client, None);
    assert_eq!(on(&ssh, &settings, &["lab-pi", "echo through"], b"").must_succeed(), b"through\n");
    std::thread::scope(|scope| {
        for session in 0..4_u8 {
            let (ssh, config, bytes) = (&ssh, &settings, &bytes);
            scope.spawn(move || assert!(on(ssh, config, &["lab-pi", "cat"], bytes).must_succeed() == *bytes, "session {session}"));
        }
    });
    further_programs(&host, &settings, &bytes);
}

/// Copies the file up and down and compares it.
fn there_and_back(host: &Sshd, scp: &Path, config: &Path, bytes: &[u8], way: &str) {
    let at = |name: &str| host.dir.path().join(format!("{name}-{way}"));
    let (up, down) = (at("up"), at("down"));
    on(scp, config, &["-q", text(&host.dir.path().join("sent")), &format!("lab-pi:{}", text(&up))], b"").must_succeed();
    assert!(fs::read(&up).expect("it arrived") == bytes, "up through {way}");
    on(scp, config, &["-q", &format!("lab-pi:{}", text(&up)), text(&down)], b"").must_succeed();
    assert!(fs::read(&down).expect("it arrived") == bytes, "down through {way}");
}

/// What else speaks ssh, where it is installed.
fn further_programs(host: &Sshd, config: &Path, bytes: &[u8]) {
    let sent = host.dir.path().join("sent");
    match installed("sftp") {
        Some(sftp) => {
            let back = host.dir.path().join("by-sftp");
            let orders = format!("get {} {}\n", sent.display(), back.display());
            on(&sftp, config, &["-q", "-b", "-", "lab-pi"], orders.as_bytes()).must_succeed();
            assert!(fs::read(back).expect("it arrived") == bytes, "sftp");
        }
        None => not_run(TEST, "sftp is not installed"),
    }
    match installed("rsync") {
        Some(rsync) => {
            let back = host.dir.path().join("by-rsync");
            let shell = format!("ssh -F {}", config.display());
            let mut command = Command::new(rsync);
            command.args(["-a", "-e", &shell, &format!("lab-pi:{}", sent.display())]).arg(&back);
            run(command, b"").must_succeed();
            assert!(fs::read(back).expect("it arrived") == bytes, "rsync");
        }
        None => not_run(TEST, "rsync is not installed"),
    }
}

/// An `ssh_config` that goes through `proxy`, or through those that the identity knows.
fn config(host: &Sshd, client: &Client, proxy: Option<&Proxy>) -> PathBuf {
    let warren = env!("CARGO_BIN_EXE_warren");
    let way = proxy.map(|proxy| format!(" --proxy {}", proxy.public_address())).unwrap_or_default();
    let command = format!("  ProxyCommand {warren} connect %h/ssh --identity {}{way}\n", client.identity().display());
    let file = host.file(&format!("ssh_config-{}", proxy.map_or("any", Proxy::name)));
    fs::write(&file, format!("Host lab-pi\n{command}  HostKeyAlias lab-pi\n{}", host.options("  "))).expect("a file");
    file
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}
