//! A test in namespaces of its own: whatever becomes of it, its mounts and its processes go with it.

use std::env;
use std::process::{Command, Stdio};

use super::{installed, is_root, not_run};

/// Tells a test that it runs apart.
const APART: &str = "WARREN_TEST_APART";

/// Runs an ignored test of this program in mount and process namespaces of its own, or says why it does not run.
pub(crate) fn run_apart(test: &str) {
    if !is_root() {
        return not_run(test, "only root may mount");
    }
    let Some(unshare) = installed("unshare").or_else(|| Some("/usr/bin/unshare".into()).filter(|path: &std::path::PathBuf| path.is_file()))
    else {
        return not_run(test, "not installed: unshare");
    };
    let namespaces = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !Command::new(&unshare).args(namespaces).arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return not_run(test, "no mount namespace can be had here");
    }
    let mut command = Command::new(&unshare);
    command.args(namespaces).arg(env::current_exe().expect("this program"));
    let ended =
        command.args(["--exact", test, "--ignored", "--nocapture"]).env(APART, "1").stdin(Stdio::null()).output().expect("a process");
    let (stdout, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{test}: {}\n{stdout}\n{stderr}", ended.status);
    assert!(stdout.contains("1 passed"), "it has run: {stdout}");
}

/// Whether this process was started by [`run_apart`].
pub(crate) fn is_apart() -> bool {
    env::var_os(APART).is_some()
}
