//! OpenSSH's own programs through `ProxyCommand=warren connect` to an `sshd` behind an agent.

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Client, Cluster, Door, Ended, Proxy, User, all_installed, installed, is_root, not_run, random_bytes, run};
use tempfile::TempDir;

const TEST: &str = "tests/openssh.rs";
const MIB: usize = 1 << 20;

#[test]
fn ssh_and_scp_work_through_every_proxy() {
    let Some([ssh, scp, keygen, sshd]) = all_installed(TEST, ["ssh", "scp", "ssh-keygen", "sshd"]) else { return };
    let Some(host) = Host::new(&keygen, &sshd) else { return };
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
        let config = host.config(&client, Some(proxy));
        // Input, output and exit status of a program at the other end.
        assert!(on(&ssh, &config, &["lab-pi", "cat"], &bytes).must_succeed() == bytes, "through {}", proxy.name());
        assert_eq!(on(&ssh, &config, &["lab-pi", "echo out; exit 7"], b"").status, Some(7), "through {}", proxy.name());
        there_and_back(&host, &scp, &config, &bytes, proxy.name());
    }

    // The block of the README: the identity knows the proxies.
    let config = host.config(&client, None);
    assert_eq!(on(&ssh, &config, &["lab-pi", "echo through"], b"").must_succeed(), b"through\n");
    std::thread::scope(|scope| {
        for session in 0..4_u8 {
            let (ssh, config, bytes) = (&ssh, &config, &bytes);
            scope.spawn(move || assert!(on(ssh, config, &["lab-pi", "cat"], bytes).must_succeed() == *bytes, "session {session}"));
        }
    });
    further_programs(&host, &config, &bytes);
}

/// Copies the file up and down and compares it.
fn there_and_back(host: &Host, scp: &Path, config: &Path, bytes: &[u8], way: &str) {
    let at = |name: &str| host.dir.path().join(format!("{name}-{way}"));
    let (up, down) = (at("up"), at("down"));
    on(scp, config, &["-q", text(&host.dir.path().join("sent")), &format!("lab-pi:{}", text(&up))], b"").must_succeed();
    assert!(fs::read(&up).expect("it arrived") == bytes, "up through {way}");
    on(scp, config, &["-q", &format!("lab-pi:{}", text(&up)), text(&down)], b"").must_succeed();
    assert!(fs::read(&down).expect("it arrived") == bytes, "down through {way}");
}

/// What else speaks ssh, where it is installed.
fn further_programs(host: &Host, config: &Path, bytes: &[u8]) {
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

/// Runs one of OpenSSH's programs with a configuration of the test's own.
fn on(program: &Path, config: &Path, words: &[&str], input: &[u8]) -> Ended {
    let mut command = Command::new(program);
    command.arg("-F").arg(config).args(words);
    run(command, input)
}

/// A machine with an `sshd`, one process per connection, as inetd would start it: the port is the test's own.
struct Host {
    door: Door,
    user: User,
    dir: TempDir,
}

impl Host {
    fn new(keygen: &Path, sshd: &Path) -> Option<Self> {
        let Some(user) = User::current() else {
            not_run(TEST, "whoever runs this is not in /etc/passwd, and sshd lets in nobody else");
            return None;
        };
        let dir = TempDir::new().expect("a directory");
        for key in ["host", "user"] {
            let mut command = Command::new(keygen);
            command.args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"]).arg(dir.path().join(key));
            run(command, b"").must_succeed();
        }
        if is_root() {
            // Where a root's sshd shuts its unprivileged half in; a service manager makes it otherwise.
            fs::create_dir_all("/run/sshd").expect("root may");
        }
        let (host, authorized, config) = (dir.path().join("host"), dir.path().join("user.pub"), dir.path().join("sshd_config"));
        let settings = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n\
             PidFile none\nSubsystem sftp internal-sftp\n",
            host.display(),
            authorized.display()
        );
        fs::write(&config, settings).expect("a file");
        let key = fs::read_to_string(dir.path().join("host.pub")).expect("the host's key");
        fs::write(dir.path().join("known_hosts"), format!("lab-pi {key}")).expect("a file");
        let (sshd, log) = (sshd.to_owned(), dir.path().join("log"));
        let door = Door::spawning(move || {
            let mut command = Command::new(&sshd);
            let log = File::options().create(true).append(true).open(&log).expect("a log");
            command.args(["-i", "-e", "-f"]).arg(&config).stderr(log);
            command
        });
        Some(Self { door, user, dir })
    }

    /// Whether `ssh` gets in without warren; if not, it is nothing that a test of warren can judge, and a line says so.
    fn lets_us_in(&self, ssh: &Path) -> bool {
        let direct = format!("  HostName {}\n  Port {}\n", self.door.address().ip(), self.door.address().port());
        let config = self.write_config("direct", &direct);
        let ended = on(ssh, &config, &["lab-pi", "exit 0"], b"");
        if ended.status != Some(0) {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let reason = ended.stderr.lines().chain(log.lines()).collect::<Vec<_>>().join("; ");
            not_run(TEST, &format!("this machine's sshd does not let `{}` in even without warren: {reason}", self.user.name));
        }
        ended.status == Some(0)
    }

    /// An `ssh_config` that goes through `proxy`, or through those that the identity knows.
    fn config(&self, client: &Client, proxy: Option<&Proxy>) -> PathBuf {
        let warren = env!("CARGO_BIN_EXE_warren");
        let way = proxy.map(|proxy| format!(" --proxy {}", proxy.public_address())).unwrap_or_default();
        let command = format!("  ProxyCommand {warren} connect %h/ssh --identity {}{way}\n", client.identity().display());
        self.write_config(proxy.map_or("any", Proxy::name), &command)
    }

    fn write_config(&self, name: &str, way: &str) -> PathBuf {
        let file = self.dir.path().join(format!("ssh_config-{name}"));
        let at = |name: &str| self.dir.path().join(name).display().to_string();
        let rest = format!(
            "  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  BatchMode yes\n  HostKeyAlias lab-pi\n  StrictHostKeyChecking yes\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n  ConnectTimeout 30\n  LogLevel ERROR\n",
            self.user.name,
            at("user"),
            at("known_hosts")
        );
        fs::write(&file, format!("Host lab-pi\n{way}{rest}")).expect("a file");
        file
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}
