//! `warren doctor`.

use clap::Args;
use serde::Serialize;

use super::context::Context;
use super::output::{Show, Width, lines};
use super::table::{Cell, Table, Tone, paint};
use super::{CliError, Exit};
use crate::api::Schema;
use crate::doctor::{self, Finding, Severity};
use crate::failure::Printable;
use crate::net::Env;
use crate::telemetry::Colour;

/// Examine this machine: kernel, network, ports, certificate; exit 0, or 3 with a problem
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {}

/// The findings as they are shown.
#[derive(Debug, Serialize)]
pub(super) struct DoctorView {
    schema: Schema,
    healthy: bool,
    checks: Vec<Finding>,
}

impl DoctorArgs {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config(&context.overrides())?;
        let env = Env::real_with(config.transport.settings());
        let view = DoctorView::from(doctor::judge(&doctor::gather(&config, &env).await));
        context.output().show(&view)?;
        Ok(if view.healthy { Exit::Success } else { Exit::Degraded })
    }
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
