//! What a run ends with: tables, plots, and which aims were met.

mod aim;
mod chart;
mod hardware;
mod plot;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context;

pub(crate) use aim::Aim;
pub(crate) use chart::{Better, Chart};

use super::options::Options;
use super::shared::{Effort, complain};

/// What was measured so far.
pub(crate) struct Report {
    charts: Vec<Chart>,
    aims: Vec<Aim>,
    remarks: Vec<String>,
    out: Option<PathBuf>,
    effort: Effort,
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new(options: &Options) -> anyhow::Result<Self> {
        if let Some(out) = &options.out {
            std::fs::create_dir_all(out).with_context(|| format!("no directory `{}`", out.display()))?;
        }
        Ok(Self { charts: Vec::new(), aims: Vec::new(), remarks: Vec::new(), out: options.out.clone(), effort: options.effort })
    }

    /// Adds a table, and its plot.
    pub(crate) fn chart(&mut self, chart: Chart) -> anyhow::Result<()> {
        complain(&chart.table());
        if let Some(out) = &self.out {
            let file = out.join(format!("{}.svg", chart.name));
            std::fs::write(&file, plot::svg(&chart)).with_context(|| format!("cannot write `{}`", file.display()))?;
        }
        self.charts.push(chart);
        Ok(())
    }

    /// Adds an aim with what was measured.
    pub(crate) fn aim(&mut self, aim: Option<Aim>) {
        self.aims.extend(aim);
    }

    /// Adds a sentence.
    pub(crate) fn remark(&mut self, remark: String) {
        complain(&remark);
        self.remarks.push(remark);
    }

    /// Prints everything, and writes it where it was asked for.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        let text = self.markdown();
        if let Some(out) = &self.out {
            let json = serde_json::json!({
                "hardware": hardware::line(),
                "charts": self.charts.iter().map(Chart::json).collect::<Vec<_>>(),
                "aims": self.aims.iter().map(Aim::json).collect::<Vec<_>>(),
                "remarks": self.remarks,
            });
            std::fs::write(out.join("report.md"), &text).context("cannot write `report.md`")?;
            std::fs::write(out.join("report.json"), format!("{json:#}\n")).context("cannot write `report.json`")?;
        }
        std::io::stdout().write_all(text.as_bytes()).context("standard output")
    }

    fn markdown(&self) -> String {
        let mut text = String::new();
        if self.effort == Effort::Quick {
            text.push_str("quick: everything ran, the figures mean little\n\n");
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}\n", hardware::line());
        self.remarks.iter().for_each(|remark| text.push_str(&format!("{remark}\n\n")));
        for chart in &self.charts {
            text.push_str(&chart.markdown());
        }
        if !self.aims.is_empty() {
            let met = self.aims.iter().filter(|aim| aim.is_met()).count();
            text.push_str(&format!("## Aims: {met} of {} met\n\n| what | aim | measured | |\n|---|---|---|---|\n", self.aims.len()));
            self.aims.iter().for_each(|aim| text.push_str(&aim.row()));
        }
        text
    }
}
