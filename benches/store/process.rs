//! A member in a process of its own, seen from the benchmark.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, bail};

use super::order::{Answer, Order, Settings};

/// Longer than any order takes, the registration of a million routes included.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running member. It is killed and waited for when this is dropped.
pub(crate) struct Process {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    number: u64,
}

impl Process {
    /// Starts it; its first answer says that it is ready.
    pub(crate) fn start(settings: &Settings) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--member")
            .arg(serde_json::to_string(settings)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a member does not start")?;
        let (sender, answers) = channel();
        let output = child.stdout.take();
        let orders = child.stdin.take();
        let process = Self { child, orders, answers, number: settings.number };
        let output = BufReader::new(output.context("a member without an output")?);
        // The thread ends with the process whose output it reads.
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(process)
    }

    /// Gives an order; [`answer`](Self::answer) waits for what comes of it.
    pub(crate) fn give(&mut self, order: &Order) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        let orders = self.orders.as_mut().context("the member was told to stop")?;
        orders.write_all(line.as_bytes()).with_context(|| format!("member {} is gone", self.number))
    }

    /// The next answer.
    pub(crate) fn answer(&self) -> anyhow::Result<Answer> {
        let line = self.answers.recv_timeout(PATIENCE).with_context(|| format!("member {} does not answer", self.number))?;
        let answer = serde_json::from_str(&line).with_context(|| format!("member {} said `{line}`", self.number))?;
        if let Answer::Failed { why } = answer {
            bail!("member {}: {why}", self.number);
        }
        Ok(answer)
    }

    /// Gives an order and waits until it is done.
    pub(crate) fn ask(&mut self, order: &Order) -> anyhow::Result<Answer> {
        self.give(order)?;
        self.answer()
    }

    /// Lets it stop in good order: its orders have ended.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.orders.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { bail!("member {} ended with {status}", self.number) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
