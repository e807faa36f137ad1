//! One quantity of all sides, in one case or several.

use std::fmt::Write as _;

use crate::shared::{Samples, number};

/// Which figures are the good ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// High ones.
    More,
    /// Low ones.
    Less,
}

/// A quantity.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// The name of its file.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    pub(super) cases: Vec<Case>,
}

/// One case of it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// Each side in the order it came.
    pub(super) sides: Vec<(String, Samples)>,
    /// What is aimed at, with a few words each.
    pub(super) marks: Vec<(String, f64)>,
}

impl Chart {
    /// Without a figure yet. `name` is that of the plot's file.
    pub(crate) fn new(name: &'static str, title: &'static str, unit: &'static str, better: Better) -> Self {
        Self { name, title, unit, better, cases: Vec::new() }
    }

    /// Adds a figure of a side in a case. Sides that are compared are measured in turn.
    pub(crate) fn add(&mut self, case: &str, side: &str, value: f64) {
        let case = match self.cases.iter().position(|known| known.name == case) {
            Some(place) => &mut self.cases[place],
            None => {
                self.cases.push(Case { name: case.to_owned(), sides: Vec::new(), marks: Vec::new() });
                self.cases.last_mut().expect("it was pushed")
            }
        };
        match case.sides.iter_mut().find(|(known, _)| known == side) {
            Some((_, samples)) => samples.add(value),
            None => case.sides.push((side.to_owned(), Samples::from_iter([value]))),
        }
    }

    /// Draws a line in a case where `side` times `factor` is, if that was measured.
    pub(crate) fn mark(&mut self, case: &str, (factor, side): (f64, &str), label: &str) {
        let samples = self.samples(case, side);
        let case = self.cases.iter_mut().find(|known| known.name == case);
        if let Some(case) = case.filter(|_| samples.len() > 0) {
            case.marks.push((label.to_owned(), samples.median() * factor));
        }
    }

    /// The figures of a side in a case; none if it was not measured.
    pub(crate) fn samples(&self, case: &str, side: &str) -> Samples {
        let case = self.cases.iter().find(|known| known.name == case);
        let side = case.and_then(|case| case.sides.iter().find(|(known, _)| known == side));
        side.map(|(_, samples)| samples.clone()).unwrap_or_default()
    }

    /// One side beside the other, repetition by repetition; nothing if one of them was not measured.
    pub(crate) fn ratio(&self, case: &str, (one, other): (&str, &str)) -> Samples {
        self.samples(case, one).ratios(&self.samples(case, other))
    }

    /// All of it as a table.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{} ({})\n", self.title, self.unit);
        for case in &self.cases {
            for (side, samples) in &case.sides {
                // Writing to a string does not fail.
                let _ = writeln!(text, "  {:<28} {side:<26} {:>10}  {}", case.name, number(samples.median()), spread(samples));
            }
        }
        text
    }

    /// The same in Markdown: a line per side, a column per case.
    pub(super) fn markdown(&self) -> String {
        let sides = self.side_names();
        let mut text = format!("## {} ({}, {})\n\n| |", self.title, self.unit, self.sense());
        self.cases.iter().for_each(|case| text.push_str(&format!(" {} |", case.name)));
        text.push_str("\n|---|");
        text.push_str(&"--:|".repeat(self.cases.len()));
        text.push('\n');
        for side in sides {
            text.push_str(&format!("| {side} |"));
            for case in &self.cases {
                let samples = self.samples(&case.name, &side);
                let cell = if samples.len() == 0 { "-".to_owned() } else { number(samples.median()) };
                text.push_str(&format!(" {cell} |"));
            }
            text.push('\n');
        }
        text.push('\n');
        text
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let side = |(side, samples): &(String, Samples)| {
            let (least, most) = (samples.quantile(0.0), samples.quantile(1.0));
            serde_json::json!({ "side": side, "median": samples.median(), "least": least, "most": most, "times": samples.len() })
        };
        let case = |case: &Case| serde_json::json!({ "case": case.name, "sides": case.sides.iter().map(side).collect::<Vec<_>>() });
        let cases: Vec<_> = self.cases.iter().map(case).collect();
        serde_json::json!({ "name": self.name, "title": self.title, "unit": self.unit, "cases": cases })
    }

    /// Which figures are the good ones, in words.
    pub(super) fn sense(&self) -> &'static str {
        match self.better {
            Better::More => "more is better",
            Better::Less => "less is better",
        }
    }

    /// Every side that is in any case, in the order of their first one.
    pub(super) fn side_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (side, _) in self.cases.iter().flat_map(|case| &case.sides) {
            if !names.contains(side) {
                names.push(side.clone());
            }
        }
        names
    }
}

fn spread(samples: &Samples) -> String {
    match samples.len() {
        0 | 1 => String::new(),
        _ => format!("{} .. {}", number(samples.quantile(0.0)), number(samples.quantile(1.0))),
    }
}
