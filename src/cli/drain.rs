//! `warren proxies drain`, `warren proxies resume`.

use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use tokio::time::{Instant, sleep};
use warren_raft::ProxyName;

use super::context::Context;
use super::error::Hinted;
use super::output::{Show, Width};
use super::progress_line::{ProgressLine, bar};
use super::table::count;
use super::{CliError, Exit};
use crate::api::{DrainRequest, DrainView, Path, ProxyState, ResumeRequest, StatusView};
use crate::telemetry::Colour;

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_millis(250);
/// How long a proxy may give no answer before it is taken to be gone.
const SILENT: Duration = Duration::from_secs(10);

/// Have a proxy give its agents to others, so that its machine can be taken down
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on any proxy's machine. Every agent opens a tunnel at another proxy before it gives up the one at this one; streams run on until `drain_timeout` of that proxy is over, and what is left then is cut. The proxy goes on running, takes a tunnel only from an agent that finds no other proxy, is not ready, and stays so over restarts until `warren proxies resume`. Refused if no other proxy is up and takes tunnels, unless `--yes`."
)]
pub(super) struct DrainArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: ProxyName,
    /// Wait until it has no tunnels and no streams, and say how many were cut
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_WAIT", hide_env_values = true)]
    wait: bool,
    /// Do it also if its agents have nowhere to go
    #[arg(long)]
    yes: bool,
}

/// Take `drain` back, also in the middle of it
#[derive(Debug, Args)]
#[command(after_help = "Run it on any proxy's machine. Agents that have left come back slowly, until it holds as many as the others.")]
pub(super) struct ResumeArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: ProxyName,
}

impl DrainArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let request = DrainRequest { name: self.name.clone(), force: self.yes };
        let mut view: DrainView = context.admin()?.post_json(Path::Drain, &request).await?;
        if self.wait {
            view = wait(context, &self.name).await?;
        }
        context.output().show(&view)?;
        Ok(if self.wait && staying(&view) > 0 { Exit::Degraded } else { Exit::Success })
    }
}

impl ResumeArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let view: DrainView = context.admin()?.post_json(Path::Resume, &ResumeRequest { name: self.name }).await?;
        context.output().show(&view).map(|()| Exit::Success)
    }
}

/// Has a proxy drain whose agents have somewhere to go, and waits until that is over.
pub(super) async fn drained(context: &Context, name: &ProxyName) -> Result<(), CliError> {
    let _: DrainView = context.admin()?.post_json(Path::Drain, &DrainRequest { name: name.clone(), force: false }).await?;
    wait(context, name).await.map(drop)
}

/// Waits until the drain is over: the proxy itself sees to its deadline.
async fn wait(context: &Context, name: &ProxyName) -> Result<DrainView, CliError> {
    let admin = context.admin()?;
    let (mut progress, mut heard, mut most) = (ProgressLine::new(), Instant::now(), 0);
    loop {
        let status: StatusView = admin.get_json(Path::Status).await?;
        let view = status.proxies.into_iter().find(|row| row.name == *name).map(DrainView::from);
        let view = view.ok_or_else(|| ended(format!("proxy `{name}` has left the cluster"), "`warren proxies ls`"))?;
        if view.state != ProxyState::Down {
            heard = Instant::now();
        }
        match &view.drain {
            Some(drain) if drain.done => return Ok(view),
            Some(_) => {}
            None => return Err(ended(format!("the drain of proxy `{name}` was taken back"), "`warren proxies ls`").into()),
        }
        if heard.elapsed() > SILENT {
            let hint = "it drains again when it is started, until `warren proxies resume`: `warren proxies show` shows";
            return Err(ended(format!("proxy `{name}` went down before it was drained"), hint).into());
        }
        let there = view.tunnels.unwrap_or(most) + view.streams.unwrap_or_default();
        most = most.max(there);
        progress.show(format!("draining {name} {} {}", bar(most - there, most), left(&view)));
        sleep(LOOK).await;
    }
}

fn ended(what: String, hint: &str) -> Hinted {
    Hinted { error: anyhow::anyhow!(what), hint: Some(hint.to_owned()) }
}

/// How many tunnels a drain that is over has left where they are.
fn staying(view: &DrainView) -> u64 {
    view.tunnels.filter(|_| view.drain.as_ref().is_some_and(|drain| drain.ordered && drain.done)).unwrap_or_default()
}

/// What is still there.
fn left(view: &DrainView) -> String {
    match (view.tunnels, view.streams) {
        (Some(tunnels), Some(streams)) => format!("{} and {} left", count(tunnels, "tunnel"), count(streams, "stream")),
        _ => "it does not answer".to_owned(),
    }
}

impl Show for DrainView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        let Self { name, state, drain, .. } = self;
        let Some(drain) = drain else {
            return match state {
                ProxyState::Down => format!("proxy {name} takes tunnels again when it is up\n"),
                ProxyState::Draining => format!("proxy {name} takes tunnels again as soon as it hears of it: {}\n", left(self)),
                ProxyState::Isolated => format!("proxy {name} takes tunnels again when it reaches the leader\n"),
                ProxyState::Healthy => format!("proxy {name} takes tunnels again\n"),
            };
        };
        match (drain.ordered, drain.done, drain.cut_streams) {
            (false, ..) => format!("proxy {name} is about to stop: {}; it takes tunnels again when it is started\n", left(self)),
            (true, true, _) if staying(self) > 0 => {
                let verb = if staying(self) == 1 { "stays" } else { "stay" };
                let tunnels = count(staying(self), "tunnel");
                format!(
                    "proxy {name} is drained but for this: {tunnels} {verb}, of agents that reach no other proxy; `warren strategy show` says why\n"
                )
            }
            (true, true, None | Some(0)) => {
                format!("proxy {name} is drained: no stream was cut; `warren proxies resume {name}` takes it back\n")
            }
            (true, true, Some(cut)) => {
                let verb = if cut == 1 { "was" } else { "were" };
                let cut = count(cut, "stream");
                format!("proxy {name} is drained: {cut} {verb} cut at the deadline; `warren proxies resume {name}` takes it back\n")
            }
            (true, false, _) if *state == ProxyState::Down => {
                format!("proxy {name} is down, and drains when it is back; `warren proxies resume {name}` takes that back\n")
            }
            (true, false, _) => format!("proxy {name} is draining: {}; `warren proxies resume {name}` takes it back\n", left(self)),
        }
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}
