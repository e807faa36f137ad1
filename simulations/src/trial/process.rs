//! One run in a process of its own.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::subject::Subject;
use crate::run::Report;
use crate::stopwatch::Stopwatch;

/// A run that takes longer hangs: it usually takes seconds.
pub const HANG: Duration = Duration::from_secs(120);
/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(5);
/// Most lines that are kept of what a process said when it died.
const LINES: usize = 30;

/// The program that runs plans: this one.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    hang: Duration,
}

/// What a run in a process has come to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was run.
    pub subject: Subject,
    /// What it has told; of a process that died or hung only the violation that this is.
    pub report: Report,
}

impl Verdict {
    /// The invariant that was violated, if one was.
    pub fn invariant(&self) -> Option<&str> {
        self.report.violation.as_ref().map(|(invariant, _)| invariant.as_str())
    }
}

impl Program {
    /// This program, with runs that take longer than `hang` ended.
    ///
    /// # Errors
    /// The system's, which does not know its path.
    pub fn this(hang: Duration) -> io::Result<Self> {
        Ok(Self { path: std::env::current_exe()?, hang })
    }

    /// Runs it, and waits.
    pub fn run(&self, subject: Subject) -> Verdict {
        self.run_with(subject, &[])
    }

    /// Runs it with further words, and waits.
    pub fn run_with(&self, subject: Subject, further: &[OsString]) -> Verdict {
        let report = self.attempt(&subject, further).unwrap_or_else(|error| broken("harness", error.to_string(), String::new()));
        Verdict { subject, report }
    }

    fn attempt(&self, subject: &Subject, further: &[OsString]) -> io::Result<Report> {
        // Files, and not pipes: nobody needs to read them while it runs.
        let home = tempfile::tempdir()?;
        let (told, cried) = (home.path().join("told"), home.path().join("cried"));
        let mut command = Command::new(&self.path);
        command.args(subject.words()).args(further).arg("--json");
        // What it leaves behind when it is ended is removed with the rest.
        command.env("TMPDIR", home.path()).stdin(Stdio::null()).stdout(File::create(&told)?).stderr(File::create(&cried)?);
        let ended = self.wait(command.spawn()?)?;
        let (told, cried) = (std::fs::read_to_string(told)?, String::from_utf8_lossy(&std::fs::read(cried)?).into_owned());
        Ok(judge(ended, &told, cried, self.hang))
    }

    /// How it has ended; `None` when it hung.
    fn wait(&self, mut child: Child) -> io::Result<Option<ExitStatus>> {
        let began = Stopwatch::start();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if began.elapsed() > self.hang {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            sleep(LOOK);
        }
    }
}

/// What a process has told, and how it has ended, as a report.
fn judge(ended: Option<ExitStatus>, told: &str, cried: String, hang: Duration) -> Report {
    let Some(status) = ended else { return broken("hang", format!("it did not end within {hang:?}"), cried) };
    match serde_json::from_str(told) {
        Ok(report) => report,
        Err(_) if cried.contains("panicked at") => broken("N3", "a panic ended the process".to_owned(), cried),
        Err(_) => broken("harness", format!("no report, {status}"), cried),
    }
}

fn broken(invariant: &str, what: String, cried: String) -> Report {
    let lines: Vec<_> = cried.lines().map(str::to_owned).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].to_vec();
    Report { violation: Some((invariant.to_owned(), what)), last, ..Report::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, hang: Duration) -> Report {
        // The words of the subject are arguments that a shell's script need not look at.
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        let program = Program { path: "/bin/sh".into(), hang };
        let told = home.path().join("told");
        let cried = home.path().join("cried");
        let mut command = Command::new(&program.path);
        command.arg(&path).stdout(File::create(&told).expect("a file")).stderr(File::create(&cried).expect("a file"));
        let ended = program.wait(command.spawn().expect("a shell")).expect("an end");
        let read = |path| std::fs::read_to_string(path).expect("a text");
        judge(ended, &read(told), read(cried), hang)
    }

    #[test]
    fn what_a_process_tells_is_its_report() {
        let report = Report { seed: 5, served: 3, ..Report::default() };
        let text = serde_json::to_string(&report).expect("JSON");
        assert_eq!(shell(&format!("echo '{text}'"), HANG), report);
    }

    #[test]
    fn a_process_that_dies_or_hangs_is_a_violation() {
        let violated = |report: &Report| report.violation.as_ref().map(|(invariant, _)| invariant.clone());
        let panicked = shell("seq 100 >&2; echo \"thread 'simulation' panicked at x.rs:1\" >&2; exit 101", HANG);
        assert_eq!((violated(&panicked).as_deref(), panicked.last.len()), (Some("N3"), LINES));
        assert!(panicked.last.last().is_some_and(|line| line.contains("x.rs:1")));
        assert_eq!(violated(&shell("kill -9 $$", HANG)).as_deref(), Some("harness"));
        assert_eq!(violated(&shell("echo '{'", HANG)).as_deref(), Some("harness"));
        assert_eq!(violated(&shell("exec sleep 1000", Duration::from_millis(50))).as_deref(), Some("hang"));
    }
}
