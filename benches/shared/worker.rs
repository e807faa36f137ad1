//! A process of the benchmark's own program that does what it is told over its standard input, a JSON object a line.

use std::io::{BufRead, BufReader, Write};
use std::marker::PhantomData;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// Longer than any order takes, the registration of a million routes included.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running worker, which takes `O` and answers each with an `A`. It is killed and waited for when this is dropped.
pub(crate) struct Worker<O, A> {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    name: String,
    of: PhantomData<fn(O) -> A>,
}

impl<O: Serialize, A: DeserializeOwned> Worker<O, A> {
    /// Starts this program as `ROLE SETTINGS`; its first answer says that it is ready.
    /// It has these variables in its environment, beside the benchmark's own.
    pub(crate) fn start(role: &str, settings: &impl Serialize, name: String, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(role)
            .arg(serde_json::to_string(settings)?)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let (sender, answers) = channel();
        let output = child.stdout.take();
        let orders = child.stdin.take();
        let worker = Self { child, orders, answers, name, of: PhantomData };
        let output = BufReader::new(output.context("a worker without an output")?);
        // The thread ends with the process whose output it reads.
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(worker)
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Gives an order; [`answer`](Self::answer) waits for what comes of it.
    pub(crate) fn give(&mut self, order: &O) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        let orders = self.orders.as_mut().context("it was told to stop")?;
        orders.write_all(line.as_bytes()).with_context(|| format!("{} is gone", self.name))
    }

    /// The next answer.
    pub(crate) fn answer(&self) -> anyhow::Result<A> {
        let line = self.answers.recv_timeout(PATIENCE).with_context(|| format!("{} does not answer", self.name))?;
        let answer: Result<A, String> = serde_json::from_str(&line).with_context(|| format!("{} said `{line}`", self.name))?;
        answer.map_err(|why| anyhow::anyhow!("{}: {why}", self.name))
    }

    /// Gives an order and waits until it is done.
    pub(crate) fn ask(&mut self, order: &O) -> anyhow::Result<A> {
        self.give(order)?;
        self.answer()
    }

    /// Lets it stop in good order: its orders have ended.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.orders.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { bail!("{} ended with {status}", self.name) }
    }
}

impl<O, A> Drop for Worker<O, A> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says, as a worker, what came of an order.
pub(crate) fn say<A: Serialize>(outcome: anyhow::Result<A>) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(&outcome.map_err(|error| format!("{error:#}")))?;
    line.push('\n');
    Ok(std::io::stdout().write_all(line.as_bytes())?)
}

/// A directory for measurements, on the disk that the build is on: what is below `/tmp` may be memory.
pub(crate) fn home() -> anyhow::Result<TempDir> {
    Ok(TempDir::new_in(Path::new(env!("CARGO_TARGET_TMPDIR")))?)
}
