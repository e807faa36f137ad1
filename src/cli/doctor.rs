//! `warren doctor`.

use std::io::Write;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::context::Context;
use super::enroll::IdentityArgs;
use super::new_file::NewFile;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table, Tone, count, paint};
use super::{CliError, Exit};
use crate::api::{ClusterSeen, Path, Schema};
use crate::config::{Config, ConfigErrors, Origin, Overrides};
use crate::doctor::{self, Finding, Report, Severity};
use crate::failure::Printable;
use crate::net::Env;
use crate::telemetry::Colour;

/// How long the proxy may take to say how the cluster is.
const ANSWER: Duration = Duration::from_secs(5);

/// Examine this machine: kernel, network, ports, certificate; exit 0, or 3 with a problem
#[derive(Debug, Args)]
#[command(
    after_help = "It shakes hands with every proxy that this machine knows, as the agent or the client that it is. With `--report FILE` all that was found, the keys of the configuration that are set, and how the cluster is by this machine's proxy are kept in a file that holds no key, token or other secret: attach it to a question. It does hold names and addresses."
)]
pub(super) struct DoctorArgs {
    /// Keep everything in a new file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    identity: IdentityArgs,
}

/// The findings as they are shown.
#[derive(Debug, Serialize)]
pub(super) struct DoctorView {
    schema: Schema,
    healthy: bool,
    checks: Vec<Finding>,
}

impl DoctorArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (config, judged, wrong) = configuration(context)?;
        let env = Env::real_with(config.transport.settings());
        // Whoever has no home is no client.
        let client = self.identity.dir().ok();
        let found = doctor::judge(&doctor::gather(&config, client.as_deref(), &context.admin_of(&config), &env).await);
        let view = DoctorView::from([vec![judged], found].concat());
        if let Some(file) = &self.report {
            let report = Report::new(&config, &view.checks, seen(context).await, env.wall.now().into());
            keep(file, &serde_json::to_vec_pretty(&report).map_err(anyhow::Error::from)?)?;
            // The answer is what the verb was asked for.
            let _ = writeln!(std::io::stderr().lock(), "kept in `{}`", file.display());
        }
        context.output().show(&view)?;
        match wrong {
            Some(errors) => Err(errors.into()),
            None => Ok(if view.healthy { Exit::Success } else { Exit::Degraded }),
        }
    }
}

/// The configuration, or that of nobody if it is wrong, what is to be said of it, and what is wrong.
fn configuration(context: &Context) -> Result<(Config, Finding, Option<ConfigErrors>), CliError> {
    let path = context.config_path().map_or_else(|| "no file, `WARREN_*` variables only".to_owned(), |path| format!("{}", path.display()));
    match context.config(&context.overrides()) {
        Ok(config) => {
            let set = config.shown().iter().filter(|shown| shown.origin != Origin::Default).count();
            Ok((config, Finding::ok("configuration", format!("{path}: {} set", count(set as u64, "key"))), None))
        }
        // By the defaults it would be another machine that is judged.
        Err(CliError::Config(errors)) if errors.is_unread() => Err(errors.into()),
        Err(CliError::Config(errors)) => {
            let first = errors.iter().next().map(|error| error.message.clone()).unwrap_or_default();
            let message = format!(
                "{path}: {}, such as: {first}; what follows is judged by the defaults",
                count(errors.iter().count() as u64, "mistake")
            );
            let config = Config::load(None, &Overrides::none("localhost")).map_err(CliError::from)?;
            Ok((config, Finding::problem("configuration", message, "`warren config check` shows each with its line"), Some(errors)))
        }
        Err(error) => Err(error),
    }
}

/// How the cluster is by this machine's proxy.
async fn seen(context: &Context) -> ClusterSeen {
    let admin = match context.admin() {
        Ok(admin) => admin.with_deadline(ANSWER),
        Err(error) => return ClusterSeen { status: None, raft: None, error: Some(error.to_string()) },
    };
    match admin.get_json(Path::Status).await {
        Ok(status) => ClusterSeen { status: Some(status), raft: admin.get_json(Path::Raft).await.ok(), error: None },
        Err(error) => ClusterSeen { status: None, raft: None, error: Some(error.to_string()) },
    }
}

fn keep(path: &FilePath, bytes: &[u8]) -> Result<(), CliError> {
    let mut file = NewFile::create(path)?;
    file.write(bytes)?;
    file.finish().map_err(CliError::from)
}

impl From<Vec<Finding>> for DoctorView {
    fn from(checks: Vec<Finding>) -> Self {
        Self { schema: Schema, healthy: checks.iter().all(|check| check.severity < Severity::Problem), checks }
    }
}

impl Show for DoctorView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let mut table = Table::new(&["CHECK", "STATE", "WHAT"]);
        for finding in &self.checks {
            let state = Cell::new(&finding.severity, tone(finding.severity));
            table.row(vec![Cell::plain(&finding.check), state, Cell::plain(&finding.message)]);
        }
        let mut text = table.render(colour);
        for finding in &self.checks {
            let Some(hint) = &finding.hint else { continue };
            let word = paint(&format!("{}:", finding.severity), tone(finding.severity), colour);
            text += &format!("\n{word} {}: {}\nhint: {}\n", Printable(&finding.check), Printable(&finding.message), Printable(hint));
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.checks)
    }
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Ok => Tone::Good,
        Severity::Warning => Tone::Warning,
        Severity::Problem => Tone::Bad,
    }
}

/// What a machine with something of everything is told.
#[cfg(test)]
pub(super) fn sample() -> DoctorView {
    doctor::judge(&doctor::samples::machine()).into()
}
