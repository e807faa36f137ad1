//! Programs that are not ours and may not be installed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::{env, fs, io};

use super::wait_for;

/// Where a program is installed; beside the search path, where Debian keeps what is for administrators and PostgreSQL's servers.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    let mut versions: Vec<_> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    directories.extend(versions.into_iter().rev());
    directories.iter().map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Where each of `programs` is; `None`, and a line that says so, if one is missing.
pub(crate) fn all_installed<const N: usize>(test: &str, programs: [&str; N]) -> Option<[PathBuf; N]> {
    let missing: Vec<_> = programs.into_iter().filter(|program| installed(program).is_none()).collect();
    if !missing.is_empty() {
        not_run(test, &format!("not installed: {}", missing.join(", ")));
        return None;
    }
    Some(programs.map(|program| installed(program).expect("it was there a moment ago")))
}

/// Says that a test did not run. The runner keeps what a passing test prints to itself, so this goes around it.
pub(crate) fn not_run(test: &str, why: &str) {
    // Nothing depends on whether anybody reads it.
    let _ = writeln!(io::stderr().lock(), "NOT RUN: {test}: {why}");
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug)]
pub(crate) struct User {
    /// The login name.
    pub(crate) name: String,
    /// Its number.
    pub(crate) uid: u32,
    /// The number of its group.
    pub(crate) gid: u32,
}

impl User {
    /// The first user for whom `wanted` holds.
    pub(crate) fn find(wanted: impl Fn(&Self) -> bool) -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        users.lines().filter_map(Self::parse).find(wanted)
    }

    /// Who runs the tests.
    pub(crate) fn current() -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let uid = fs::metadata("/proc/self").ok()?.uid();
        Self::find(|user| user.uid == uid)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, uid, gid) = (fields.next()?, fields.nth(1)?, fields.next()?);
        Some(Self { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    }
}

/// A server that is not ours. Dropping it ends it by a signal it takes for an order to stop, and waits for its end.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    stop: &'static str,
    log: PathBuf,
}

impl Server {
    /// Starts `command`, which stops on the signal `stop`, with both outputs in the file `log`.
    pub(crate) fn start(command: &mut Command, stop: &'static str, log: &Path) -> Self {
        let file = fs::File::create(log).expect("a log");
        let child = command.stdout(file.try_clone().expect("a log")).stderr(file).spawn().expect("the server runs");
        Self { child, stop, log: log.to_owned() }
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Panics with its log if it does not run any more.
    pub(crate) fn must_run(&mut self) {
        let ended = self.child.try_wait().expect("its status");
        assert!(ended.is_none(), "{ended:?}: {}", fs::read_to_string(&self.log).unwrap_or_default());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let signalled = Command::new("sh").arg("-c").arg(format!("kill -{} {}", self.stop, self.child.id())).status();
        if signalled.is_ok_and(|status| status.success()) && !std::thread::panicking() {
            wait_for("the server ends", || self.child.try_wait().expect("its status"));
        }
        // It fails only if the server has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
