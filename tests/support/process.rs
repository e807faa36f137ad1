//! A process of the binary under test, with its output in files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::wait_for;

/// Most lines of a log that are shown.
const SHOWN_LINES: usize = 12;

/// A `warren` that runs, or has ended. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts `warren WORDS..` without standard input and with an empty environment but for `variables`; `dir` gets its output.
    pub(crate) fn start(name: &str, dir: &Path, words: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_warren")), name, dir, words, variables)
    }

    /// The same, where HUP is ignored from the beginning, or not, whoever runs the tests: `env` has become `warren` then.
    pub(crate) fn start_ignoring_hang_ups(is_ignored: bool, name: &str, dir: &Path, words: &[&str]) -> Self {
        let mut command = Command::new("env");
        let option = if is_ignored { "--ignore-signal=HUP" } else { "--default-signal=HUP" };
        command.args([option, env!("CARGO_BIN_EXE_warren")]);
        Self::start_by(command, name, dir, words, &[])
    }

    fn start_by(mut command: Command, name: &str, dir: &Path, words: &[&str], variables: &[(&str, &str)]) -> Self {
        let path = |ending: &str| dir.join(format!("{name}.{ending}"));
        let (stdout, stderr) = (path("out"), path("log"));
        // A process that is started again goes on writing where the one before it stopped, so that a failure shows both.
        let open = |path: &Path| File::options().create(true).append(true).open(path).expect("an output file");
        let child = command
            .args(words)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(open(&stdout))
            .stderr(open(&stderr))
            .spawn()
            .expect("the binary runs");
        Self { name: name.to_owned(), child, stdout, stderr }
    }

    /// What processes of this name have logged so far.
    pub(crate) fn logged(name: &str, dir: &Path) -> String {
        fs::read_to_string(dir.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it, and those of the same name before it, have written to standard output.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    /// What it, and those of the same name before it, have logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Waits for the first whole line on standard output that has `part`.
    pub(crate) fn wait_for_line(&mut self, part: &str) -> String {
        wait_for(&format!("`{}` prints `{part}`", self.name.clone()), || {
            let (ended, output) = (self.exited(), self.stdout());
            let line = output.split_inclusive('\n').find(|line| line.ends_with('\n') && line.contains(part));
            assert!(line.is_some() || ended.is_none(), "`{}` ended with {ended:?}: {}", self.name, self.log());
            line.map(|line| line.trim_end().to_owned())
        })
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its status")
    }

    /// Panics if it does not run any more.
    pub(crate) fn must_run(&mut self) {
        let ended = self.exited();
        assert!(ended.is_none(), "`{}` ended with {ended:?}", self.name);
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for(&format!("`{}` ends", self.name.clone()), || self.exited())
    }

    /// Ends it as `kill -9` does, and waits for its end.
    pub(crate) fn kill(&mut self) {
        // It fails only if the process has ended by itself.
        let _ = self.child.kill();
        self.child.wait().expect("its end");
    }

    /// Sends it a signal by name, such as `TERM`.
    pub(crate) fn signal(&mut self, signal: &str) {
        self.must_run();
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {}", self.child.id())).status().expect("a shell");
        assert!(sent.success(), "no signal was sent to `{}`", self.name);
    }

    /// Shows the end of its log, for a test that fails, and keeps the whole in the directory that `WARREN_TEST_LOGS` names.
    #[expect(clippy::print_stderr, reason = "the test runner shows it with the failure")]
    pub(crate) fn show(&self) {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        eprintln!("---- {} ({} lines) ----", self.stderr.display(), lines.len());
        for line in lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES)) {
            eprintln!("{line}");
        }
        if let (Some(kept), Some(name)) = (std::env::var_os("WARREN_TEST_LOGS"), self.stderr.file_name()) {
            // It is of the test's directory, whose name tells runs apart.
            let of = self.stderr.parent().and_then(Path::file_name).unwrap_or_default();
            let place = Path::new(&kept).join(of);
            let copied = fs::create_dir_all(&place).and_then(|()| fs::copy(&self.stderr, place.join(name)));
            if let Err(error) = copied {
                eprintln!("not kept in {}: {error}", place.display());
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.show();
        }
    }
}
