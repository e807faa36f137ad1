//! A machine with an `sshd`, one process per connection, as inetd would start it: the port is the test's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Door, Ended, User, is_root, not_run, run};

/// The machine. Dropping it waits until its sessions have ended.
#[derive(Debug)]
pub(crate) struct Sshd {
    /// Where it listens.
    pub(crate) door: Door,
    /// Who gets in.
    pub(crate) user: User,
    /// Keys, settings and its log; there is room for a test's own files.
    pub(crate) dir: TempDir,
    test: &'static str,
}

impl Sshd {
    /// Starts it; `None`, and a line that says so, where nobody could get in. Its key is known as that of these hosts.
    pub(crate) fn new(test: &'static str, [keygen, sshd]: [&Path; 2], hosts: &[&str]) -> Option<Self> {
        let Some(user) = User::current() else {
            not_run(test, "whoever runs this is not in /etc/passwd, and sshd lets in nobody else");
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
        let (sshd, log) = (sshd.to_owned(), dir.path().join("log"));
        let door = Door::spawning(move || {
            let mut command = Command::new(&sshd);
            let log = File::options().create(true).append(true).open(&log).expect("a log");
            command.args(["-i", "-e", "-f"]).arg(&config).stderr(log);
            command
        });
        let sshd = Self { door, user, dir, test };
        hosts.iter().for_each(|host| sshd.is_known_as(host));
        Some(sshd)
    }

    /// Its key is from now on known as that of `host`, such as `[lab-pi.warren]:2222`.
    pub(crate) fn is_known_as(&self, host: &str) {
        let (key, known) = (self.key(), self.dir.path().join("known_hosts"));
        let before = fs::read_to_string(&known).unwrap_or_default();
        fs::write(known, format!("{before}{host} {key}")).expect("a file");
    }

    fn key(&self) -> String {
        fs::read_to_string(self.dir.path().join("host.pub")).expect("the host's key")
    }

    /// Whether `ssh` gets in without warren as `lab-pi`; if not, it is nothing that a test of warren can judge, and a line says so.
    pub(crate) fn lets_us_in(&self, ssh: &Path) -> bool {
        let direct = format!("  HostName {}\n  Port {}\n", self.door.address().ip(), self.door.address().port());
        let config = self.dir.path().join("ssh_config-direct");
        fs::write(&config, format!("Host lab-pi\n{direct}  HostKeyAlias lab-pi\n{}", self.options("  "))).expect("a file");
        let ended = on(ssh, &config, &["lab-pi", "exit 0"], b"");
        if ended.status != Some(0) {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let reason = ended.stderr.lines().chain(log.lines()).collect::<Vec<_>>().join("; ");
            not_run(self.test, &format!("this machine's sshd does not let `{}` in even without warren: {reason}", self.user.name));
        }
        ended.status == Some(0)
    }

    /// What an `ssh_config` needs so that nobody is asked anything.
    pub(crate) fn options(&self, indent: &str) -> String {
        let at = |name: &str| self.dir.path().join(name).display().to_string();
        let lines = [
            format!("User {}", self.user.name),
            format!("IdentityFile \"{}\"", at("user")),
            "IdentitiesOnly yes".to_owned(),
            "BatchMode yes".to_owned(),
            "StrictHostKeyChecking yes".to_owned(),
            format!("UserKnownHostsFile \"{}\"", at("known_hosts")),
            "GlobalKnownHostsFile none".to_owned(),
            "ConnectTimeout 30".to_owned(),
            "LogLevel ERROR".to_owned(),
        ];
        lines.iter().map(|line| format!("{indent}{line}\n")).collect()
    }

    /// A file of its directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Runs one of OpenSSH's programs with a configuration of the test's own.
pub(crate) fn on(program: &Path, config: &Path, words: &[&str], input: &[u8]) -> Ended {
    let mut command = Command::new(program);
    command.arg("-F").arg(config).args(words);
    run(command, input)
}
