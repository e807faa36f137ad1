//! What a colour means. No meaning is by colour alone: each comes with a word or a shape.

use crate::api::ProxyState;
use crate::proxy::recent::Tone as Happened;

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// To be known.
    Neutral,
    /// Not as it should be, and on its way, or on purpose.
    Warning,
    /// Wrong.
    Bad,
}

impl Tone {
    /// The class of the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Neutral => "plain",
            Self::Warning => "warn",
            Self::Bad => "bad",
        }
    }
}

impl From<ProxyState> for Tone {
    fn from(state: ProxyState) -> Self {
        match state {
            ProxyState::Healthy => Self::Good,
            ProxyState::Draining => Self::Warning,
            ProxyState::Isolated | ProxyState::Down => Self::Bad,
        }
    }
}

impl From<Happened> for Tone {
    fn from(happened: Happened) -> Self {
        match happened {
            Happened::Good => Self::Good,
            Happened::Neutral => Self::Neutral,
            Happened::Warning => Self::Warning,
            Happened::Bad => Self::Bad,
        }
    }
}
