//! `cargo sim soak`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::sweep::{Extent, Strictness, conclude};
use crate::records::Record;
use crate::say::say;
use crate::stopwatch::today;
use crate::sweep::{Tree, commit};

/// A long sweep, whose record is kept under simulations/records
#[derive(Debug, Args)]
pub(super) struct SoakArgs {
    #[command(flatten)]
    extent: Extent,
}

impl SoakArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        // Before it begins: who changes something meanwhile does not change what is run.
        let (commit, tree) = commit()?;
        let first = self.extent.first()?;
        let total = self.extent.sweep()?;
        let status = conclude(&total, Strictness::Strict);
        let record = Record::new((commit, tree == Tree::Modified), today(), first, total);
        let path = record.keep(&Path::new(env!("CARGO_MANIFEST_DIR")).join("records"))?;
        say(format_args!("kept: {}", path.display()));
        Ok(status)
    }
}
