//! What this process uses of its machine.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// Ticks in a second, as Linux tells user space (`sysconf(_SC_CLK_TCK)`) on every architecture.
const TICKS: u64 = 100;

/// What a process uses of its machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Memory in RAM.
    pub resident_bytes: u64,
    /// Descriptors that are open.
    pub open_fds: u64,
    /// Descriptors that may be.
    pub max_fds: u64,
    /// Threads.
    pub threads: u64,
    /// Processor time, the process's own and the kernel's for it.
    pub cpu: Duration,
}

/// What the system says in `/proc` of this process; `None` where there is none.
pub(super) fn usage() -> Option<ProcessUsage> {
    let stat = parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
    Some(ProcessUsage {
        resident_bytes: resident(&fs::read_to_string("/proc/self/status").ok()?)?,
        open_fds: fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
        // Without a bound, as good as that.
        max_fds: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX >> 11),
        threads: stat.threads,
        cpu: Duration::from_millis(stat.ticks.saturating_mul(1000 / TICKS)),
    })
}

/// Of `/proc/self/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    threads: u64,
    /// Processor time.
    ticks: u64,
}

/// A line as proc(5) describes it.
fn parse(stat: &str) -> Option<Stat> {
    // The name stands in parentheses and may hold anything, parentheses too.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // Field 3 of the manual is the first here.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat { threads: field(20)?, ticks: field(14)?.saturating_add(field(15)?) })
}

/// What is in RAM, in bytes, by `/proc/self/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_proc_is_read() {
        let line = "42 (a) b) S 1 42 42 0 -1 4194560 1000 0 3 0 150 25 0 0 20 0 7 0 12345 100000000 2048 18446744073709551615 1 1";
        assert_eq!(parse(line), Some(Stat { threads: 7, ticks: 175 }));
        for garbled in ["", "42 (a", "42 (a) S 1", "42 (a) S x x x x x x x x x x x x x x x x x x x x x x x x"] {
            assert_eq!(parse(garbled), None, "{garbled}");
        }
        assert_eq!(resident("Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t7\n"), Some(2 << 20));
        assert_eq!(resident("VmRSS:\tmany"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let Some(usage) = usage() else { return };
        assert!(usage.resident_bytes > 1 << 20 && usage.open_fds > 2 && usage.threads > 0, "{usage:?}");
    }
}
