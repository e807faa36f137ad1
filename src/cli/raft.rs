//! `warren raft`.

use clap::{Args, Subcommand};
use warren_raft::ProxyName;

use super::context::Context;
use super::output::{Show, Width};
use super::recover::RecoverArgs;
use super::snapshot::SnapshotArgs;
use super::table::{Cell, Table};
use super::{CliError, Exit};
use crate::api::{Path, RaftView, TransferRequest, TransferView};
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
    /// Hand leadership over to another voter, so that the leader's machine can be taken down without an election
    TransferLeader {
        /// The proxy that is to lead; otherwise whichever voter is best prepared
        #[arg(value_name = "NAME")]
        name: Option<ProxyName>,
    },
    Snapshot(SnapshotArgs),
    Recover(RecoverArgs),
}

impl RaftArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            RaftVerb::Status => {
                let raft: RaftView = context.look(Path::Raft).await?;
                context.output().show(&raft).map(|()| Exit::Success)
            }
            RaftVerb::TransferLeader { name } => {
                let handed_over: TransferView = context.admin()?.post_json(Path::Transfer, &TransferRequest { to: name }).await?;
                context.output().show(&handed_over).map(|()| Exit::Success)
            }
            RaftVerb::Snapshot(args) => args.run(context).await,
            RaftVerb::Recover(args) => args.run(context).await,
        }
    }
}

impl Show for RaftView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let headings = ["ID", "STATE", "TERM", "LAST", "COMMITTED", "APPLIED", "SNAPSHOT", "VOTERS", "LEARNERS", "LEVEL"];
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
            Cell::plain(&self.feature_level),
        ]);
        let held_back = match &self.held_back_by[..] {
            [] => String::new(),
            names => {
                let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                format!("\nfeature level {} waits for {}: update warren there\n", self.known_feature_level, names.join(", "))
            }
        };
        table.render(colour) + &held_back
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for TransferView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        format!("proxy {} leads, after {}; it took {} ms\n", self.to, self.from, self.took_ms)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}
