//! `warren raft snapshot`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};
use warren_raft::saved::Reader;

use super::context::Context;
use super::error::Hinted;
use super::new_file::{NewFile, NewFileError};
use super::output::{Show, Width};
use super::progress_line::{ProgressLine, bar};
use super::run::proxy_of;
use super::signals::Signals;
use super::table::{Tone, count, paint};
use super::{CliError, Exit};
use crate::api::{self, Freshness, RestoredView, SavedView, Schema, SnapshotContent};
use crate::failure::Printable;
use crate::net::Env;
use crate::proxy::read_snapshot;
use crate::telemetry::Colour;

/// Save the cluster's state to a file, and begin a cluster anew with one
#[derive(Debug, Args)]
pub(super) struct SnapshotArgs {
    #[command(subcommand)]
    verb: SnapshotVerb,
}

#[derive(Debug, Subcommand)]
enum SnapshotVerb {
    Save(SaveArgs),
    Restore(RestoreArgs),
}

/// Save the state of a running cluster, through any of its proxies
#[derive(Debug, Args)]
#[command(
    after_help = "The file holds the private key of the cluster's authority: whoever has it can make identities of every role. It is made with mode 0600 and overwrites nothing."
)]
struct SaveArgs {
    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Save what this proxy knows, also where the leader cannot confirm that it is the newest
    #[arg(long, value_parser = FalseyValueParser::new(), env = "WARREN_STALE", hide_env_values = true)]
    stale: bool,
}

/// Begin the cluster anew with a saved state, on a machine that becomes its first proxy
#[derive(Debug, Args)]
#[command(
    after_help = "The `--config` is that of the new proxy, and its data directory is empty; `warren proxy` starts it afterwards. Authority, agents, clients, tokens and the strategy are those of the file; the proxies of that time are not part of the cluster any more."
)]
struct RestoreArgs {
    /// What `warren raft snapshot save` has made
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl SnapshotArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.verb {
            SnapshotVerb::Save(args) => args.run(context).await,
            SnapshotVerb::Restore(args) => args.run(context).await,
        }
    }
}

impl SaveArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut signals = Signals::new()?;
        let freshness = if self.stale { Freshness::Stale } else { Freshness::Confirmed };
        let saved = tokio::select! {
            saved = save(context, &self.file, freshness) => saved?,
            // What is half written goes with its handle.
            () = signals.any() => return Err(anyhow::anyhow!("interrupted: nothing was saved").into()),
        };
        context.output().show(&saved)?;
        let warning = paint("warning:", Tone::Warning, context.colour_of_stderr());
        // The file is there; that the warning cannot be written changes nothing.
        let _ = writeln!(
            std::io::stderr().lock(),
            "{warning} `{}` holds the private key of the cluster's authority: keep it as you keep that key",
            self.file.display()
        );
        Ok(Exit::Success)
    }
}

/// Takes the state in pieces and checks each before it is written.
async fn save(context: &Context, path: &Path, freshness: Freshness) -> Result<SavedView, CliError> {
    let admin = context.admin()?;
    let mut file = NewFile::create(path)?;
    let mut download = admin.download(api::Path::Snapshot(freshness)).await?;
    let (mut reader, mut size_bytes, mut progress) = (Reader::default(), 0, Progress::new("saved", None));
    let broken = |error| Hinted {
        error: anyhow::Error::from(error).context("what the proxy sent is no whole snapshot"),
        hint: Some("nothing was saved: try again, or through another proxy".to_owned()),
    };
    while let Some(bytes) = download.next().await? {
        reader.push(&bytes).map_err(broken)?;
        file.write(&bytes)?;
        size_bytes += bytes.len() as u64;
        progress.show(size_bytes);
    }
    let summary = reader.finish().map_err(broken)?.summary();
    file.finish()?;
    progress.clear();
    Ok(SavedView::new(path, size_bytes, summary))
}

impl RestoreArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        context.log_as_command(&config)?;
        let proxy = proxy_of(&config)?;
        // That it cannot be looked at is told by whoever reads it.
        let mut progress = Progress::new("checked", std::fs::metadata(&self.file).ok().map(|metadata| metadata.len()));
        let saved = read_snapshot(&self.file, |read| progress.show(read))?;
        progress.clear();
        let content = SnapshotContent::from(saved.summary());
        let id = proxy.restore(saved, &Env::real()).await?;
        let restored = RestoredView {
            schema: Schema,
            file: self.file.display().to_string(),
            id,
            name: proxy.name.clone(),
            data_dir: proxy.data_dir.display().to_string(),
            content,
        };
        context.output().show(&restored).map(|()| Exit::Success)
    }
}

impl From<NewFileError> for CliError {
    fn from(error: NewFileError) -> Self {
        let hint = match &error {
            NewFileError::Exists(_) => "it was left as it is: choose another name",
            NewFileError::Io { .. } => "nothing was saved",
        };
        Hinted { error: error.into(), hint: Some(hint.to_owned()) }.into()
    }
}

/// How much of a snapshot has passed.
struct Progress {
    what: &'static str,
    /// Of so many bytes, where that is known.
    total: Option<u64>,
    line: ProgressLine,
}

impl Progress {
    fn new(what: &'static str, total: Option<u64>) -> Self {
        Self { what, total, line: ProgressLine::new() }
    }

    fn show(&mut self, bytes: u64) {
        let bar = self.total.map(|total| bar(bytes, total) + " ").unwrap_or_default();
        self.line.show(format!("{bar}{} MiB {}", bytes >> 20, self.what));
    }

    fn clear(&mut self) {
        self.line.clear();
    }
}

/// What a snapshot holds, for people.
fn content(content: &SnapshotContent) -> String {
    let kept = [count(content.agents, "agent"), count(content.clients, "client"), count(content.tokens, "token")].join(", ");
    format!("  {kept}, the authority and the strategy, as of entry {} of term {}\n", content.index, content.term)
}

impl Show for SavedView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        let head = format!("cluster {} saved to {}, {} bytes\n", Printable(&self.content.cluster), Printable(&self.file), self.size_bytes);
        head + &content(&self.content)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for RestoredView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let mut text = format!(
            "cluster {} restored to {}, with {} (id {}) as its only proxy\n",
            Printable(&self.content.cluster),
            Printable(&self.data_dir),
            self.name,
            self.id
        );
        text += &content(&self.content);
        let warning = paint("warning:", Tone::Warning, colour);
        text += &format!("{warning} what was changed since then is forgotten: whoever was removed or revoked since is let in again\n");
        text + "next:\n  warren proxy --config FILE\n"
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}
