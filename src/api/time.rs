//! Times as RFC 3339.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use warren_raft::Timestamp;

/// A moment in UTC, to the millisecond, as RFC 3339 in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(OffsetDateTime);

impl From<Timestamp> for Time {
    /// A time beyond the year 9999, which RFC 3339 cannot write, becomes the last moment of it.
    fn from(timestamp: Timestamp) -> Self {
        const LAST_SECOND: i64 = 253_402_300_799;
        let seconds = i64::try_from(timestamp.0 / 1000).unwrap_or(LAST_SECOND).min(LAST_SECOND);
        let milliseconds = time::Duration::milliseconds(i64::try_from(timestamp.0 % 1000).expect("less than 1000 fits"));
        Self(OffsetDateTime::from_unix_timestamp(seconds).expect("the year is at most 9999") + milliseconds)
    }
}

impl FromStr for Time {
    type Err = time::error::Parse;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339).map(Self)
    }
}

impl TryFrom<String> for Time {
    type Error = time::error::Parse;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}
