//! A process that is stopped in the middle of its work, and then killed.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use super::Notes;
use super::apart::test_of_this_program;
use super::writing::{NOTES, STORES};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// A running test of this very program, in a process of its own. It is killed and waited for when this is dropped.
pub(crate) struct Stopped {
    child: Child,
}

impl Stopped {
    /// Starts the test, writing to `stores`.
    pub(crate) fn start(test: &str, stores: &[PathBuf], notes: &Notes) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        test_of_this_program(&mut command, test).stdout(Stdio::null());
        command.env(STORES, std::env::join_paths(stores).expect("plain paths")).env(NOTES, notes.path());
        Self { child: command.spawn().expect("a process") }
    }

    /// Waits until so many writes were acknowledged.
    pub(crate) fn wait_for_notes(&mut self, notes: &Notes, count: usize) {
        self.wait_until("more is acknowledged", || notes.read().acknowledged.len() >= count);
    }

    /// Stops it: when this returns, none of its threads does anything any more, not within the kernel either.
    pub(crate) fn stop(&mut self) {
        let id = self.child.id();
        let signalled = Command::new("sh").arg("-c").arg(format!("kill -STOP {id}")).status().expect("a shell");
        assert!(signalled.success(), "it runs");
        self.wait_until("all threads are stopped", || {
            let threads: Vec<_> = fs::read_dir(format!("/proc/{id}/task")).expect("it runs").flatten().collect();
            threads.iter().all(|thread| {
                let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
                status.lines().any(|line| line.starts_with("State:\tT"))
            })
        });
    }

    fn wait_until(&mut self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            let ended = self.child.try_wait().expect("its status");
            assert!(ended.is_none(), "it has ended by itself: {ended:?}");
            assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It fails only if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
