//! `warren strategy`.

use std::time::Duration;

use clap::builder::{FalseyValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use tokio::time::{Instant, sleep};
use warren_raft::StrategyKind;

use super::context::Context;
use super::progress_line::ProgressLine;
use super::{CliError, Exit, UsageError};
use crate::api::{Path, StrategyPlan, StrategyRequest, StrategyShown};

/// How often it is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(500);

/// Show and change how agents hold their tunnels
#[derive(Debug, Args)]
pub(super) struct StrategyArgs {
    #[command(subcommand)]
    verb: StrategyVerb,
}

#[derive(Debug, Subcommand)]
enum StrategyVerb {
    Show(ShowArgs),
    Set(SetArgs),
}

/// Show the strategy, how far the agents are with it, and who is stuck and why
#[derive(Debug, Args)]
struct ShowArgs {
    /// Wait until every agent that is online has the tunnels it ought to have; exit 3 if that takes too long
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_WAIT", hide_env_values = true)]
    wait: bool,
    /// How long to wait, such as `30s` or `5m`
    #[arg(long, value_name = "DURATION", default_value = "2m", requires = "wait", value_parser = humantime::parse_duration, env = "WARREN_TIMEOUT", hide_env_values = true)]
    timeout: Duration,
}

/// Change how agents hold their tunnels: they are told at once, open new tunnels first and close none before
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. It is recorded before the command ends; `warren strategy show --wait` waits until the agents have followed. With `--dry-run` it says about how many tunnels each proxy would hold and what would be out of reach after which failure, and changes nothing. If agents would be out of reach at once, since some proxies do not reach each other, it says so and wants `--yes`."
)]
struct SetArgs {
    /// `agent_mesh`: to every proxy; `proxy_peering`: to some, and the others reach the agent through them
    #[arg(value_name = "agent_mesh|proxy_peering", hide_possible_values = true, value_parser = kinds())]
    kind: StrategyKind,
    /// To how many, with `proxy_peering`: 1 to 64, more than there are proxies means all of them; by default what it last was
    #[arg(long, value_name = "N", env = "WARREN_AGENT_CONNECTION_COUNT", hide_env_values = true)]
    agent_connection_count: Option<u32>,
    /// Say what would happen, and change nothing
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_DRY_RUN", hide_env_values = true)]
    dry_run: bool,
    /// Change it even if agents would be out of reach through some proxies
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

/// The kinds by their names: so the parser knows what may have been meant.
fn kinds() -> impl TypedValueParser<Value = StrategyKind> {
    PossibleValuesParser::new(["agent_mesh", "proxy_peering"]).try_map(|name| name.parse::<StrategyKind>())
}

impl StrategyArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            StrategyVerb::Show(args) => args.run(context).await,
            StrategyVerb::Set(args) => args.run(context).await,
        }
    }
}

impl ShowArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (begun, mut line) = (Instant::now(), ProgressLine::new());
        loop {
            let shown: StrategyShown = context.look(Path::Strategy).await?;
            let (is_there, is_over) = (shown.is_converged(), begun.elapsed() >= self.timeout);
            if !self.wait || is_there || is_over {
                line.clear();
                context.output().show(&shown)?;
                return Ok(if self.wait && !is_there { Exit::Degraded } else { Exit::Success });
            }
            line.show(format!("{} agents converged, {} moving, {} stuck", shown.agents.converged, shown.agents.moving, shown.agents.stuck));
            sleep(LOOK.min(self.timeout.saturating_sub(begun.elapsed()))).await;
        }
    }
}

impl SetArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (request, admin, output) = (self.request()?, context.admin()?, context.output());
        if !self.yes {
            let plan: StrategyPlan = admin.post_json(Path::StrategyPlan, &request).await?;
            // What no quorum has confirmed is no reason to refuse: the proxy says first that there is none.
            if self.dry_run || (plan.wants_yes && plan.confirmed) {
                output.show(&plan)?;
                return if self.dry_run { Ok(Exit::Success) } else { Err(unconfirmed().into()) };
            }
        }
        let done: StrategyPlan = admin.post_json(Path::Strategy, &request).await?;
        output.show(&done).map(|()| Exit::Success)
    }

    fn request(&self) -> Result<StrategyRequest, UsageError> {
        let Self { kind, agent_connection_count, yes, .. } = *self;
        let request = StrategyRequest { kind, agent_connection_count, accept_cut_off: yes };
        request.check().map(|()| request).map_err(|error| UsageError {
            message: error.to_string(),
            hint: "`warren strategy set agent_mesh`, or `warren strategy set proxy_peering --agent-connection-count 2`".to_owned(),
        })
    }
}

fn unconfirmed() -> UsageError {
    UsageError {
        message: "nothing was changed: agents would be out of reach at once, and this wants `--yes`".to_owned(),
        hint: "open UDP between the proxies that do not reach each other (3021 by default): `warren status` shows their peer addresses with `-o wide`"
            .to_owned(),
    }
}
