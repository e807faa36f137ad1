//! What a run ran on.

use std::fs;

/// Processor, cores and kernel, from /proc.
pub(super) fn line() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (kernel, load) = (read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"));
    let load = load.split_whitespace().next().unwrap_or("?");
    format!("{model}, {cores} cores, Linux {}, load at the end {load}", kernel.trim())
}
