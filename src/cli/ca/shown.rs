//! What the verbs of `warren ca` show.

use crate::api::{AuthorityRow, AuthorityView, CertificatesView, RotationView, SerialRevoked};
use crate::cli::output::{Show, Width, lines};
use crate::cli::table::{Cell, Table, Tone, count, paint};
use crate::failure::Printable;
use crate::telemetry::Colour;

/// How much of a fingerprint tells one authority from another.
const SHORT: usize = 16;

/// What a phase does, for people.
fn step(phase: &str) -> &str {
    match phase {
        "trusting" => "1 of 3: everybody learns to trust the new authority",
        "issuing" => "2 of 3: agents and clients get certificates of the new authority",
        "presenting" => "3 of 3: proxies get certificates of the new authority, then the old one is forgotten",
        "returning" => "rolled back: everybody gets certificates of the old authority again",
        other => other,
    }
}

/// How far a rotation is.
pub(super) fn progress(rotation: &RotationView) -> String {
    let RotationView { phase, ready, lagging, away, .. } = rotation;
    let (ready, away) = (count(*ready, "connection"), count(*away, "machine"));
    format!("{}: {ready} ready, {lagging} lagging, {away} away", step(phase))
}

pub(super) fn machine(role: &str, name: &str) -> String {
    format!("{role} `{}`", Printable(name))
}

/// Whether who is away is waited for in this phase: otherwise they follow when they come back.
pub(super) fn holds_up_absent(rotation: &RotationView) -> bool {
    rotation.away > 0 && matches!(rotation.phase.as_str(), "issuing" | "returning")
}

/// What can be done about a rotation that is under way.
fn next(rotation: &RotationView) -> String {
    let is_returning = rotation.phase == "returning";
    let verb = if is_returning { "rollback" } else { "rotate" };
    let back = if is_returning { "" } else { ", `warren ca rollback` takes it back" };
    let anew = if is_returning { "those with a certificate of the new authority" } else { "they" };
    let skip = if holds_up_absent(rotation) {
        format!("; `warren ca {verb} --skip-absent` goes on without the machines that are away: {anew} have to be enrolled again")
    } else {
        String::new()
    };
    format!("`warren ca {verb} --wait` waits for it{back}{skip}")
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..SHORT).unwrap_or(fingerprint)
}

fn authority(row: &AuthorityRow, width: Width) -> Vec<Cell> {
    let does = match (row.issues, row.presented) {
        (true, true) => "issues, presented",
        (true, false) => "issues",
        (false, true) => "presented",
        (false, false) => "trusted",
    };
    let fingerprint = if width == Width::Wide { &row.fingerprint } else { short(&row.fingerprint) };
    vec![Cell::plain(&fingerprint), Cell::plain(&does), Cell::optional(row.expires_at.as_ref())]
}

impl Show for AuthorityView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        let mut table = Table::new(&["AUTHORITY", "DOES", "UNTIL"]);
        self.authorities.iter().for_each(|row| table.row(authority(row, width)));
        let mut text = table.render(colour);
        if let Some(rotation) = &self.rotation {
            text += &format!("\n{} {}\n", paint("rotation:", Tone::Warning, colour), Printable(&progress(rotation)));
            text += &format!("  began {}, this phase {}\n", rotation.began_at, rotation.phase_at);
            for reason in &rotation.waits_for {
                text += &format!("  waits: {}\n", Printable(reason));
            }
            for laggard in &rotation.laggards {
                let why = if laggard.outdated { " (its version of warren does not know of rotations: update it)" } else { "" };
                text += &format!("  lags: {}{why}\n", machine(&laggard.role, &laggard.name));
            }
            for absent in rotation.absent.iter().filter(|_| holds_up_absent(rotation)) {
                text += &format!("  away: {}\n", machine(&absent.role, &absent.name));
            }
            text += &format!("hint: {}\n", next(rotation));
        }
        if !self.revoked.is_empty() {
            let mut table = Table::new(&["REVOKED", "UNTIL"]);
            self.revoked.iter().for_each(|row| table.row(vec![Cell::plain(&row.serial), Cell::plain(&row.until)]));
            text += &format!("\n{}", table.render(colour));
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for CertificatesView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        let mut headings = vec!["ROLE", "NAME", "AT", "SERIAL", "UNTIL"];
        if width == Width::Wide {
            headings.push("AUTHORITY");
        }
        let mut table = Table::new(&headings);
        for row in &self.certificates {
            let mut cells = vec![
                Cell::plain(&row.role),
                Cell::plain(&row.name),
                Cell::plain(&row.proxy),
                Cell::plain(&row.serial),
                Cell::optional(row.expires_at.as_ref()),
            ];
            if width == Width::Wide {
                cells.push(Cell::optional(row.authority.as_ref()));
            }
            table.row(cells);
        }
        table.render(colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.certificates)
    }
}

impl Show for SerialRevoked {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        let holder = self.holder.as_ref().map_or_else(|| "which nobody uses now".to_owned(), |holder| format!("of {}", Printable(holder)));
        format!("certificate {}, {holder}, is refused until {}\n", self.serial, self.until)
            + match self.holder.as_deref().and_then(|holder| holder.split(' ').next()) {
                Some("agent") => {
                    "hint: to bring the machine back, stop the agent, delete `certificate.pem` in its `data_dir`, not its key, and start it with a new token\n"
                }
                Some("client") => {
                    "hint: to bring the machine back, delete `certificate.pem` in its `--identity DIR`, not its key, and enrol it again with a new token\n"
                }
                Some(_) | None => "",
            }
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cli::ca) fn rotation(phase: &str, absent: &[&str], away: u64) -> RotationView {
        let absent = absent.iter().map(|name| crate::api::AbsentRow { role: "agent".to_owned(), name: (*name).to_owned() }).collect();
        let view = crate::api::tests::authority().rotation.expect("a rotation");
        RotationView { phase: phase.to_owned(), absent, away, laggards: Vec::new(), waits_for: vec!["somebody is away".to_owned()], ..view }
    }

    #[test]
    fn what_is_said_of_those_that_are_away_can_be_done() {
        for (phase, away, command) in [
            ("issuing", 1, Some("`warren ca rotate --skip-absent`")),
            ("returning", 1, Some("`warren ca rollback --skip-absent`")),
            ("issuing", 0, None),
            ("trusting", 1, None),
        ] {
            let hint = next(&rotation(phase, &[], away));
            assert_eq!(hint.contains("--skip-absent"), command.is_some(), "{hint}");
            assert!(command.is_none_or(|command| hint.contains(command)), "{hint}");
            assert_eq!(hint.contains("takes it back"), phase != "returning", "{hint}");
        }
    }

    #[test]
    fn each_phase_says_what_it_does() {
        for phase in ["trusting", "issuing", "presenting", "returning"] {
            assert_ne!(step(phase), phase);
        }
        assert_eq!(step("later"), "later");
    }
}
