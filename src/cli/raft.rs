//! `warren raft`.

use clap::{Args, Subcommand};

use super::context::Context;
use super::output::{Show, Width};
use super::recover::RecoverArgs;
use super::table::{Cell, Table};
use super::{CliError, Exit};
use crate::api::{Path, RaftView};
use crate::telemetry::Colour;

/// Show the Raft group as this proxy sees it, and care for it
#[derive(Debug, Args)]
pub(super) struct RaftArgs {
    #[command(subcommand)]
    verb: RaftVerb,
}

#[derive(Debug, Subcommand)]
enum RaftVerb {
    /// Show this proxy's state, its log and who votes
    Status,
    Recover(RecoverArgs),
}

impl RaftArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            RaftVerb::Status => {
                let raft: RaftView = context.admin()?.get_json(Path::Raft).await?;
                context.output().show(&raft).map(|()| Exit::Success)
            }
            RaftVerb::Recover(args) => args.run(context).await,
        }
    }
}

impl Show for RaftView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let headings = ["ID", "STATE", "TERM", "LAST", "COMMITTED", "APPLIED", "SNAPSHOT", "VOTERS", "LEARNERS"];
        let mut table = Table::new(&headings);
        table.row(vec![
            Cell::plain(&self.id),
            Cell::plain(&self.state),
            Cell::plain(&self.term),
            Cell::plain(&self.last_log_index),
            Cell::plain(&self.committed_index),
            Cell::plain(&self.applied_index),
            Cell::optional(self.snapshot_index.as_ref()),
            Cell::list(&self.voters),
            Cell::list(&self.learners),
        ]);
        table.render(colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}
