//! A part of a dial, at one process.

use std::time::Duration;

use tokio::time::Instant;
use warren_raft::Timestamp;

use super::span_id::{Deed, SpanId};
use crate::net::Wall;
use crate::wire::TraceId;

/// A part of a dial that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The dial.
    pub trace: TraceId,
    /// What was done, and by whom.
    pub deed: Deed,
    /// Within what.
    pub parent: Option<Deed>,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What is known of it, by the names of the access log.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it came to nothing.
    pub failed: Option<String>,
}

/// On which side of a question a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// It answers one.
    Server,
    /// It asks one.
    Client,
}

/// A part of a dial that has begun.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    began: Timestamp,
    since: Instant,
}

impl Timer {
    /// It begins.
    pub fn begin(wall: &dyn Wall) -> Self {
        Self { began: wall.now(), since: Instant::now() }
    }

    /// It is over.
    pub fn end(self, trace: TraceId, (deed, parent): (Deed, Option<Deed>)) -> Span {
        Span { trace, deed, parent, began: self.began, took: self.since.elapsed(), attributes: Vec::new(), failed: None }
    }
}

impl Span {
    /// Its id.
    pub fn id(&self) -> SpanId {
        SpanId::of(self.trace, self.deed)
    }

    /// That of the span that it is within.
    pub fn parent_id(&self) -> Option<SpanId> {
        self.parent.map(|parent| SpanId::of(self.trace, parent))
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self.deed {
            Deed::Dial(_) => "dial",
            Deed::Try(..) => "try",
            Deed::Carry(_) => "carry",
            Deed::Connect(_) => "connect",
        }
    }

    /// On which side of a question it is.
    pub fn kind(&self) -> SpanKind {
        match self.deed {
            Deed::Try(..) => SpanKind::Client,
            Deed::Dial(_) | Deed::Carry(_) | Deed::Connect(_) => SpanKind::Server,
        }
    }

    /// The same with something that is known of it.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// The same, which came to nothing, if there is a reason.
    #[must_use]
    pub fn failed(self, reason: Option<String>) -> Self {
        Self { failed: reason, ..self }
    }
}
