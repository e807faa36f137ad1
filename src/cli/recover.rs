//! `warren raft recover`.

use clap::Args;

use super::context::Context;
use super::output::{Show, Width};
use super::table::{Tone, count, paint};
use super::{CliError, Exit, UsageError};
use crate::api::{ProxyRole, RecoveryView};
use crate::failure::Printable;
use crate::net::Env;
use crate::proxy::StoppedProxy;
use crate::telemetry::Colour;

/// Make a survivor the only member of its cluster, when so many voters are lost for good that no quorum can come back
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on the machine of a survivor that is stopped, with its `--config`. Without `--yes` it says what it would do and changes nothing. Do it on one survivor alone, the one whose log ends last; every other proxy of the lost group must stay off until its data directory is emptied. They leave the cluster and come back with `warren join` and a new token."
)]
pub(super) struct RecoverArgs {
    /// Do it
    #[arg(long)]
    yes: bool,
}

impl RecoverArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        context.log_as_command(&config)?;
        let env = Env::real();
        let stopped = StoppedProxy::open(&config.proxy.data_dir, &env).await?;
        let output = context.output();
        if !self.yes {
            let planned = RecoveryView::planned(stopped.outlook());
            stopped.leave().await;
            output.show(&planned)?;
            return Err(unconfirmed().into());
        }
        let done = RecoveryView::done(stopped.recover(&env).await?);
        output.show(&done)?;
        Ok(Exit::Success)
    }
}

fn unconfirmed() -> UsageError {
    UsageError {
        message: "nothing was changed: this wants `--yes`".to_owned(),
        hint: "first make sure that the other proxies are off and stay off, and that no other survivor's log ends later".to_owned(),
    }
}

impl Show for RecoveryView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let (is, ended, leave) = if self.done { ("is", "gone", "have left") } else { ("would become", "lost", "leave") };
        let kept = [count(self.agents, "agent"), count(self.clients, "client"), count(self.tokens, "token")].join(", ");
        let mut text = format!("cluster {}: {} {is} a group of one\n", Printable(&self.cluster), self.name);
        text += &format!("  its log ends with entry {} of term {}\n", self.last_log_index, self.last_log_term);
        text += &format!("  the group begins with entry {} of term {}\n", self.index, self.term);
        text += &format!("  {kept}, the authority and the strategy stay as they are\n");
        text += &format!("  {ended}: {}, agents come back by themselves\n", count(self.routes, "route"));
        text += &format!("  {leave} the cluster, and are refused from then on: {}\n", self.dropped());
        text += &format!("{} whatever the lost proxies recorded after that entry is lost\n", paint("warning:", Tone::Warning, colour));
        if self.role == ProxyRole::Learner {
            let warning = paint("warning:", Tone::Warning, colour);
            text += &format!("{warning} {} did not vote: a voter that survived may know more\n", self.name);
        }
        if self.done {
            text += "next:\n  warren proxy --config FILE\n  warren token create --role proxy --config FILE\n";
            text += "and on each further machine, with its data directory emptied:\n  warren join ADDR --token-file FILE --config FILE\n";
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl RecoveryView {
    fn dropped(&self) -> String {
        let names: Vec<_> = self.dropped.iter().map(|dropped| format!("{} (id {})", dropped.name, dropped.id)).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    }
}
