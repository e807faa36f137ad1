//! Traces: the spans of a dial, told by each process that takes part in it.
//!
//! ```text
//!  ingress: dial ----+-- try (each owner that is tried) ---- owner: carry ---- agent: connect
//!                    +-- try (over an own tunnel) --------------------------- agent: connect
//! ```
//! The trace is the one that travels with a dial anyway ([`TraceId`](crate::wire::TraceId), as W3C Trace Context has it). The id of a span follows from the trace, from what is done and by
//! whom, so that the next hop knows its parent without being told ([`SpanId::of`]); a second try by the same way in one dial has the id of the first.
//!
//! Where they go is `otlp/`, behind the feature of that name. It must *never* hold up a dial: spans wait in a bounded queue, and what finds no room is dropped and counted.

mod endpoint;
#[cfg(feature = "otlp")]
mod otlp;
mod sink;
mod span;
mod span_id;
mod start;

pub use endpoint::{Endpoint, EndpointError};
pub use sink::Traces;
pub use span::{Span, SpanKind, Timer};
pub use span_id::{Deed, SpanId};
pub use start::{Exporter, Resource, start};
