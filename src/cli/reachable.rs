//! `warren ping` without a target: what a client may reach.

use super::context::Context;
use super::output::{Show, Width, lines};
use super::run::GOODBYE;
use super::signals::Signals;
use super::table::{Cell, Table, Tone};
use super::{CliError, Exit};
use crate::api::{ReachableRow, Schema, ServicesView};
use crate::client::{Session, services};
use crate::config::Config;
use crate::failure::{Code, Failure, Stage};
use crate::telemetry::Colour;
use crate::wire::Reachable;

/// Asks, and shows it.
pub(super) async fn show(session: &Session, (config, context): (&Config, &Context), signals: &mut Signals) -> Result<Exit, CliError> {
    let asked = tokio::select! {
        asked = services(session, config.limits.dial_timeout) => asked,
        () = signals.any() => Err(Failure::new(Code::Other, Stage::Local, "interrupted before there was an answer")),
    };
    session.close(GOODBYE).await;
    let (services, more) = asked?;
    let row =
        |Reachable { agent, service, online }: Reachable| ReachableRow { target: format!("{agent}/{service}"), agent, service, online };
    context.output().show(&ServicesView { schema: Schema, services: services.into_iter().map(row).collect(), more })?;
    Ok(Exit::Success)
}

impl Show for ServicesView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        if self.services.is_empty() {
            return "nothing is published that this client may reach\nhint: on a proxy's machine `warren clients show NAME` says what it may, `warren agents ls -o wide` what is published\n".to_owned();
        }
        let mut table = Table::new(&["SERVICE", "STATE"]);
        for row in &self.services {
            let (state, tone) = if row.online { ("online", Tone::Good) } else { ("offline", Tone::Bad) };
            table.row(vec![Cell::plain(&row.target), Cell::new(&state, tone)]);
        }
        let more = if self.more { "... and more, which are not listed\n" } else { "" };
        table.render(colour) + more
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.services)
    }
}
