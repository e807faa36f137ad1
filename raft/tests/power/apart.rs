//! A test in a process and a mount namespace of its own: whatever becomes of it, its mounts go with its last process.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use super::image::missing;

/// Tells a process that its standard input ends with its parent.
const PARENT: &str = "WARREN_POWER_LOSS_PARENT";

/// Runs an ignored test of this program apart, or says why it does not run.
pub(crate) fn run_apart(test: &str) {
    if let Some(why) = missing() {
        // The runner keeps what a passing test prints to itself, so this goes around it. Nothing depends on whether anybody reads it.
        let _ = writeln!(std::io::stderr().lock(), "NOT RUN: raft/tests/power_loss.rs, {test}: {why}");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().expect("this program"));
    let mut child = test_of_this_program(&mut command, test).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    // Waiting would end it.
    let _alive = child.stdin.take();
    let Output { status, stdout, stderr } = child.wait_with_output().expect("its end");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{test}: {status}\n{stdout}\n{stderr}");
    assert!(stdout.contains("test result: ok. 1 passed"), "it has run: {stdout}");
}

/// Arguments that run one ignored test, and a standard input that ends when this process does.
pub(super) fn test_of_this_program<'a>(command: &'a mut Command, test: &str) -> &'a mut Command {
    command.args(["--exact", test, "--ignored", "--nocapture"]).stdin(Stdio::piped()).env(PARENT, "1")
}

/// Whether this process was started by [`run_apart`] or for it; it then ends, at the latest, with the one that has started it.
pub(crate) fn ends_with_its_parent() -> bool {
    if std::env::var_os(PARENT).is_none() {
        return false;
    }
    std::thread::spawn(|| {
        // Nobody writes to it; an error says no more than its end.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    true
}
