//! Certificates in `status`: how long they last, and what is wrong long before one ends. Pure.

use std::collections::BTreeMap;

use warren_raft::{ProxyId, Table, Timestamp};

use crate::api::{ProxyCertificate, SerialText, StatusProblem};
use crate::wire::{CertificateReport, Holdings};

/// A rotation of the authority, which is nothing wrong.
pub(super) const ROTATING: &str = "ca_rotating";

/// A proxy's own certificate.
pub(super) fn of_proxy(report: &CertificateReport, now: Timestamp) -> ProxyCertificate {
    ProxyCertificate {
        serial: SerialText(report.own.serial),
        expires_at: report.own.expires_at.into(),
        remaining_seconds: remaining(&report.own, now) / 1000,
        renewal_failed: report.failed.clone(),
    }
}

/// What is wrong, or to be known. `expiring` is how many machines that are connected here are late to renew.
pub(super) fn problems(
    table: &Table,
    reports: &BTreeMap<ProxyId, CertificateReport>,
    (now, expiring): (Timestamp, u64),
) -> Vec<StatusProblem> {
    let mut found: Vec<_> = reports.iter().filter_map(|(id, report)| late(table, *id, report, now)).collect();
    if expiring > 0 {
        found.push(problem(
            "machine_certificates_expiring",
            format!("{expiring} agents or clients that are connected here have not renewed their certificates in time"),
            "`warren ca ls` shows when they end; their logs say why",
        ));
    }
    if let Some(rotation) = table.rotation() {
        let message = format!("the certificate authority is being rotated: {}", rotation.phase);
        found.push(problem(ROTATING, message, "`warren ca status` shows how far it is"));
    }
    found
}

/// A proxy whose certificate ought to have been renewed, with less than a third of its life left.
fn late(table: &Table, id: ProxyId, report: &CertificateReport, now: Timestamp) -> Option<StatusProblem> {
    let left = remaining(&report.own, now);
    if left >= report.own.lifetime_ms / 10 * 3 && (report.failed.is_none() || left >= report.own.lifetime_ms / 3) {
        return None;
    }
    let name = table.proxy(id).map(|proxy| proxy.name.to_string())?;
    let why = report.failed.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = if left == 0 {
        format!("the certificate of proxy `{name}` has ended, and its renewal fails{why}")
    } else {
        format!("the certificate of proxy `{name}` ends in {}, and its renewal fails{why}", span(left))
    };
    Some(problem("certificate_expiring", message, &format!("see the log of `{name}`, and the room and the rights of its data directory")))
}

fn remaining(holds: &Holdings, now: Timestamp) -> u64 {
    holds.expires_at.0.saturating_sub(now.0)
}

fn span(ms: u64) -> String {
    humantime::format_duration(std::time::Duration::from_secs(ms / 1000)).to_string()
}

fn problem(code: &str, message: String, hint: &str) -> StatusProblem {
    StatusProblem { code: code.to_owned(), message, hint: Some(hint.to_owned()) }
}

#[cfg(test)]
mod tests {
    use warren_raft::command::Bootstrap;
    use warren_raft::{ClusterId, Command, Incarnation, KeyHash, Proposal, Serial, Strategy};

    use super::*;

    const ME: ProxyId = ProxyId(1);

    fn table() -> Table {
        let (id, name, proxy) = (ClusterId([7; 16]), "warren".to_owned(), "proxy-1".parse().expect("a name"));
        let (ca_certificate, ca_key, strategy, key) = (vec![1], vec![2], Strategy::default(), KeyHash([1; 32]));
        let bootstrap = Command::Bootstrap(Box::new(Bootstrap { id, name, ca_certificate, ca_key, strategy, proxy, key }));
        let mut table = Table::default();
        let commands = vec![bootstrap];
        let answers = table.apply(&Proposal { proposer: ME, incarnation: Incarnation(1), number: 1, at: Timestamp(1), commands });
        assert!(answers.iter().all(Result::is_ok));
        table
    }

    /// A certificate that lives for 300 s and ends at 300.
    fn report(failed: Option<&str>) -> CertificateReport {
        let own =
            Holdings { serial: Serial([1; 16]), expires_at: Timestamp(300_000), lifetime_ms: 300_000, issuer: None, trusted: Vec::new() };
        CertificateReport {
            index: 1,
            own,
            lifetime_ms: 300_000,
            failed: failed.map(str::to_owned),
            ready: 0,
            clients_ready: Vec::new(),
            lagging: 0,
            laggards: Vec::new(),
            rotation: None,
        }
    }

    #[test]
    fn a_certificate_that_is_not_renewed_is_a_problem_long_before_it_ends() {
        let full = Some("no space left");
        let table_of = [
            (0, None, None),
            (199, full, None),
            (201, full, Some("ends in 1m 39s, and its renewal fails: no space left")),
            (205, None, None),
            (211, None, Some("ends in 1m 29s, and its renewal fails")),
            (301, full, Some("has ended, and its renewal fails: no space left")),
        ];
        for (at, failed, expected) in table_of {
            let found = problems(&table(), &BTreeMap::from([(ME, report(failed))]), (Timestamp(at * 1000), 0));
            assert_eq!(found.len(), usize::from(expected.is_some()), "{at}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!((found.code.as_str(), found.message.ends_with(expected)), ("certificate_expiring", true), "{found:?}");
                assert!(found.hint.is_some());
            }
        }
    }

    #[test]
    fn machines_that_are_late_are_counted() {
        let found = problems(&table(), &BTreeMap::new(), (Timestamp(0), 2));
        assert_eq!(found.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["machine_certificates_expiring"]);
    }
}
