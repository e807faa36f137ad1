//! What is aimed at, beside what was measured.

use crate::shared::{Samples, number};

/// An aim.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    what: String,
    bound: Bound,
    measured: Samples,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    /// The median of what was measured is to be at least this; nothing if nothing was measured, as where a side is not there.
    pub(crate) fn at_least(what: &str, measured: Samples, bound: f64) -> Option<Self> {
        Self::new(what, measured, Bound::AtLeast(bound))
    }

    /// The median of what was measured is to be at most this.
    pub(crate) fn at_most(what: &str, measured: Samples, bound: f64) -> Option<Self> {
        Self::new(what, measured, Bound::AtMost(bound))
    }

    fn new(what: &str, measured: Samples, bound: Bound) -> Option<Self> {
        (measured.len() > 0).then(|| Self { what: what.to_owned(), bound, measured })
    }

    /// Whether it is met.
    pub(crate) fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.measured.median() >= bound,
            Bound::AtMost(bound) => self.measured.median() <= bound,
        }
    }

    pub(super) fn row(&self) -> String {
        let (sign, bound) = self.sign();
        let median = self.measured.median();
        let spread = match self.measured.len() {
            1 => String::new(),
            _ => format!(" ({} to {})", number(self.measured.quantile(0.0)), number(self.measured.quantile(1.0))),
        };
        let verdict =
            if self.is_met() { "met".to_owned() } else { format!("**missed** by {} %", number(((median / bound) - 1.0).abs() * 100.0)) };
        format!("| {} | {sign} {} | {}{spread} | {verdict} |\n", self.what, number(bound), number(median))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let (sign, bound) = self.sign();
        serde_json::json!({ "what": self.what, "sign": sign, "bound": bound, "measured": self.measured.median(), "met": self.is_met() })
    }

    fn sign(&self) -> (&'static str, f64) {
        match self.bound {
            Bound::AtLeast(bound) => ("≥", bound),
            Bound::AtMost(bound) => ("≤", bound),
        }
    }
}
