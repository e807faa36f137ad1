//! The files of a run.

use std::path::Path;

use anyhow::Context;

use super::{Figures, page, plots};

/// Writes figures and plots into a directory, and the figures into the page that is there.
///
/// # Errors
/// A file cannot be written, or the page has a figure that the run has not.
pub fn write(figures: &Figures, place: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(place).with_context(|| format!("no directory `{}`", place.display()))?;
    let put = |name: &str, text: &str| std::fs::write(place.join(name), text).with_context(|| format!("cannot write `{name}`"));
    put("scale.json", &figures.json())?;
    for (name, svg) in plots::all(figures) {
        put(&name, &svg)?;
    }
    let Ok(known) = std::fs::read_to_string(place.join("README.md")) else { return Ok(()) };
    put("README.md", &page::rendered(&known, figures))?;
    let missing = page::checked(&known, figures);
    anyhow::ensure!(missing.is_empty(), "the page has figures that the run has not: {}", missing.join(", "));
    Ok(())
}
