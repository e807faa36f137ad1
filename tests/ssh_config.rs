//! `ssh NAME.warren`, `scp`, `rsync` and `git` through what `warren ssh-config --install` has written, to an `sshd` behind an agent.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Cluster, Ended, Sshd, all_installed, installed, not_run, random_bytes, run};
use tempfile::TempDir;

const TEST: &str = "tests/ssh_config.rs";

/// Somebody's home directory, in a path that has to be quoted.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self { dir: TempDir::new().expect("a directory") };
        fs::create_dir_all(home.path().join(".ssh")).expect("made");
        home
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("it's a home")
    }

    fn config(&self) -> PathBuf {
        self.path().join(".ssh/config")
    }

    /// Runs `warren WORDS..` as whoever lives there.
    fn warren(&self, words: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
        command.args(words).env_clear().env("HOME", self.path());
        run(command, b"")
    }

    /// Runs another program there. OpenSSH takes the home directory of its user from the system, and would not find this one's configuration.
    fn run(&self, program: &Path, words: &[&str]) -> Ended {
        let shell = format!("ssh -F \"{}\"", self.config().display());
        let mut command = Command::new(program);
        command.args(words).env("HOME", self.path()).env("RSYNC_RSH", &shell).env("GIT_SSH_COMMAND", &shell);
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("ANSIBLE_SSH_ARGS", format!("-F \"{}\"", self.config().display()));
        run(command, b"")
    }

    fn ssh(&self, program: &Path, words: &[&str]) -> Ended {
        let config = self.config();
        self.run(program, &[&["-F", text(&config)], words].concat())
    }
}

#[test]
fn ssh_and_its_kin_find_every_agent_by_name() {
    let Some([ssh, scp, keygen, sshd]) = all_installed(TEST, ["ssh", "scp", "ssh-keygen", "sshd"]) else { return };
    let Some(host) = Sshd::new(TEST, [&keygen, &sshd], &["lab-pi", "ssh.lab-pi.warren", "ssh.any.warren"]) else { return };
    if !host.lets_us_in(&ssh) {
        return;
    }
    let port = host.door.address().port().to_string();
    host.is_known_as(&format!("[lab-pi.warren]:{port}"));
    let cluster = Cluster::start(2);
    let _agent = cluster.agent("lab-pi", &[1], &[("ssh", host.door.address().to_string())]);
    let home = Home::new();
    let token = cluster.token("client", &["--allow", "lab-pi/ssh"]);
    let proxy = cluster.proxy(0).public_address().to_string();
    home.warren(&["enroll", &proxy, "--token-file", text(&token), "--name", "laptop"]).must_succeed();

    let before = host.options("");
    fs::write(home.config(), &before).expect("a file");
    is_installed_once(&home, &before);

    // The port that ssh is given is that of the service's own target; a name of the service needs none.
    assert_eq!(home.ssh(&ssh, &["-p", &port, "lab-pi.warren", "echo by port"]).must_succeed(), b"by port\n");
    assert_eq!(home.ssh(&ssh, &["ssh.lab-pi.warren", "echo by name; exit 7"]).status, Some(7));
    assert_eq!(home.ssh(&ssh, &["ssh.any.warren", "echo any"]).must_succeed(), b"any\n");
    // Nothing there has ssh's own port: the reason comes back through ssh.
    let unknown = home.ssh(&ssh, &["lab-pi.warren", "true"]);
    assert!(unknown.status == Some(255) && unknown.stderr.contains("hint: "), "{unknown:?}");

    copies(&home, &host, &scp);
    pushes_and_clones(&home, &host);
    plays(&home);

    home.warren(&["ssh-config", "--remove"]).must_succeed();
    assert_eq!(fs::read_to_string(home.config()).expect("there"), before);
    assert!(!home.path().join(".ssh/warren.config").exists());
}

/// Installing is idempotent, and leaves what was there as it was.
fn is_installed_once(home: &Home, before: &str) {
    let printed = String::from_utf8(home.warren(&["ssh-config"]).must_succeed()).expect("text");
    assert_eq!(fs::read_to_string(home.config()).expect("there"), before, "printing changes nothing");
    let ours = home.path().join(".ssh/warren.config");
    for _ in 0..2 {
        home.warren(&["ssh-config", "--install"]).must_succeed();
        let config = fs::read_to_string(home.config()).expect("there");
        let (first, rest) = config.split_once('\n').expect("lines");
        assert_eq!((first, rest), (&*format!("Include \"{}\"", ours.display()), before));
        assert_eq!(fs::read_to_string(&ours).expect("there"), printed);
        assert_eq!(fs::metadata(&ours).expect("there").permissions().mode() & 0o777, 0o600);
    }
}

/// By `scp` and, where it is installed, by `rsync`.
fn copies(home: &Home, host: &Sshd, scp: &Path) {
    let (sent, up, down) = (host.file("sent"), host.file("up"), host.file("down"));
    let bytes = random_bytes(5, 1 << 20);
    fs::write(&sent, &bytes).expect("a file");
    home.ssh(scp, &["-q", text(&sent), &format!("ssh.lab-pi.warren:{}", text(&up))]).must_succeed();
    home.ssh(scp, &["-q", &format!("ssh.lab-pi.warren:{}", text(&up)), text(&down)]).must_succeed();
    assert!(fs::read(down).expect("it arrived") == bytes, "scp");
    let Some(rsync) = installed("rsync") else { return not_run(TEST, "rsync is not installed") };
    let back = host.file("by-rsync");
    home.run(&rsync, &["-a", &format!("ssh.lab-pi.warren:{}", text(&sent)), text(&back)]).must_succeed();
    assert!(fs::read(back).expect("it arrived") == bytes, "rsync");
}

/// A repository that goes up by one clone and comes back by another.
fn pushes_and_clones(home: &Home, host: &Sshd) {
    let Some(git) = installed("git") else { return not_run(TEST, "git is not installed") };
    let (bare, work, again) = (host.file("bare.git"), host.file("work"), host.file("again"));
    home.run(&git, &["init", "-q", "--bare", text(&bare)]).must_succeed();
    let url = format!("ssh://ssh.lab-pi.warren{}", text(&bare));
    home.run(&git, &["clone", "-q", &url, text(&work)]).must_succeed();
    fs::write(work.join("file"), "through a tunnel\n").expect("a file");
    let at = ["-C", text(&work), "-c", "user.name=me", "-c", "user.email=me@example.net"];
    home.run(&git, &[&at[..], &["add", "file"]].concat()).must_succeed();
    home.run(&git, &[&at[..], &["commit", "-q", "-m", "one"]].concat()).must_succeed();
    home.run(&git, &[&at[..], &["push", "-q", "origin", "HEAD:refs/heads/main"]].concat()).must_succeed();
    home.run(&git, &["clone", "-q", "-b", "main", &url, text(&again)]).must_succeed();
    assert_eq!(fs::read_to_string(again.join("file")).expect("it arrived"), "through a tunnel\n");
}

/// A module of ansible that needs no Python at the other end.
fn plays(home: &Home) {
    let Some(ansible) = installed("ansible") else { return not_run(TEST, "ansible is not installed") };
    let played = home.run(&ansible, &["all", "-i", "ssh.lab-pi.warren,", "-m", "raw", "-a", "echo played"]);
    assert!(String::from_utf8_lossy(&played.must_succeed()).contains("played"));
}

#[test]
fn whoever_has_no_home_or_no_identity_is_told() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
    command.args(["ssh-config", "--install", "--identity", "/nowhere"]).env_clear();
    run(command, b"").must_fail(2, "there is no home directory");
    let home = Home::new();
    let installed = home.warren(&["ssh-config", "--install"]);
    assert!(installed.status == Some(0) && installed.stderr.contains("there is no client identity"), "{installed:?}");
    let (ours, main) = (home.path().join(".ssh/warren.config"), home.config());
    let wrote = format!("wrote {}\nthe line that reads it in is now at the top of {}\n", ours.display(), main.display());
    assert!(installed.stderr.starts_with(&wrote), "each file is named: {installed:?}");
    let again = home.warren(&["ssh-config", "--remove"]);
    assert!(again.status == Some(0) && home.warren(&["ssh-config", "--remove"]).stderr.contains("nothing was installed"), "{again:?}");
    assert_eq!(again.stderr, format!("removed {}\nremoved {}\n", main.display(), ours.display()));
    assert!(!main.exists() && !ours.exists(), "what it made is gone");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}
