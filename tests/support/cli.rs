//! A verb, or another program, that is run to its end.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use super::wait_for;

/// How a verb ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Its exit status; `None` for a signal.
    pub(crate) status: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// Panics unless it ended with `status` and, if that is a failure, with one clear error: one `error:` line, which has `part`.
    pub(crate) fn must_fail(&self, status: i32, part: &str) {
        assert_eq!(self.status, Some(status), "{self:?}");
        let errors: Vec<_> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        assert!(self.stderr.contains(part), "`{part}` is not in {}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }

    /// Its standard output, if it ended well.
    pub(crate) fn must_succeed(self) -> Vec<u8> {
        assert_eq!(self.status, Some(0), "{self:?}");
        self.stdout
    }

    /// Its standard output as JSON, if it ended well.
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_slice(&self.must_succeed()).expect("JSON")
    }
}

/// Runs `warren WORDS..` with `input` as its whole standard input, and waits for its end.
pub(crate) fn warren(words: &[&str], input: &[u8]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
    command.args(words).env_clear();
    run(command, input)
}

/// Runs `command` with `input` as its whole standard input, and waits for its end.
pub(crate) fn run(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let (mut stdout, mut stderr) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    thread::scope(|scope| {
        scope.spawn(move || {
            // It may end before it has read everything.
            let _ = stdin.write_all(input);
        });
        let output = scope.spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes).expect("its output")
        });
        let errors = scope.spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text).expect("its errors")
        });
        let mut killer = Killer(child);
        let status = wait_for(&format!("{command:?} ends"), || killer.0.try_wait().expect("its status"));
        Ended { status: status.code(), stdout: output.join().expect("a reader"), stderr: errors.join().expect("a reader") }
    })
}

/// Ends the process when the wait for it fails, so that the threads that read from it end too.
struct Killer(std::process::Child);

impl Drop for Killer {
    fn drop(&mut self) {
        // It fails only if the process has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
