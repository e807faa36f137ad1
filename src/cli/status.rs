//! `warren status`.

use clap::Args;

use super::context::Context;
use super::output::{Show, Width};
use super::strategy_shown::strategy;
use super::table::{Cell, Table, Tone, count, paint};
use super::{CliError, Exit};
use crate::api::{Path, ProxyRow, ProxyState, StatusView};
use crate::failure::Printable;
use crate::telemetry::Colour;

/// Show the verdict, what may fail, and the proxies; exit 0 healthy, 3 degraded
#[derive(Debug, Args)]
pub(super) struct StatusArgs {}

impl StatusArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let status: StatusView = context.admin()?.get_json(Path::Status).await?;
        context.output().show(&status)?;
        Ok(if status.healthy { Exit::Success } else { Exit::Degraded })
    }
}

impl Show for StatusView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        let (verdict, tone) = if self.healthy { ("healthy", Tone::Good) } else { ("degraded", Tone::Bad) };
        let leader = self.leader.as_ref().map_or("none", |leader| leader.as_str());
        let mut text = format!("cluster {}: {}\n", Printable(&self.cluster), paint(verdict, tone, colour));
        text += &format!("  leader {leader}, term {}, commit index {}\n", self.term, self.committed_index);
        text += &format!("  {} of {} voters up, tolerates {}\n", self.voters_up, self.voters, count(self.tolerates, "more failure"));
        text += &format!("  {} online, {}, ", count(self.agents, "agent"), count(self.routes, "route"));
        text += &format!("strategy {}\n\n", strategy(&self.strategy));
        text += &proxies(&self.proxies, width, colour);
        for problem in &self.problems {
            // Of a healthy cluster there is only something to know.
            let (word, tone) = if self.healthy { ("notice:", Tone::Warning) } else { ("problem:", Tone::Bad) };
            text += &format!("\n{} {}\n", paint(word, tone, colour), Printable(&problem.message));
            text += &problem.hint.as_ref().map(|hint| format!("hint: {}\n", Printable(hint))).unwrap_or_default();
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

/// The table of proxies.
pub(super) fn proxies(rows: &[ProxyRow], width: Width, colour: Colour) -> String {
    let mut headings = vec!["ID", "NAME", "STATE", "ROLE", "AGENTS", "STREAMS", "RTT", "LAG"];
    if width == Width::Wide {
        headings.extend(["EPOCH", "PEER ADDRESS", "PUBLIC ADDRESSES", "VERSION", "CERTIFICATE UNTIL"]);
    }
    let mut table = Table::new(&headings);
    for row in rows {
        table.row(proxy(row, width));
    }
    table.render(colour)
}

fn proxy(row: &ProxyRow, width: Width) -> Vec<Cell> {
    let tone = match row.state {
        ProxyState::Healthy => Tone::Good,
        ProxyState::Draining => Tone::Warning,
        ProxyState::Isolated | ProxyState::Down => Tone::Bad,
    };
    let role = if row.leader { "leader".to_owned() } else { row.role.to_string() };
    let mut cells = vec![
        Cell::plain(&row.id),
        Cell::plain(&row.name),
        Cell::new(&row.state, tone),
        Cell::plain(&role),
        Cell::plain(&row.agents),
        Cell::optional(row.streams.as_ref()),
        Cell::optional(row.rtt_ms.map(|rtt| format!("{rtt:.1} ms")).as_ref()),
        Cell::optional(row.lag_entries.as_ref()),
    ];
    if width == Width::Wide {
        let addresses = [Cell::plain(&row.peer_address), Cell::list(&row.public_addresses), Cell::plain(&row.version)];
        cells.push(Cell::optional(row.epoch.as_ref()));
        cells.extend(addresses);
        cells.push(Cell::optional(row.certificate.as_ref().map(|certificate| certificate.expires_at).as_ref()));
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_has_no_count() {
        let mut status = crate::api::tests::status();
        status.strategy.kind = "agent_mesh".to_owned();
        let text = status.to_text(Width::Narrow, Colour::Off);
        assert!(text.contains("2 routes, strategy agent_mesh\n"), "{text}");
    }
}
