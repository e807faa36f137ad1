//! Figures by name: `PROXIESxAGENTS/STRATEGY/PHASE/WHAT_UNIT`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// All figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Those of an earlier run.
    ///
    /// # Errors
    /// The file cannot be read, or has something else in it.
    pub fn read(file: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    /// As JSON, a line for each.
    pub fn json(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(&self.0).expect("numbers by name"))
    }

    /// Adds one; four digits of it are meant.
    pub fn add(&mut self, prefix: &str, what: &str, value: f64) {
        self.0.insert(format!("{prefix}/{what}"), rounded(value));
    }

    /// One by its whole name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// The cases there are of a strategy, as proxies and agents, in order.
    pub fn cases(&self, strategy: &str) -> Vec<(u64, u64)> {
        let case = |name: &str| -> Option<(u64, u64)> {
            let (size, rest) = name.split_once('/')?;
            let (proxies, agents) = size.split_once('x')?;
            rest.starts_with(&format!("{strategy}/")).then_some((proxies.parse().ok()?, agents.parse().ok()?))
        };
        let mut cases: Vec<_> = self.0.keys().filter_map(|name| case(name)).collect();
        cases.sort_unstable();
        cases.dedup();
        cases
    }
}

/// To four digits: what is behind them is chance.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
