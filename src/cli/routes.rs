//! `warren routes`.

use clap::{Args, Subcommand};

use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table};
use super::{CliError, Exit};
use crate::api::{Path, RoutesView};
use crate::telemetry::Colour;

/// List routes
#[derive(Debug, Args)]
pub(super) struct RoutesArgs {
    #[command(subcommand)]
    verb: RoutesVerb,
}

#[derive(Debug, Subcommand)]
enum RoutesVerb {
    /// List which agent has a tunnel at which proxy, as this proxy knows it
    Ls,
}

impl RoutesArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let RoutesVerb::Ls = self.verb;
        let routes: RoutesView = context.admin()?.get_json(Path::Routes).await?;
        context.output().show(&routes).map(|()| Exit::Success)
    }
}

impl Show for RoutesView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let mut table = Table::new(&["AGENT", "PROXY", "EPOCH", "SEQUENCE", "SINCE"]);
        for route in &self.routes {
            table.row(vec![
                Cell::plain(&route.agent),
                Cell::plain(&route.proxy),
                Cell::plain(&route.epoch),
                Cell::plain(&route.sequence),
                Cell::plain(&route.since),
            ]);
        }
        table.render(colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.routes)
    }
}
