//! `warren status`.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::context::Context;
use super::hung::LOOK;
use super::output::{Show, Width};
use super::strategy_shown::strategy;
use super::table::{Cell, Table, Tone, count, paint};
use super::watching::Watching;
use super::{CliError, Exit};
use crate::api::{Path, ProxyRow, ProxyState, StatusView};
use crate::failure::Printable;
use crate::http::{AdminClient, ClientError};
use crate::net::Env;
use crate::telemetry::Colour;

/// Show the verdict, what may fail, and the proxies; exit 0 healthy, 3 degraded
#[derive(Debug, Args)]
#[command(
    after_help = "It needs no quorum: what the proxy that is asked knows is shown. With `--watch` it is looked once a second until Ctrl-C, also while nobody answers: on a terminal in place, otherwise one after the other, with `-o jsonl` a line for each; the exit status is that of the last look."
)]
pub(super) struct StatusArgs {
    /// Look again and again
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "WARREN_WATCH", hide_env_values = true)]
    watch: bool,
}

impl StatusArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if self.watch {
            return watch(context, &context.admin()?.with_deadline(LOOK)).await;
        }
        let status: StatusView = context.look(Path::Status).await?;
        context.output().show(&status)?;
        Ok(exit(&status))
    }
}

fn exit(status: &StatusView) -> Exit {
    if status.healthy { Exit::Success } else { Exit::Degraded }
}

async fn watch(context: &Context, admin: &AdminClient) -> Result<Exit, CliError> {
    let wall = Env::real().wall;
    let mut watching = Watching::new(context.output())?;
    loop {
        let ended = match admin.get_json::<StatusView>(Path::Status).await {
            Ok(status) => {
                watching.show(&status, wall.now().into())?;
                exit(&status)
            }
            // That does not pass.
            Err(error @ ClientError::NotAllowed(_)) => return Err(error.into()),
            Err(error) => {
                watching.fail(error, wall.now().into())?;
                Exit::Degraded
            }
        };
        if !watching.again().await {
            return Ok(ended);
        }
    }
}

impl Show for StatusView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        let (verdict, tone) = if self.healthy { ("healthy", Tone::Good) } else { ("degraded", Tone::Bad) };
        let leader = self.leader.as_ref().map_or("none", |leader| leader.as_str());
        let mut text = format!("cluster {}: {}\n", Printable(&self.cluster), paint(verdict, tone, colour));
        text += &format!("  leader {leader}, term {}, commit index {}\n", self.term, self.committed_index);
        text += &format!("  {} of {} voters up, tolerates {}\n", self.voters_up, self.voters, count(self.tolerates, "more failure"));
        let joining = self.proxies.iter().filter(|row| row.joining).count() as u64;
        if joining > 0 {
            let who = if joining == 1 { "1 proxy joins: it votes".to_owned() } else { format!("{joining} proxies join: they vote") };
            text += &format!("  {who} once up for `[raft] promote_after`\n");
        }
        text += &format!("  {} online, {} offline{}, ", count(self.agents, "agent"), self.agents_offline, self.last_offline());
        text += &format!("{}, ", count(self.routes, "route"));
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

impl StatusView {
    fn last_offline(&self) -> String {
        let last = self.last_offline.as_ref();
        last.map_or_else(String::new, |last| format!(" (last `{}`, seen {})", last.name, last.last_seen))
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
    let role = match (row.leader, row.joining) {
        (true, _) => "leader".to_owned(),
        (false, true) => "joining".to_owned(),
        (false, false) => row.role.to_string(),
    };
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
