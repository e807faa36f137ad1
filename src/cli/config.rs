//! `warren config`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table};
use super::{CliError, Exit};
use crate::api::Schema;
use crate::config::{Config, Shown};
use crate::telemetry::Colour;

/// Check and show the configuration
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
}

/// `config check`.
#[derive(Debug, Serialize)]
struct CheckView {
    schema: Schema,
    file: Option<String>,
    valid: bool,
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
        let config = context.config(&context.overrides())?;
        let output = context.output();
        match self.verb {
            ConfigVerb::Check => {
                output.show(&CheckView { schema: Schema, file: context.config_path().map(|path| path.display().to_string()), valid: true })
            }
            ConfigVerb::Show => output.show(&ConfigView::from(&config)),
        }?;
        Ok(Exit::Success)
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
        format!("{}: valid\n", self.file.as_deref().unwrap_or("the configuration"))
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
