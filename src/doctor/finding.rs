//! One line of the doctor's answer.

use std::fmt;

use serde::Serialize;

/// What was looked at, and what is the matter with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: a stable word.
    pub check: String,
    /// How bad it is.
    pub severity: Severity,
    /// What there is.
    pub message: String,
    /// What to do next, if there is something to do.
    pub hint: Option<String>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It works, and worse than it could.
    Warning,
    /// It will not work.
    Problem,
}

impl Finding {
    pub(crate) fn ok(check: &str, message: impl Into<String>) -> Self {
        Self { check: check.to_owned(), severity: Severity::Ok, message: message.into(), hint: None }
    }

    pub(super) fn warning(check: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check: check.to_owned(), severity: Severity::Warning, message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn problem(check: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check: check.to_owned(), severity: Severity::Problem, message: message.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}
