//! One line of the log.

use serde::Serialize;
use warren_raft::Timestamp;

use super::event::Event;
use crate::api::{Schema, Time};

/// An event with its time, as it waits to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) event: Event,
}

/// Lines that were not written before this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// For want of room or of a disk that takes them.
    pub(super) dropped: u64,
    /// For being more refusals than are told.
    pub(super) suppressed: u64,
}

#[derive(Serialize)]
struct Written<'a> {
    schema: Schema,
    time: Time,
    proxy: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    dropped: u64,
    #[serde(skip_serializing_if = "is_zero")]
    suppressed: u64,
    #[serde(flatten)]
    event: &'a Event,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Line {
    /// The line of `proxy`, with its line break.
    pub(super) fn written(&self, proxy: &str, missing: Missing) -> Vec<u8> {
        let Missing { dropped, suppressed } = missing;
        let written = Written { schema: Schema, time: self.at.into(), proxy, dropped, suppressed, event: &self.event };
        let mut bytes = serde_json::to_vec(&written).expect("texts, numbers and JSON values have their JSON");
        bytes.push(b'\n');
        bytes
    }
}
