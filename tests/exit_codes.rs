//! The exit status of every verb in every case of interface's table: what programs branch on.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A verb that asks a proxy over its admin socket.
const ASKS_A_PROXY: &[&str] = &[
    "status",
    "agents ls",
    "agents show lab",
    "agents rm lab",
    "routes ls",
    "routes show lab",
    "clients ls",
    "clients show ada",
    "clients allow ada */web",
    "clients rm ada",
    "proxies ls",
    "proxies show proxy-1",
    "proxies drain proxy-1",
    "proxies resume proxy-1",
    "proxies rm proxy-1",
    "strategy show",
    "strategy set agent_mesh",
    "token create --role agent",
    "token ls",
    "token revoke 0101010101010101",
    "ca status",
    "ca ls",
    "ca rotate",
    "ca rollback",
    "ca revoke 4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a",
    "raft status",
    "raft transfer-leader",
    "raft snapshot save FILE",
    "config reload",
];

/// A verb that reads the configuration and nothing else that is missing here.
const READS_THE_CONFIGURATION: &[&str] = &[
    "proxy",
    "agent",
    "join a:1 --token-file -",
    "config check",
    "config show",
    "doctor",
    "connect lab/web",
    "forward 0 lab/web",
    "socks",
    "ping lab/web",
];

/// Command lines that no grammar takes.
const NO_COMMAND: &[&str] = &[
    "",
    "stats",
    "status now",
    "status -q -v",
    "agents",
    "agents show",
    "agent --publish web",
    "agent --name Lab",
    "join",
    "join a --token-file x",
    "connect lab",
    "ping",
    "ssh-config --install --remove",
    "connect",
    "forward 80",
    "forward 80 a/b 81",
    "token create",
    "token create --role king",
    "token create --role agent --uses 0",
    "token create --role agent --uses -1",
    "token revoke 1",
    "dev --proxies 0",
    "config fmt",
    "config reload --role client",
    "generate",
    "generate completions tcsh",
    "generate systemd --role client",
    "raft snapshot save",
    "strategy set mesh",
];

fn run(dir: &Path, line: &str, more: &[&str]) -> Output {
    let file = dir.join("snapshot").display().to_string();
    let words: Vec<_> = line.split_whitespace().map(|word| if word == "FILE" { file.as_str() } else { word }).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
    command.args(words).args(more).current_dir(dir).env_clear().env("HOME", dir).stdin(Stdio::null());
    command.output().expect("the binary runs")
}

/// Ends with `status`, and says why in one way.
fn check(dir: &Path, (line, more): (&str, &[&str]), status: i32) -> String {
    let output = run(dir, line, more);
    let said = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!(output.status.code(), Some(status), "`warren {line}`: {said}");
    assert!(said.lines().any(|line| line.starts_with("error: ")) || line.is_empty() || output.stdout.is_empty(), "`warren {line}`: {said}");
    for word in ["panicked", "Err(", "Some(", "ErrorKind", "::"] {
        assert!(!said.contains(word), "`warren {line}` shows a type: {said}");
    }
    said
}

#[test]
fn without_a_proxy_it_is_6() {
    let dir = TempDir::new().expect("a directory");
    for line in ASKS_A_PROXY {
        let said = check(dir.path(), (line, &["--addr", "no.sock"]), 6);
        assert!(said.starts_with("error: no proxy is running at `no.sock`\nhint: "), "{line}: {said}");
    }
    assert!(std::fs::read_dir(dir.path()).expect("a directory").next().is_none(), "nothing is left behind");
}

#[test]
fn with_a_wrong_configuration_it_is_78() {
    let dir = TempDir::new().expect("a directory");
    std::fs::write(dir.path().join("wrong.toml"), "[peer]\ndata_connections = 0\n").expect("a file");
    for line in READS_THE_CONFIGURATION.iter().chain(ASKS_A_PROXY) {
        let said = check(dir.path(), (line, &["--config", "wrong.toml"]), 78);
        assert!(said.contains("`peer.data_connections` must be from 1 to 16, and is 0\n  --> wrong.toml:2:20"), "{line}: {said}");
    }
    // Who only asks a proxy is told how to do so all the same.
    std::fs::write(dir.path().join("placed.toml"), "[peer]\ndata_connections = 0\n[admin]\nsocket = \"/run/w.sock\"\n").expect("a file");
    std::fs::write(dir.path().join("broken.toml"), "[peer\n").expect("a file");
    for line in ["status", "proxies ls", "ca status"] {
        let said = check(dir.path(), (line, &["--config", "placed.toml"]), 78);
        assert!(said.ends_with("\n\nhint: `--addr /run/w.sock` asks the proxy that runs, without the file\n"), "{line}: {said}");
        let said = check(dir.path(), (line, &["--config", "broken.toml"]), 78);
        assert!(said.contains("\n\nhint: `--addr SOCKET` asks the proxy that runs, without the configuration"), "{line}: {said}");
    }
    for line in ["config check", "status", "proxy"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
        let output = command.args(line.split(' ')).env_clear().env("WARREN_PROXY_ZOEN", "a").stdin(Stdio::null()).output().expect("a run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{line}: {said}");
        assert!(said.contains("unknown variable `WARREN_PROXY_ZOEN`") && said.contains("did you mean `WARREN_PROXY_ZONE`?"), "{said}");
    }
}

#[test]
fn a_wrong_command_line_is_2() {
    let dir = TempDir::new().expect("a directory");
    for line in NO_COMMAND {
        let said = check(dir.path(), (line, &[]), 2);
        assert!(!said.is_empty(), "{line}");
    }
    // What it lacks is a matter of the command line, too.
    for (line, part) in [
        ("connect lab/web", "there is no client identity"),
        ("forward 0 lab/web", "there is no client identity"),
        ("socks", "there is no client identity"),
        (
            "socks --socks5 127.0.0.1:0 --http 0.0.0.0:0",
            "`0.0.0.0:0` is not on loopback: whoever reaches it would have what this client may",
        ),
        ("socks --socks5 192.0.2.1:0 --http 0", "`192.0.2.1:0` is not on loopback"),
        ("socks --socks5 0.0.0.0:0 --http 192.0.2.1:0 --open-to-anybody", "there is no client identity"),
        ("join a:1", "a machine joins with a token"),
        ("proxies rm proxy-1 --addr no.sock --no-such", "unknown argument `--no-such`"),
    ] {
        let said = check(dir.path(), (line, &[]), 2);
        assert!(said.contains(part) && said.contains("hint: "), "{line}: {said}");
    }
}

#[test]
fn what_is_data_is_0() {
    let dir = TempDir::new().expect("a directory");
    let data = [
        "--help",
        "-h",
        "--version",
        "config show",
        "config check",
        "config schema",
        "generate man",
        "generate completions bash",
        "generate completions zsh",
        "generate completions fish",
        "generate systemd",
        "generate systemd --role agent",
        "generate config",
        "generate config --role proxy",
    ];
    for line in data {
        let output = run(dir.path(), line, &[]);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{line}");
        // Whoever reads it may have seen enough.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
        let closed = command.args(line.split(' ')).env_clear().stdin(Stdio::null()).stdout(writer).output().expect("the binary runs");
        assert_eq!((closed.status.code(), closed.stderr.as_slice()), (Some(0), &b""[..]), "{line} into a closed pipe");
    }
}

#[test]
fn the_form_of_a_file_is_0_or_1() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("config.toml");
    std::fs::write(&path, "[proxy]\nname='a'   # mine\n").expect("a file");
    let checked = run(dir.path(), "config fmt --check config.toml", &[]);
    assert_eq!((checked.status.code(), checked.stdout.as_slice()), (Some(1), &b"config.toml\n"[..]));
    assert_eq!(run(dir.path(), "config fmt config.toml", &[]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "[proxy]\nname = 'a' # mine\n");
    let again = run(dir.path(), "config fmt --check config.toml", &[]);
    assert_eq!((again.status.code(), again.stdout.as_slice()), (Some(0), &b""[..]));
    std::fs::write(&path, "[proxy\n").expect("a file");
    let said = check(dir.path(), ("config fmt config.toml", &[]), 78);
    assert!(said.contains("config.toml:1:"), "{said}");
    check(dir.path(), ("config fmt nowhere.toml", &[]), 1);
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "[proxy\n");
}
