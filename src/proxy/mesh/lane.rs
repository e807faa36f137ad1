//! Which of the connections to a peer one is.

use std::fmt;

use crate::wire::LinkKind;
use crate::wire::peer::MAX_LANES;

/// The place of a connection among those to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Raft, leases, forwarded writes and questions.
    Control,
    /// Dials: the one with this number in the pool, below [`MAX_LANES`].
    Data(u8),
}

impl Lane {
    /// The lane that a hello names; `None` for a number that cannot be.
    pub(super) fn of(kind: LinkKind, number: u8) -> Option<Self> {
        match kind {
            LinkKind::Control => (number == 0).then_some(Self::Control),
            LinkKind::Bulk => (number < MAX_LANES).then_some(Self::Data(number)),
        }
    }

    /// What is said on its streams.
    pub(super) fn kind(self) -> LinkKind {
        match self {
            Self::Control => LinkKind::Control,
            Self::Data(_) => LinkKind::Bulk,
        }
    }

    /// Its number among those of its kind.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Control => 0,
            Self::Data(number) => number,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control => f.write_str(self.kind().as_str()),
            Self::Data(number) => write!(f, "{} {number}", self.kind().as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_names_a_lane_that_there_is() {
        let table = [
            (LinkKind::Control, 0, Some(Lane::Control)),
            (LinkKind::Control, 1, None),
            (LinkKind::Bulk, 0, Some(Lane::Data(0))),
            (LinkKind::Bulk, MAX_LANES - 1, Some(Lane::Data(MAX_LANES - 1))),
            (LinkKind::Bulk, MAX_LANES, None),
            (LinkKind::Bulk, u8::MAX, None),
        ];
        for (kind, number, expected) in table {
            assert_eq!(Lane::of(kind, number), expected, "{kind:?} {number}");
            assert!(expected.is_none_or(|lane| (lane.kind(), lane.number()) == (kind, number)));
        }
        assert_eq!([Lane::Control, Lane::Data(3)].map(|lane| lane.to_string()), ["control", "bulk 3"]);
    }
}
