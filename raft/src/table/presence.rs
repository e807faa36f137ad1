//! Where an agent is and was: what changes with each of its tunnels, apart from its record, which does not.

use std::slice;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Route;
use crate::ids::{ProxyId, Timestamp};

/// An agent that has had a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Presence {
    /// Its routes, ordered by proxy. Those of an epoch that is over stay until the agent's next change; readers do not see them.
    pub(crate) routes: Routes,
    /// When and where a tunnel of it was last registered or withdrawn.
    pub(crate) seen: Seen,
}

/// When and where an agent was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When a tunnel of it was last registered or withdrawn.
    pub at: Timestamp,
    /// At which proxy.
    pub proxy: ProxyId,
}

/// The routes of one agent: most have one, and that one is in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Routes {
    #[default]
    None,
    One(Route),
    Many(Arc<[Route]>),
}

impl Routes {
    pub(crate) fn as_slice(&self) -> &[Route] {
        match self {
            Self::None => &[],
            Self::One(route) => slice::from_ref(route),
            Self::Many(routes) => routes,
        }
    }
}

impl From<Vec<Route>> for Routes {
    fn from(routes: Vec<Route>) -> Self {
        match *routes {
            [] => Self::None,
            [route] => Self::One(route),
            [..] => Self::Many(routes.into()),
        }
    }
}

impl Serialize for Routes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Routes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}
