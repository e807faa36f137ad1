//! HTML that is being written.

use std::fmt::{Arguments, Write};

/// A piece of HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

impl Html {
    /// Writes more. What others have named goes in as [`Escaped`](super::escaped::Escaped).
    pub(super) fn put(&mut self, more: Arguments<'_>) {
        self.0.write_fmt(more).expect("a text takes everything");
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Writes more into an [`Html`], as `format!` would.
macro_rules! put {
    ($html:expr, $($more:tt)+) => { $html.put(format_args!($($more)+)) };
}
pub(super) use put;
