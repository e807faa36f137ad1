//! How everything grows with proxies and agents, by the production's cores without sockets (`warren::model::scale`): figures, plots and a page.
//!
//! ```text
//!  Case --run--> figures by name (scale.json) --> plots (SVG), tables of the page
//! ```
//! The figures follow from a seed and from what things cost, each of which the page gives a source for. It must *never* print what a clock has measured: two runs write
//! the same.

#[cfg(simulation)]
mod cases;
#[cfg(simulation)]
mod clock;
mod figures;
#[cfg(simulation)]
mod idle;
mod page;
mod plot;
mod plots;
#[cfg(simulation)]
mod run;
mod write;

#[cfg(simulation)]
pub use cases::{Case, Effort, cases};
#[cfg(simulation)]
pub use clock::clock;
pub use figures::Figures;
pub use page::{checked, rendered};
pub use plots::all as plots;
#[cfg(simulation)]
pub use run::measure;
pub use write::write;
