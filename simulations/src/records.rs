//! The record of long sweeps: what each looked at, kept with the commit that it was of.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sweep::{Total, gaps};

/// What no sweep looks at.
pub const NOT_COVERED: &[&str] = &[
    "one process, one thread: races between threads of a proxy, and what `spawn_blocking` reorders",
    "sled itself, and the file systems below it: a simulated disk keeps what the store's disk promises (`raft/tests/power_loss.rs` cuts the power of the real one)",
    "the kernel's sockets: segmentation offload, ECN, buffers that fill up; TCP ingresses and relays to real services",
    "the binaries of an older version beside those of this one (`tests/version_skew.rs` speaks as a later one)",
    "more than five proxies and 50 agents (`cargo sim scale` models as many as there may be)",
    "cryptography: keys are real, and nobody attacks them",
];

/// The title of the page, and of its columns.
const HEAD: &str = "# Records of the simulation

Each row is a soak: `cargo sim soak --minutes M` adds it. The JSON file that it names holds all that was counted, and the first violations with the commands that show them again. A row without any says that none was found under these
faults; it does not say that there is none.

";
const COLUMNS: &str = "| commit | day | seeds | simulated hours | times the clock | crashes | network faults | pauses and clocks | disk faults | elections | registrations acknowledged | dials served | bytes compared | violated | all |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|
";

/// A long sweep.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The commit that was checked out.
    pub commit: String,
    /// Whether the sources were just those.
    pub modified: bool,
    /// The day.
    pub day: String,
    /// The first seed.
    pub first: u64,
    /// What it came to.
    pub total: Total,
    /// How long half of the runs, 99 of a hundred and all took at most to be whole after their last fault, in milliseconds.
    pub whole_after_ms: [u64; 3],
    /// What did not happen in it and must.
    pub missing: Vec<String>,
    /// What it does not look at.
    pub not_covered: Vec<String>,
}

impl Record {
    /// The record of a sweep of a commit that began with the seed `first`.
    pub fn new((commit, modified): (String, bool), day: String, first: u64, mut total: Total) -> Self {
        let whole_after_ms = [50, 99, 100].map(|percent| total.whole_after(percent));
        // A seed tells again what it told, and the shares are enough.
        total.whole_after_ms.clear();
        for found in &mut total.found {
            found.last.clear();
        }
        let missing = gaps(&total).iter().map(ToString::to_string).collect();
        let not_covered = NOT_COVERED.iter().map(|what| (*what).to_owned()).collect();
        Self { commit, modified, day, first, total, whole_after_ms, missing, not_covered }
    }

    /// Adds it to those in `directory`. Tells the file that holds it.
    ///
    /// # Errors
    /// The directory's.
    pub fn keep(&self, directory: &Path) -> io::Result<PathBuf> {
        std::fs::create_dir_all(directory)?;
        let page = directory.join("README.md");
        let text = match std::fs::read_to_string(&page) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => format!("{HEAD}{}\n{COLUMNS}", not_covered()),
            read => read?,
        };
        let name = format!("{}-{}-{}.json", self.day, self.short(), self.first);
        let path = directory.join(&name);
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        std::fs::write(page, text + &self.row(&name))?;
        Ok(path)
    }

    fn short(&self) -> &str {
        self.commit.get(..10).unwrap_or(&self.commit)
    }

    fn row(&self, name: &str) -> String {
        let Total { runs, sum, violated, elapsed_ms, .. } = &self.total;
        let (hours, ratio) = (sum.simulated_ms as f64 / 3_600_000.0, sum.simulated_ms / elapsed_ms.max(&1));
        let (commit, day, void) = (self.short(), &self.day, if self.missing.is_empty() { "" } else { " (void)" });
        let changed = if self.modified { " and changes" } else { "" };
        format!(
            "| {commit}{changed} | {day} | {runs} | {hours:.1} | {ratio} | {} | {} | {} | {} | {} | {} | {} | {} | {violated}{void} | [{first}]({name}) |\n",
            sum_of(&sum.events, &["crash", "crash_at_point", "wipe", "restart"]),
            sum_with(&sum.events, "network_") + sum_of(&sum.events, &["rebind"]),
            sum_of(&sum.events, &["pause", "wall_step", "clock_rate"]),
            sum_with(&sum.events, "disk_"),
            sum.leaders,
            sum.registrations,
            sum.served,
            sum.compared,
            first = self.first,
        )
    }
}

fn not_covered() -> String {
    let lines: Vec<_> = NOT_COVERED.iter().map(|what| format!("- {what}")).collect();
    format!("Not covered:\n{}\n", lines.join("\n"))
}

fn sum_of(counts: &BTreeMap<String, u64>, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| counts.get(*name)).sum()
}

fn sum_with(counts: &BTreeMap<String, u64>, beginning: &str) -> u64 {
    counts.iter().filter(|(name, _)| name.starts_with(beginning)).map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Report;

    fn record(first: u64) -> Record {
        let events = [("crash", 3), ("wipe", 1), ("network_cut", 4), ("rebind", 2), ("pause", 7), ("disk_full", 5)];
        let events = events.map(|(name, count)| (name.to_owned(), count)).into();
        let sum = Report { simulated_ms: 7_200_000, events, served: 88, compared: 99, registrations: 11, leaders: 6, ..Report::default() };
        let total = Total { runs: 200, sum, elapsed_ms: 100_000, ..Total::default() };
        Record::new(("0123456789abcdef".to_owned(), false), "2026-11-23".to_owned(), first, total)
    }

    #[test]
    fn the_page_says_what_is_not_covered() {
        let page = include_str!("../records/README.md");
        assert!(page.starts_with(&format!("{HEAD}{}\n{COLUMNS}", not_covered())));
    }

    #[test]
    fn each_is_a_row_and_a_file() {
        let home = tempfile::tempdir().expect("a directory");
        for first in [1, 500] {
            let path = record(first).keep(home.path()).expect("kept");
            assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(format!("2026-11-23-0123456789-{first}.json").as_str()));
            let read: Record = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("a record");
            assert_eq!((read.first, read.total.runs, read.not_covered.len()), (first, 200, NOT_COVERED.len()));
        }
        let page = std::fs::read_to_string(home.path().join("README.md")).expect("a page");
        let rows: Vec<_> = page.lines().filter(|line| line.contains("2026-11-23")).collect();
        let row = "| 0123456789 | 2026-11-23 | 200 | 2.0 | 72 | 4 | 6 | 7 | 5 | 6 | 11 | 88 | 99 | 0 (void) | [1](2026-11-23-0123456789-1.json) |";
        assert_eq!((rows.len(), rows[0]), (2, row));
        assert_eq!(page.lines().filter(|line| line.starts_with("| commit")).count(), 1);
    }
}
