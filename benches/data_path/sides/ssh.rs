//! `ssh -R`: what people use who have a machine in the internet and nothing else.
//!
//! In the place of the proxy is OpenSSH's `sshd`, with keys and a configuration of its own, started for its one connection; in the place of the agent is `ssh -R`. There is no entry: clients
//! connect to the port that `sshd` opens.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::shared::home;
use crate::support::{Door, LONG, Server, User, installed, is_root, run};

/// What `ssh` says once the port is open.
const OPENED: &str = "Allocated port ";
/// How often it is looked for.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// A tunnel of OpenSSH's. Dropping it ends it: first the client, then the port of `sshd`, which waits for it, then the directory.
pub(crate) struct Ssh {
    client: Server,
    _door: Door,
    _home: TempDir,
    address: SocketAddr,
}

impl Ssh {
    /// Starts one that leads to `target`; says why there is none where it cannot be.
    pub(crate) fn start(target: SocketAddr) -> anyhow::Result<Result<Self, String>> {
        let (Some(ssh), Some(keygen), Some(sshd)) = (installed("ssh"), installed("ssh-keygen"), installed("sshd")) else {
            return Ok(Err("not installed".to_owned()));
        };
        let Some(user) = User::current() else { return Ok(Err("whoever runs this is not in /etc/passwd".to_owned())) };
        let home = home()?;
        configure(home.path(), &keygen)?;
        let door = door(home.path(), &sshd);
        let log = home.path().join("ssh.log");
        let client = Server::start(&mut command(home.path(), &ssh, (door.address(), target), &user), "TERM", &log);
        let begun = Instant::now();
        loop {
            let said = client.log();
            if let Some(port) = said.split(OPENED).nth(1).and_then(|rest| rest.split_whitespace().next()) {
                let address = format!("127.0.0.1:{port}").parse().context("a port")?;
                return Ok(Ok(Self { client, _door: door, _home: home, address }));
            }
            let refused = said.contains("denied") || said.contains("refused") || said.contains("closed");
            if refused {
                return Ok(Err(format!("this machine's sshd does not let `{}` in: {}", user.name, said.trim())));
            }
            ensure!(begun.elapsed() < LONG, "`ssh -R` opens no port: {said}");
            std::thread::sleep(LOOK);
        }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its processes: `ssh`, and `sshd` with the one that it has forked.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let descendants = descendants(std::process::id());
        let of_sshd = descendants.into_iter().filter(|(_, name)| name.starts_with("sshd")).map(|(pid, _)| pid);
        [self.client.pid()].into_iter().chain(of_sshd).collect()
    }
}

/// Writes keys and configuration.
fn configure(home: &Path, keygen: &Path) -> anyhow::Result<()> {
    for key in ["host", "user"] {
        let mut command = Command::new(keygen);
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"]).arg(home.join(key));
        run(command, b"").must_succeed();
    }
    if is_root() {
        // Where a root's sshd shuts its unprivileged half in; a service manager makes it otherwise.
        fs::create_dir_all("/run/sshd")?;
    }
    let settings = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\nPidFile none\n",
        home.join("host").display(),
        home.join("user.pub").display()
    );
    fs::write(home.join("sshd_config"), settings)?;
    let key = fs::read_to_string(home.join("host.pub"))?;
    Ok(fs::write(home.join("known_hosts"), format!("bench {key}"))?)
}

/// A port behind which is an `sshd` of the benchmark's own.
fn door(home: &Path, sshd: &Path) -> Door {
    let (sshd, config, log) = (sshd.to_owned(), home.join("sshd_config"), home.join("sshd.log"));
    Door::spawning(move || {
        let mut command = Command::new(&sshd);
        command.args(["-i", "-e", "-f"]).arg(&config).stderr(File::create(&log).expect("a log"));
        command
    })
}

fn command(home: &Path, ssh: &Path, (door, target): (SocketAddr, SocketAddr), user: &User) -> Command {
    let mut command = Command::new(ssh);
    command.args(["-F", "none", "-N", "-T", "-R", &format!("127.0.0.1:0:{target}")]);
    command.args(["-p", &door.port().to_string(), "-l", &user.name, "-i"]).arg(home.join("user"));
    let known = format!("UserKnownHostsFile={}", home.join("known_hosts").display());
    for option in ["IdentitiesOnly=yes", "BatchMode=yes", "HostKeyAlias=bench", "ExitOnForwardFailure=yes", "LogLevel=INFO", &known] {
        command.args(["-o", option]);
    }
    command.arg(door.ip().to_string());
    command
}

/// The processes below this one with their names, from /proc.
fn descendants(of: u32) -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes: Vec<(u32, u32, String)> =
        entries.filter_map(|entry| parse(&fs::read_to_string(entry.path().join("stat")).ok()?)).collect();
    let mut found: Vec<(u32, String)> = Vec::new();
    loop {
        let is_new = |pid: u32| found.iter().all(|(known, _)| *known != pid);
        let below = |parent: u32| parent == of || found.iter().any(|(known, _)| *known == parent);
        let next = processes.iter().find(|(pid, parent, _)| is_new(*pid) && below(*parent));
        let Some((pid, _, name)) = next else { return found };
        found.push((*pid, name.clone()));
    }
}

/// A process, its parent and its name.
fn parse(stat: &str) -> Option<(u32, u32, String)> {
    let (front, back) = stat.rsplit_once(')')?;
    let (pid, name) = front.split_once(" (")?;
    Some((pid.parse().ok()?, back.split_whitespace().nth(1)?.parse().ok()?, name.to_owned()))
}
