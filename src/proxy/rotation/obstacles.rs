//! What keeps a rotation from its next phase. Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use warren_raft::{RotationPhase, Timestamp, TokenRole};

use crate::wire::CertificateReport;

/// What is known when it is asked whether the rotation may go on.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Seen {
    /// Which rotation, by when it began, and its phase.
    pub(in crate::proxy) rotation: (Timestamp, RotationPhase),
    /// When the phase began.
    pub(in crate::proxy) phase_at: Timestamp,
    /// Now.
    pub(in crate::proxy) now: Timestamp,
    /// Every proxy of the table, by name, with whether it has what it needs itself and with what it says; `None` of one that does not answer.
    pub(in crate::proxy) proxies: Vec<(String, Option<(Ready, CertificateReport)>)>,
    /// How many agents are enrolled, not online, and may have a certificate that has not ended.
    pub(in crate::proxy) agents_away: u64,
    /// How many clients are enrolled.
    pub(in crate::proxy) clients: u64,
    /// Some of the agents and clients that are not here to follow.
    pub(in crate::proxy) absent: Vec<Absentee>,
}

/// A machine that is enrolled and not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Absentee {
    /// What it is.
    pub(in crate::proxy) role: TokenRole,
    /// Its name.
    pub(in crate::proxy) name: String,
}

/// Whether somebody has what the phase needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Ready {
    /// It has.
    Yes,
    /// Not yet.
    No,
}

/// What becomes of machines that are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Absent {
    /// They are waited for until their certificates have ended by themselves.
    Await,
    /// They have to be enrolled again.
    Skip,
}

/// Something that keeps a rotation from going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Obstacle {
    /// A proxy does not answer.
    Silent(String),
    /// A proxy has not taken the phase in yet.
    Behind(String),
    /// So many connections are of machines that have not got what they need.
    Lagging(u64),
    /// Machines are away, and their certificates may be good until then.
    Away {
        /// How many.
        machines: u64,
        /// Until when, at the latest.
        until: Timestamp,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(proxy) => write!(f, "proxy `{proxy}` does not answer: it must come back, or be removed"),
            Self::Behind(proxy) => write!(f, "proxy `{proxy}` has not taken it in yet"),
            Self::Lagging(1) => f.write_str("1 connection of agents or clients has not followed yet"),
            Self::Lagging(connections) => write!(f, "{connections} connections of agents or clients have not followed yet"),
            Self::Away { machines, until } => {
                let (until, are) =
                    (crate::api::Time::from(*until), if *machines == 1 { "agent or client is" } else { "agents or clients are" });
                write!(f, "{machines} {are} away and may come back with an old certificate until {until}")
            }
        }
    }
}

impl Seen {
    /// What keeps it from going on, the gravest first.
    pub(in crate::proxy) fn obstacles(&self) -> Vec<Obstacle> {
        let mut found = Vec::new();
        for (name, seen) in &self.proxies {
            match seen {
                None => found.push(Obstacle::Silent(name.clone())),
                Some((ready, report)) if *ready == Ready::No || report.rotation != Some(self.rotation) => {
                    found.push(Obstacle::Behind(name.clone()));
                }
                Some(_) => {}
            }
        }
        let lagging = self.lagging();
        if lagging > 0 {
            found.push(Obstacle::Lagging(lagging));
        }
        found.extend(self.away());
        found
    }

    /// Connections of machines that have not what they need.
    pub(in crate::proxy) fn lagging(&self) -> u64 {
        self.reports().map(|report| report.lagging).sum()
    }

    /// Connections of machines that have.
    pub(in crate::proxy) fn ready(&self) -> u64 {
        self.reports().map(|report| report.ready).sum()
    }

    /// Agents and clients that are not here to follow.
    pub(in crate::proxy) fn machines_away(&self) -> u64 {
        self.agents_away + self.clients.saturating_sub(clients_ready(self.reports()).len() as u64)
    }

    /// Who is away matters where a certificate of theirs would be worth nothing afterwards: before the proxies present others, and before the new authority is forgotten.
    fn away(&self) -> Option<Obstacle> {
        let matters = match self.rotation.1 {
            RotationPhase::Issuing | RotationPhase::Returning => true,
            RotationPhase::Trusting | RotationPhase::Presenting => false,
        };
        let machines = self.machines_away();
        let longest = self.reports().map(|report| report.lifetime_ms).max().unwrap_or_default();
        // A certificate counts in whole seconds.
        let until = Timestamp(self.phase_at.0.saturating_add(longest).saturating_add(SECOND));
        (matters && machines > 0 && self.now < until).then_some(Obstacle::Away { machines, until })
    }

    fn reports(&self) -> impl Iterator<Item = &CertificateReport> {
        self.proxies.iter().filter_map(|(_, seen)| seen.as_ref()).map(|(_, report)| report)
    }
}

/// The clients that have what they need at some proxy.
pub(super) fn clients_ready<'a>(reports: impl Iterator<Item = &'a CertificateReport>) -> BTreeSet<&'a str> {
    reports.flat_map(|report| report.clients_ready.iter().map(String::as_str)).collect()
}

const SECOND: u64 = Duration::from_secs(1).as_millis() as u64;

/// Whether nothing else stands in the way than what the operator has decided.
pub(in crate::proxy) fn may_advance(obstacles: &[Obstacle], absent: Absent) -> bool {
    obstacles.iter().all(|obstacle| absent == Absent::Skip && matches!(obstacle, Obstacle::Away { .. }))
}

#[cfg(test)]
mod tests {
    use warren_raft::Serial;

    use super::*;
    use crate::wire::Holdings;
    use RotationPhase::{Issuing, Presenting, Returning, Trusting};

    const BEGAN: Timestamp = Timestamp(1_000);

    fn report(phase: RotationPhase) -> CertificateReport {
        let own = Holdings { serial: Serial([0; 16]), expires_at: Timestamp(0), lifetime_ms: 0, issuer: None, trusted: Vec::new() };
        CertificateReport {
            index: 1,
            own,
            lifetime_ms: 10_000,
            failed: None,
            ready: 1,
            clients_ready: Vec::new(),
            lagging: 0,
            laggards: Vec::new(),
            rotation: Some((BEGAN, phase)),
        }
    }

    fn seen(phase: RotationPhase) -> Seen {
        let proxy = |name: &str| (name.to_owned(), Some((Ready::Yes, report(phase))));
        Seen {
            rotation: (BEGAN, phase),
            phase_at: Timestamp(5_000),
            now: Timestamp(6_000),
            proxies: vec![proxy("a"), proxy("b")],
            agents_away: 0,
            clients: 0,
            absent: Vec::new(),
        }
    }

    #[test]
    fn it_goes_on_when_everybody_is_ready() {
        for phase in [Trusting, Issuing, Presenting, Returning] {
            let found = seen(phase).obstacles();
            assert!(found.is_empty() && may_advance(&found, Absent::Await), "{phase}: {found:?}");
        }
    }

    #[test]
    fn each_obstacle_is_named_and_none_but_absence_can_be_overruled() {
        let mut silent = seen(Issuing);
        silent.proxies[1].1 = None;
        let mut behind = seen(Issuing);
        behind.proxies[0].1 = Some((Ready::No, report(Issuing)));
        let mut earlier = seen(Issuing);
        earlier.proxies[0].1 = Some((Ready::Yes, report(Trusting)));
        let mut another = seen(Issuing);
        another.proxies[0].1 = Some((Ready::Yes, CertificateReport { rotation: Some((Timestamp(1), Issuing)), ..report(Issuing) }));
        let mut lagging = seen(Trusting);
        lagging.proxies[0].1 = Some((Ready::Yes, CertificateReport { lagging: 3, ..report(Trusting) }));
        let away = Seen { agents_away: 2, ..seen(Issuing) };
        let table = [
            (silent, Obstacle::Silent("b".to_owned()), false),
            (behind, Obstacle::Behind("a".to_owned()), false),
            (earlier, Obstacle::Behind("a".to_owned()), false),
            (another, Obstacle::Behind("a".to_owned()), false),
            (lagging, Obstacle::Lagging(3), false),
            (away, Obstacle::Away { machines: 2, until: Timestamp(16_000) }, true),
        ];
        for (seen, obstacle, overruled) in table {
            let found = seen.obstacles();
            assert_eq!(found, std::slice::from_ref(&obstacle));
            assert!(!may_advance(&found, Absent::Await));
            assert_eq!(may_advance(&found, Absent::Skip), overruled, "{obstacle}");
        }
    }

    #[test]
    fn who_is_away_is_awaited_only_where_it_matters_and_as_long_as_certificates_live() {
        let table = [
            (Trusting, 6_000, false),
            (Issuing, 6_000, true),
            (Issuing, 15_999, true),
            (Issuing, 16_000, false),
            (Presenting, 6_000, false),
            (Returning, 6_000, true),
            (Returning, 16_000, false),
        ];
        for (phase, now, waits) in table {
            let seen = Seen { agents_away: 1, now: Timestamp(now), ..seen(phase) };
            assert_eq!(!seen.obstacles().is_empty(), waits, "{phase} at {now}");
        }
    }

    #[test]
    fn a_client_that_is_ready_at_two_proxies_is_one() {
        let mut seen = Seen { clients: 2, ..seen(Issuing) };
        for (_, proxy) in &mut seen.proxies {
            let (_, report) = proxy.as_mut().expect("it answers");
            report.clients_ready = vec!["ann".to_owned()];
        }
        assert_eq!(seen.machines_away(), 1);
    }
}
