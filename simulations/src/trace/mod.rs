//! What happened, line by line: compared between two runs of the same seed, and shown behind a failure.

mod difference;
mod record;

pub use difference::{Difference, difference};
pub use record::Trace;
