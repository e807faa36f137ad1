//! A client's identity and what is done with it.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::proxy::text;
use super::{Ended, LONG, Process, Proxy, wait_for, warren};

/// A client that has enrolled.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    home: PathBuf,
    identity: PathBuf,
    config: PathBuf,
}

impl Client {
    /// Enrols it at `address`.
    pub(crate) fn enroll(home: &Path, name: &str, address: SocketAddr, token: &Path) -> Self {
        let client = Self::unenrolled(home, name);
        client.enroll_at(name, &[address], token).must_succeed();
        client
    }

    /// A client without an identity.
    pub(crate) fn unenrolled(home: &Path, name: &str) -> Self {
        let config = home.join(format!("client-{name}.toml"));
        std::fs::write(&config, "").expect("a file");
        Self { home: home.to_owned(), identity: home.join(format!("client-{name}")), config }
    }

    /// Runs `warren enroll`.
    pub(crate) fn enroll_at(&self, name: &str, addresses: &[SocketAddr], token: &Path) -> Ended {
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        let words = ["--token-file", text(token), "--name", name, "--identity", text(&self.identity)];
        warren(&[&["enroll"], &addresses[..], &words].concat(), b"")
    }

    /// Where the identity is.
    pub(crate) fn identity(&self) -> &Path {
        &self.identity
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Gives every dial no longer than `timeout`, such as `2s`.
    pub(crate) fn limit_dials(&self, timeout: &str) {
        std::fs::write(&self.config, format!("[limits]\ndial_timeout = {timeout:?}\n")).expect("a file");
    }

    /// Runs `warren connect` through `proxy` with `input` as its whole input.
    pub(crate) fn connect(&self, target: &str, proxy: &Proxy, input: &[u8]) -> Ended {
        self.connect_at(target, proxy.public_address(), input)
    }

    /// The same through whoever is at `address`.
    pub(crate) fn connect_at(&self, target: &str, address: SocketAddr, input: &[u8]) -> Ended {
        warren(&self.words(&["connect", target], &address.to_string()), input)
    }

    /// Starts `warren connect` through `proxy`, to be talked with.
    pub(crate) fn open(&self, target: &str, proxy: &Proxy) -> Open {
        self.open_into(target, proxy, Stdio::piped())
    }

    /// The same with another standard output.
    pub(crate) fn open_into(&self, target: &str, proxy: &Proxy, output: impl Into<Stdio>) -> Open {
        let address = proxy.public_address().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
        command.args(self.words(&["connect", target], &address)).env_clear();
        command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Open { child, input, output }
    }

    /// Starts `warren forward 0 TARGET` through the proxies with these addresses.
    pub(crate) fn forward(&self, name: &str, target: &str, proxies: &[SocketAddr]) -> Forward {
        self.forwards(name, &[target.to_owned()], proxies).remove(0)
    }

    /// The same for many targets by one process, which the first of them holds.
    pub(crate) fn forwards(&self, name: &str, targets: &[String], proxies: &[SocketAddr]) -> Vec<Forward> {
        let addresses = proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let pairs = targets.iter().flat_map(|target| ["0", target.as_str()]);
        let words: Vec<_> = ["forward"].into_iter().chain(pairs).collect();
        let mut process = Some(Process::start(&format!("forward-{name}"), &self.home, &self.words(&words, &addresses), &[]));
        let mut forward = |target: &String| {
            let line = process.as_mut().map(|process| process.wait_for_line(&format!(" -> {target}"))).expect("it is taken at the end");
            let (address, shown) = line.split_once(" -> ").expect("an address and a target");
            assert_eq!(shown, target);
            Forward { process: None, address: address.parse().expect("an address"), target: target.clone() }
        };
        let mut forwards: Vec<_> = targets.iter().map(&mut forward).collect();
        forwards[0].process = process;
        forwards
    }

    fn words<'a>(&'a self, verb: &[&'a str], proxies: &'a str) -> Vec<&'a str> {
        let options = ["--config", text(&self.config), "--identity", text(&self.identity)];
        // None: where the identity says.
        let entrance = if proxies.is_empty() { Vec::new() } else { vec!["--proxy", proxies] };
        [verb, &options, &entrance].concat()
    }
}

/// A `warren connect` that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Open {
    child: Child,
    /// Its standard input, until it is taken and dropped.
    pub(crate) input: Option<ChildStdin>,
    /// Its standard output, until it is taken and dropped.
    pub(crate) output: Option<ChildStdout>,
}

impl Open {
    /// Reads one byte of its output: the dial has connected.
    pub(crate) fn read_byte(&mut self) -> u8 {
        let mut byte = [0];
        self.output().read_exact(&mut byte).expect("a byte");
        byte[0]
    }

    /// Reads its output to the end.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.output().read_to_end(&mut bytes).expect("its output");
        bytes
    }

    fn output(&mut self) -> &mut ChildStdout {
        self.output.as_mut().expect("it is a pipe that was not taken")
    }

    /// What it says in the end.
    pub(crate) fn errors(&mut self) -> String {
        let errors = self.child.stderr.take().expect("it was not asked before");
        std::io::read_to_string(errors).expect("text")
    }

    /// Sends it a signal by name, such as `HUP`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {}", self.child.id())).status().expect("a shell");
        assert!(sent.success(), "no signal was sent");
    }

    /// Waits for its exit status.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        wait_for("`warren connect` ends", || self.child.try_wait().expect("its status")).code()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // It fails only if the process has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A `warren forward` that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Forward {
    /// None where another one of the same process has it.
    process: Option<Process>,
    address: SocketAddr,
    target: String,
}

impl Forward {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// A connection through it, on which nothing waits for ever.
    ///
    /// # Errors
    /// The socket's: a reset dial may be one already.
    pub(crate) fn try_connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, LONG)?;
        stream.set_read_timeout(Some(LONG))?;
        stream.set_write_timeout(Some(LONG))?;
        Ok(stream)
    }

    /// The same, expected to work.
    pub(crate) fn connect(&self) -> TcpStream {
        self.try_connect().expect("its port is open")
    }

    /// What it has logged last.
    pub(crate) fn last_words(&self) -> String {
        let log = self.process.as_ref().map(Process::log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(4)..].join(" / ")
    }

    /// Its process.
    pub(crate) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it is the first of its process")
    }
}
