//! Spans to a collector: OTLP over HTTP, as JSON.

mod json;
mod running;

pub(super) use running::Running;
