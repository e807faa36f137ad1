//! What the benchmarks have in common: processes that are told what to do, one clock for all of them, statistics and the table at the end.
#![allow(dead_code, unused_imports, reason = "each benchmark uses a part of it")]

mod clock;
mod report;
mod statistics;
mod usage;
mod worker;

pub(crate) use clock::{monotonic, nanos};
pub(crate) use report::{Effort, Report, complain, number};
pub(crate) use statistics::Samples;
pub(crate) use usage::Usage;
pub(crate) use worker::{Worker, home, say};
