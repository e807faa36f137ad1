//! `warren config`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::Context;
use super::output::{Show, Width, lines};
use super::service::agent_socket;
use super::table::{Cell, Table, count};
use super::{CliError, Exit, UsageError};
use crate::api::{self, ChangeRow, ReloadView, Schema};
use crate::config::{AgentSettings, Config, ConfigErrors, Origin, Overrides, Role, Shown, format, schema};
use crate::failure::{Code, Failure, Printable, Stage};
use crate::http::{AdminClient, ClientError};
use crate::telemetry::Colour;

/// The exit status of a wrong configuration (sysexits.h).
const CONFIGURATION: u8 = 78;
/// The exit status of a file that has another form.
const DIFFERS: u8 = 1;

/// Check, show, format and reload the configuration
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Say everything that is wrong with the file and the variables; exit 0 when nothing is, else 78
    Check,
    /// Show each key, its value, and whether a file, a variable or the default won
    Show,
    Fmt(FmtArgs),
    /// Print config.toml as JSON Schema (draft 2020-12), for editors
    #[command(
        after_help = "`warren config schema > warren.schema.json`, and `#:schema ./warren.schema.json` as the first line of config.toml"
    )]
    Schema,
    Reload(ReloadArgs),
}

/// Give configuration files the one form; comments, keys and values stay as they are
#[derive(Debug, Args)]
struct FmtArgs {
    /// The files, or `-` for standard input to standard output; the one of `--config` by default
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change nothing; exit 1 and name the files that have another form
    #[arg(long)]
    check: bool,
}

/// Have the proxy of this machine, or an agent, read its configuration again, as HUP does
#[derive(Debug, Args)]
#[command(
    after_help = "What has changed is printed, and counts at once: all of it, or nothing if a key is among it that wants a restart (`x-reload` in `warren config schema`). Exit 0 when it counts, 78 when the file is wrong, 1 when it was refused."
)]
struct ReloadArgs {
    /// Who is to reload: `proxy` or `agent`
    #[arg(long, value_name = "ROLE", default_value = "proxy", env = "WARREN_ROLE", hide_env_values = true)]
    role: Role,
    /// Where the agent keeps its identity, if it was started with `--data-dir` [key: agent.data_dir, env: WARREN_AGENT_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// `config check`.
#[derive(Debug, Serialize)]
struct CheckView {
    schema: Schema,
    file: Option<String>,
    /// How many variables were looked at.
    variables: u64,
    valid: bool,
    /// What a process of this file would still have to be told.
    missing: Vec<String>,
}

/// `config show`.
#[derive(Debug, Serialize)]
struct ConfigView {
    schema: Schema,
    settings: Vec<SettingRow>,
}

/// One key.
#[derive(Debug, Serialize)]
struct SettingRow {
    key: String,
    value: String,
    origin: String,
}

impl ConfigArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let output = context.output();
        match self.verb {
            ConfigVerb::Check => {
                let config = context.config(&context.overrides())?;
                let variables = config.shown().iter().filter(|shown| matches!(shown.origin, Origin::Variable(_))).count() as u64;
                let file = context.config_path().map(|path| path.display().to_string());
                let missing = missing(config);
                output.show(&CheckView { schema: Schema, file, variables, valid: true, missing })?;
            }
            ConfigVerb::Show => output.show(&ConfigView::from(&context.config(&context.overrides())?))?,
            ConfigVerb::Fmt(args) => return args.run(context),
            ConfigVerb::Schema => output.text(&format!("{:#}\n", schema()))?,
            ConfigVerb::Reload(args) => return args.run(context).await,
        }
        Ok(Exit::Success)
    }
}

/// Whether a configuration speaks of an agent, and not of a proxy.
fn is_of_an_agent(config: &Config) -> bool {
    let sets = |is_meant: fn(&str) -> bool| config.shown().iter().any(|shown| is_meant(shown.section) && shown.origin != Origin::Default);
    sets(|section| section == "agent") && !sets(|section| matches!(section, "proxy" | "peer" | "public" | "cluster" | "admin"))
}

/// That the process has read another file than the one that was named, which only says where it listens.
fn other_file(named: Option<&Path>, read: Option<&str>) -> Option<String> {
    let named = named?;
    let said = match read {
        None => "it runs without a file, by its command line and variables".to_owned(),
        Some(read) if named.canonicalize().ok()? != Path::new(read).canonicalize().ok()? => format!("it runs with `{}`", Printable(read)),
        Some(_) => return None,
    };
    Some(format!("note: {said}: `{}` was not read by it", named.display()))
}

/// What an agent would still have to be told by its command line, where the configuration speaks of one.
fn missing(config: Config) -> Vec<String> {
    let is_silent = config.shown().iter().all(|shown| shown.section != "agent" || shown.origin == Origin::Default);
    match AgentSettings::try_from(config) {
        Err(errors) if !is_silent => errors.iter().map(|error| with_hint(&error.message, error.hint.as_deref())).collect(),
        _ => Vec::new(),
    }
}

fn with_hint(message: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| message.to_owned(), |hint| format!("{message}: {hint}"))
}

impl FmtArgs {
    fn run(self, context: &Context) -> Result<Exit, CliError> {
        let files = if self.files.is_empty() { Vec::from_iter(context.config_path().map(Path::to_owned)) } else { self.files };
        if files.is_empty() {
            let (message, hint) = ("there is no file to format".to_owned(), "`warren config fmt FILE`, or `--config FILE`".to_owned());
            return Err(UsageError { message, hint }.into());
        }
        let mut differing = Vec::new();
        for file in &files {
            let (text, formatted) = formatted(file)?;
            let is_stdin = file == Path::new("-");
            if is_stdin && !self.check {
                context.output().text(&formatted)?;
            } else if text != formatted {
                differing.push(file.display().to_string());
                if !self.check {
                    replace(file, &formatted)?;
                }
            }
        }
        for file in &differing {
            context.output().text(&format!("{}\n", Printable(file)))?;
        }
        Ok(if self.check && !differing.is_empty() { Exit::Failed(DIFFERS) } else { Exit::Success })
    }
}

/// A file's text, as it is and in the one form.
fn formatted(file: &Path) -> Result<(String, String), CliError> {
    let read = if file == Path::new("-") { std::io::read_to_string(std::io::stdin().lock()) } else { std::fs::read_to_string(file) };
    let text = read.with_context(|| format!("cannot read `{}`", file.display()))?;
    match format(&text) {
        Ok(formatted) => Ok((text, formatted)),
        Err(error) => {
            // Whoever formats a file wants to see where it is none.
            Config::parse(&file.display().to_string(), &text, &Overrides::none(""))?;
            Err(anyhow::Error::from(error).into())
        }
    }
}

/// Puts a new file in the place of the old one, which nobody ever sees half written, with its permissions.
fn replace(file: &Path, text: &str) -> Result<(), CliError> {
    let file = file.canonicalize().with_context(|| format!("cannot find `{}`", file.display()))?;
    let part = file.with_extension(format!("toml.{}.part", std::process::id()));
    let replaced = || {
        let permissions = std::fs::metadata(&file)?.permissions();
        let mut new = std::fs::File::create_new(&part)?;
        new.set_permissions(permissions)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        std::fs::rename(&part, &file)
    };
    let replaced = replaced();
    if replaced.is_err() {
        // It is gone if it got its name.
        let _ = std::fs::remove_file(&part);
    }
    Ok(replaced.with_context(|| format!("cannot write `{}`", file.display()))?)
}

impl ReloadArgs {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut overrides = context.overrides();
        if let Some(dir) = &self.data_dir {
            if self.role != Role::Agent {
                let message = "`--data-dir` says where an agent is, and a proxy is to reload".to_owned();
                return Err(UsageError {
                    message,
                    hint: "`--role agent`; a proxy is found by `--config FILE` or `--addr SOCKET`".to_owned(),
                }
                .into());
            }
            overrides = overrides.with_flag("agent.data_dir", "--data-dir", dir.display().to_string());
        }
        let (admin, wrong) = self.whom(context, &overrides)?;
        let view: ReloadView = match (admin.post_json(api::Path::Reload, &()).await, wrong) {
            // Nobody runs who could say it.
            (Err(_), Some(errors)) => return Err(errors.into()),
            (Err(ClientError::NotRunning(socket)), None) if self.role == Role::Proxy && is_of_an_agent(&context.config(&overrides)?) => {
                let failure = Failure::new(Code::PeerUnreachable, Stage::Local, format!("no proxy is running at `{}`", socket.display()));
                return Err(failure
                    .with_cause("this configuration is an agent's")
                    .with_hint("`warren config reload --role agent` with the same `--config FILE` has the agent reload")
                    .into());
            }
            (Err(ClientError::NotRunning(socket)), None) if self.role == Role::Agent => {
                let failure = Failure::new(Code::AgentOffline, Stage::Local, format!("no agent is running at `{}`", socket.display()));
                return Err(failure
                    .with_hint("`--data-dir DIR` or `--config FILE` as it was started with say where it listens; `warren agent` runs one")
                    .into());
            }
            (answer, _) => answer?,
        };
        context.output().show(&view)?;
        if let Some(note) = other_file(context.config_path(), view.file.as_deref()) {
            // A remark.
            let _ = writeln!(std::io::stderr().lock(), "{note}");
        }
        let Some(error) = &view.error else { return Ok(Exit::Success) };
        // What it means is the status; that it cannot be written changes nothing.
        let _ = writeln!(std::io::stderr().lock(), "{error}");
        Ok(Exit::Failed(if view.invalid { CONFIGURATION } else { 1 }))
    }

    /// Whom to tell. A file with mistakes may still say that, and they come with it: whoever runs with that file is to find them, and `warren status` to show that it has.
    fn whom(&self, context: &Context, overrides: &Overrides) -> Result<(AdminClient, Option<ConfigErrors>), CliError> {
        let (socket, keys): (fn(&Config) -> PathBuf, &[_]) = match self.role {
            Role::Proxy => (|config| config.admin.socket.clone(), &[("admin", "socket"), ("proxy", "data_dir")]),
            Role::Agent => (|config| agent_socket(&config.agent.data_dir), &[("agent", "data_dir")]),
        };
        match context.admin_at(overrides, socket) {
            Err(CliError::Config(errors)) => match context.admin_despite(overrides, keys, socket) {
                Some(admin) => Ok((admin, Some(errors))),
                None => Err(errors.into()),
            },
            found => found.map(|admin| (admin, None)),
        }
    }
}

impl From<&Config> for ConfigView {
    fn from(config: &Config) -> Self {
        let row = |shown: &Shown| SettingRow {
            key: format!("{}.{}", shown.section, shown.key),
            value: shown.value.clone(),
            origin: shown.origin.to_string(),
        };
        Self { schema: Schema, settings: config.shown().iter().map(row).collect() }
    }
}

impl Show for CheckView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        let variables = match self.variables {
            0 => String::new(),
            number => format!(" with {}", count(number, "WARREN_ variable")),
        };
        let mut text = match &self.file {
            Some(file) => format!("{}{variables}: valid\n", Printable(file)),
            None => format!("no file was named (`--config FILE`): the defaults{variables} are valid\n"),
        };
        for missing in &self.missing {
            text += &format!("  {missing}\n");
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for ConfigView {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let mut table = Table::new(&["KEY", "VALUE", "ORIGIN"]);
        for row in &self.settings {
            table.row(vec![Cell::plain(&row.key), Cell::plain(&row.value), Cell::plain(&row.origin)]);
        }
        table.render(colour)
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.settings)
    }
}

/// A change in a line, or in one for each element that came to a list or went from it.
fn changed(change: &ChangeRow) -> String {
    let ChangeRow { key, old, new, came, went, reload, note } = change;
    let wants = if reload == "reload" { note.as_deref() } else { Some(reload.as_str()) };
    let wants = wants.map(|wants| format!("  ({})", Printable(wants))).unwrap_or_default();
    if came.is_empty() && went.is_empty() {
        return format!("  {}: {} -> {}{wants}\n", Printable(key), Printable(old), Printable(new));
    }
    let signed = |sign: char, elements: &[String]| -> String {
        elements.iter().map(|element| format!("    {sign} {}\n", Printable(element))).collect()
    };
    format!("  {}:{wants}\n{}{}", Printable(key), signed('-', went), signed('+', came))
}

impl Show for ReloadView {
    fn to_text(&self, _width: Width, _colour: Colour) -> String {
        let mut text = match (self.reloaded, self.changes.len()) {
            (true, 0) => "reloaded: nothing has changed\n".to_owned(),
            (true, _) => "reloaded:\n".to_owned(),
            (false, 0) => "not reloaded\n".to_owned(),
            (false, _) => "not reloaded, nothing of this counts:\n".to_owned(),
        };
        for change in &self.changes {
            text += &changed(change);
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        lines(&self.changes)
    }
}
