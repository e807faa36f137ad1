//! What a process takes, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// The kernel's tick in `/proc/PID/stat`, on every architecture of Linux.
const TICK: Duration = Duration::from_millis(10);

/// What a process has taken so far, and what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Time on a processor, in user and kernel mode.
    pub(crate) cpu: Duration,
    /// Memory, as resident size.
    pub(crate) resident: u64,
    /// The most memory since it was last forgotten.
    pub(crate) peak: u64,
}

impl Usage {
    /// That of a process.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("process {pid} is not there"));
        let (stat, status) = (read("stat")?, read("status")?);
        // The name in the second field may have blanks; user and system time are the 14th and the 15th.
        let fields = stat.rsplit_once(')').context("no name in /proc/PID/stat")?.1.split_whitespace();
        let ticks: u32 = fields.skip(11).take(2).map(str::parse::<u32>).sum::<Result<_, _>>()?;
        Ok(Self { cpu: TICK * ticks, resident: kilobytes(&status, "VmRSS:")?, peak: kilobytes(&status, "VmHWM:")? })
    }

    /// Forgets the most memory that a process had.
    pub(crate) fn forget_peak(pid: u32) -> anyhow::Result<()> {
        fs::write(format!("/proc/{pid}/clear_refs"), "5").with_context(|| format!("the peak of process {pid} cannot be forgotten"))
    }
}

fn kilobytes(status: &str, name: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name} in /proc/PID/status"))?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
