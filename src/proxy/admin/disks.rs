//! What is wrong with the disks of a cluster's proxies, and which command to run next. Pure.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use warren_raft::{LEAST_FREE, ProxyId, Table};

use crate::api::StatusProblem;
use crate::wire::peer::{DiskFault, DiskReport, PeerReport};

/// A disk on which there is room yet, but little.
pub(super) const DISK_LOW: &str = "disk_low";
/// Below how many times the least is little.
const PLENTY: u64 = 4;

/// The problems that the proxies' own reports show, worst first.
pub(super) fn problems(table: &Table, reports: &BTreeMap<ProxyId, PeerReport>) -> Vec<StatusProblem> {
    let named = |id: ProxyId| table.proxy(id).map_or_else(|| id.to_string(), |proxy| proxy.name.to_string());
    let broken = reports.iter().filter_map(|(id, report)| Some((named(*id), report.disk.as_ref()?)));
    let (failed, full): (Vec<_>, Vec<_>) = broken.partition(|(_, disk)| disk.fault == DiskFault::Failed);
    failed.into_iter().chain(full).map(|(name, disk)| problem(&name, disk)).collect()
}

/// That the disk of this proxy, at `dir`, has too little room, before a write says so: a cluster where nothing changes writes nothing for hours.
pub(super) fn low(name: &str, dir: &Path, free: Option<u64>) -> Option<StatusProblem> {
    let free = free.filter(|free| *free < LEAST_FREE * PLENTY)?;
    let mib = |bytes: u64| bytes >> 20;
    let (code, what) = if free < LEAST_FREE { ("disk_full", "takes no further record") } else { (DISK_LOW, "is nearly full") };
    Some(StatusProblem {
        code: code.to_owned(),
        message: format!(
            "the disk of proxy `{name}` {what}: {} MiB are free, and nothing is recorded below {} MiB",
            mib(free),
            mib(LEAST_FREE)
        ),
        hint: Some(format!("make room where `df -h {}` on its machine says", dir.display())),
    })
}

fn problem(name: &str, disk: &DiskReport) -> StatusProblem {
    let lasting = humantime::format_duration(Duration::from_secs(disk.seconds));
    let (code, what, hint) = match disk.fault {
        DiskFault::Full => (
            "disk_full",
            "is full",
            format!("make room where `df -h {}` on its machine says; the proxy then goes on by itself within seconds", disk.location),
        ),
        DiskFault::Failed => (
            "disk_failed",
            "has failed, the proxy ends",
            format!("`dmesg` on its machine; on a sound disk `warren proxy` starts it again if `{}` is whole", disk.location),
        ),
    };
    let message = format!("the disk of proxy `{name}` {what} (for {lasting}), nothing is recorded there: {}", disk.reason);
    StatusProblem { code: code.to_owned(), message, hint: Some(hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(disk: Option<DiskFault>) -> PeerReport {
        let disk = disk.map(|fault| DiskReport { fault, location: "/d".to_owned(), reason: "no space left".to_owned(), seconds: 65 });
        PeerReport { disk, ..PeerReport::default() }
    }

    #[test]
    fn little_room_is_told_before_a_write_fails() {
        let code = |mib: Option<u64>| low("p", Path::new("/d"), mib.map(|mib| mib << 20)).map(|problem| problem.code);
        assert_eq!([None, Some(1 << 20), Some(128)].map(code), [const { None }; 3]);
        assert_eq!([Some(127), Some(32)].map(code), [Some(DISK_LOW.to_owned()), Some(DISK_LOW.to_owned())]);
        assert_eq!([Some(31), Some(0)].map(code), [Some("disk_full".to_owned()), Some("disk_full".to_owned())]);
    }

    #[test]
    fn each_disk_that_takes_no_writes_is_a_problem() {
        let reports = [(1, None), (2, Some(DiskFault::Full)), (3, Some(DiskFault::Failed))];
        let reports = reports.into_iter().map(|(id, disk)| (ProxyId(id), report(disk))).collect();
        let found = problems(&Table::default(), &reports);
        assert_eq!(found.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["disk_failed", "disk_full"]);
        assert_eq!(found[1].message, "the disk of proxy `2` is full (for 1m 5s), nothing is recorded there: no space left");
        assert!(found.iter().all(|problem| problem.hint.as_ref().is_some_and(|hint| hint.contains("/d"))));
    }
}
