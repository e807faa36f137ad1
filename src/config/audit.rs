//! `[audit]`: who did what, one JSON object a line.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::reader::Reader;
use super::setting::{Setting, quote};
use super::size::Size;
use crate::audit::{Output, Rotation};

/// What a file may be given, in bytes.
const ROTATE_SIZE: std::ops::RangeInclusive<u64> = (64 << 10)..=(1 << 40);
/// Most files that can be kept.
const MAX_KEPT: u32 = 1_000;
/// The name of standard output.
const STDOUT: &str = "stdout";

/// `[audit]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditTable {
    /// Where lines go; `None` is nowhere.
    pub output: Option<AuditOutput>,
    /// How large a file may become.
    pub rotate_size: Size,
    /// How many files are kept beside the one that is written.
    pub rotate_keep: NonZeroU32,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditOutput {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl AuditTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut section = reader.section("audit");
        let table = Self {
            output: section.get("output", None),
            rotate_size: section.get("rotate_size", Size(100 << 20)),
            rotate_keep: section.count("rotate_keep", NonZeroU32::new(10).expect("it is not 0"), MAX_KEPT),
        };
        section.require_size("rotate_size", table.rotate_size, ROTATE_SIZE);
        table
    }

    /// Where lines go, if anywhere.
    pub fn output(&self) -> Option<Output> {
        let rotation = Rotation { size: self.rotate_size.0, keep: self.rotate_keep };
        Some(match self.output.clone()? {
            AuditOutput::Stdout => Output::Stdout,
            AuditOutput::File(path) => Output::File { path, rotation },
        })
    }
}

impl fmt::Display for AuditOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.pad(STDOUT),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Setting for AuditOutput {
    fn parse(text: &str) -> Result<Self, String> {
        if text == STDOUT { Ok(Self::Stdout) } else { PathBuf::parse(text).map(Self::File) }
    }

    fn show(&self) -> String {
        quote(&self.to_string())
    }
}
