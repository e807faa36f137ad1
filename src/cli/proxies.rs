//! `warren proxies`.

use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::time::timeout;
use warren_raft::ProxyName;

use super::context::Context;
use super::drain::{self, DrainArgs, ResumeArgs};
use super::error::Hinted;
use super::output::{Show, Width, lines};
use super::status::proxies;
use super::table::{Cell, Table, count};
use super::{CliError, Exit, UsageError};
use crate::api::{
    DrainView, IngressRow, Path, ProxiesView, ProxyRow, ProxyState, ProxyView, RemovalPlan, RemovalRequest, RemovalView, Schema, StatusView,
};
use crate::http::{ClientError, StatusCode};
use crate::telemetry::Colour;

/// How long a proxy that is to be removed may take to drain: it sees to its `drain_timeout` itself, if it does what it should.
const DRAINED: Duration = Duration::from_secs(300);

/// List proxies, and take one out of service or out of the cluster
#[derive(Debug, Args)]
pub(super) struct ProxiesArgs {
    #[command(subcommand)]
    verb: ProxiesVerb,
}

#[derive(Debug, Subcommand)]
enum ProxiesVerb {
    /// List the proxies of the cluster, up or not
    Ls,
    /// Show one proxy
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: ProxyName,
    },
    Drain(DrainArgs),
    Resume(ResumeArgs),
    Rm(RmArgs),
}

/// Take a proxy out of the cluster for good, whether it runs or not
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. A proxy that is up is drained first, as `proxies drain` does, unless `--now`. It gets no agents any more, its vote goes to another one or is given up, and its identity is refused from then on; if it runs, it ends. Its name is free again. Without `--yes` it says what it would do, or why it would refuse, and changes nothing."
)]
struct RmArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: ProxyName,
    /// Do it
    #[arg(long)]
    yes: bool,
    /// Do not drain it first: what runs over it is cut. For a machine that was stolen, or does not do what it should
    #[arg(long)]
    now: bool,
}

impl ProxiesArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            ProxiesVerb::Ls => {
                let status: StatusView = context.look(Path::Status).await?;
                context.output().show(&ProxiesView { schema: Schema, proxies: status.proxies })?;
            }
            ProxiesVerb::Show { name } => {
                let proxy = find(context, &name).await?;
                context.output().show(&ProxyView { schema: Schema, proxy })?;
            }
            ProxiesVerb::Drain(args) => return args.run(context).await,
            ProxiesVerb::Resume(args) => return args.run(context).await,
            ProxiesVerb::Rm(args) => return args.run(context).await,
        }
        Ok(Exit::Success)
    }
}

impl RmArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if !self.yes {
            let row = find(context, &self.name).await?;
            let plan: RemovalPlan = context.admin()?.post_json(Path::RemovalCheck, &RemovalRequest { name: self.name }).await?;
            return Err(unconfirmed(&row, &plan).into());
        }
        if !self.now {
            self.give_away(context).await?;
        }
        let removed: RemovalView = context.admin()?.post_json(Path::Removal, &RemovalRequest { name: self.name }).await?;
        context.output().show(&removed).map(|()| Exit::Success)
    }
}

impl RmArgs {
    /// Has the proxy give its agents to others, if it is up and can: one that may not be removed goes on as it is.
    async fn give_away(&self, context: &Context) -> Result<(), CliError> {
        let row = find(context, &self.name).await?;
        let is_drained = row.drain.as_ref().is_some_and(|drain| drain.ordered && drain.done);
        if is_drained || !matches!(row.state, ProxyState::Healthy | ProxyState::Draining) {
            return Ok(());
        }
        let _: RemovalPlan = context.admin()?.post_json(Path::RemovalCheck, &RemovalRequest { name: self.name.clone() }).await?;
        let drained = timeout(DRAINED, drain::drained(context, &self.name)).await.unwrap_or_else(|_| {
            let hint = format!(
                "`warren proxies rm {0} --yes --now` cuts what is left, `warren proxies resume {0}` takes the drain back",
                self.name
            );
            Err(Hinted { error: anyhow::anyhow!("proxy `{}` is not drained yet, and was not removed", self.name), hint: Some(hint) }.into())
        });
        match drained {
            // Its agents have nowhere to go: it goes all the same, as it was said to.
            Err(CliError::Client(ClientError::Declined { status: StatusCode::CONFLICT, .. })) => Ok(()),
            drained => drained,
        }
    }
}

async fn find(context: &Context, name: &ProxyName) -> Result<ProxyRow, CliError> {
    let status: StatusView = context.look(Path::Status).await?;
    let row = status.proxies.into_iter().find(|row| row.name == *name);
    row.ok_or_else(|| {
        let hint = Some("`warren proxies ls` lists them".to_owned());
        ClientError::Declined { status: StatusCode::NOT_FOUND, message: format!("there is no proxy `{name}`"), hint }.into()
    })
}

/// What would happen.
fn unconfirmed(row: &ProxyRow, plan: &RemovalPlan) -> UsageError {
    let role = if row.leader { "the leader".to_owned() } else { format!("a {}", row.role) };
    UsageError {
        message: format!(
            "nothing was changed: this would take proxy `{}` (id {}, {role}, {}) out of the cluster for good, with the tunnels of {}; {} would remain, of which {} may then fail",
            row.name,
            row.id,
            row.state,
            count(row.agents, "agent"),
            count(plan.voters, "voter"),
            if plan.tolerates == 0 { "none".to_owned() } else { plan.tolerates.to_string() },
        ),
        hint: format!("`warren proxies rm {} --yes` does it", row.name),
    }
}

impl Show for ProxiesView {
    fn to_text(&self, width: Width, colour: Colour) -> String {
        proxies(&self.proxies, width, colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.proxies)
    }
}

impl Show for ProxyView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let mut table = proxies(std::slice::from_ref(&self.proxy), Width::Wide, colour);
        if !self.proxy.ingress.is_empty() {
            table = format!("{table}\n{}", ingress(&self.proxy.ingress, colour));
        }
        if self.proxy.drain.is_none() {
            return table;
        }
        let drain = DrainView::from(self.proxy.clone());
        format!("{table}\n{}", drain.to_text(Width::Wide, colour))
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

/// The ways in of a proxy, and what they let through.
fn ingress(rows: &[IngressRow], colour: Colour) -> String {
    let mut table = Table::new(&["INGRESS", "LISTEN", "AUTHENTICATION", "OPEN TO ANYBODY"]);
    for row in rows {
        table.row(vec![Cell::plain(&row.kind), Cell::plain(&row.listen), Cell::plain(&row.authentication), Cell::list(&row.reach)]);
    }
    table.render(colour)
}

impl Show for RemovalView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        let Self { id, name, .. } = self;
        if self.gone {
            return format!("proxy {name} (id {id}) has left the cluster; if its process runs, it ends by itself within seconds\n");
        }
        format!(
            "proxy {name} (id {id}) is removed and is about to leave the cluster; `warren proxies ls` on another proxy shows when it has\n"
        )
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}
