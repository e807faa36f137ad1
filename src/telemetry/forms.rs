//! The two forms of a log line, of which one is written.
//!
//! A span's fields are kept in the form in which they will be written, at its beginning. So both are kept for every span: whichever form is asked for while
//! it lasts, its lines are whole.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Full, Json, JsonFields};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::{Colour, OneLine};

/// Which form is written. Cheap to clone; the clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Arc<AtomicBool>);

impl Form {
    /// JSON from now on, or text.
    pub(super) fn set_json(&self, is_json: bool) {
        self.0.store(is_json, Ordering::Relaxed);
    }

    fn is_json(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where lines go.
type Stderr = fn() -> OneLine<io::Stderr>;

/// Both forms.
pub(super) struct Forms<S> {
    form: Form,
    text: fmt::Layer<S, DefaultFields, Format<Full>, Stderr>,
    json: fmt::Layer<S, JsonFields, Format<Json>, Stderr>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Forms<S> {
    /// Lines to standard error in this form.
    pub(super) fn new(form: Form, colour: Colour) -> Self {
        let plain = || fmt::layer().with_writer((|| OneLine(io::stderr())) as Stderr);
        Self { form, text: plain().with_ansi(colour == Colour::On), json: plain().with_ansi(false).json().flatten_event(true) }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Forms<S> {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.text.on_new_span(attributes, id, context.clone());
        self.json.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.text.on_record(id, values, context.clone());
        self.json.on_record(id, values, context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if self.form.is_json() {
            self.json.on_event(event, context);
        } else {
            self.text.on_event(event, context);
        }
    }
}
