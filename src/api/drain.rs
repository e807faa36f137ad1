//! `warren proxies drain`, `warren proxies resume`.

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyId, ProxyName};

use super::{ProxyRow, ProxyState, Schema};

/// Which proxy is to drain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainRequest {
    /// Its name.
    pub name: ProxyName,
    /// Also when no other proxy is up, so that its agents have nowhere to go.
    pub force: bool,
}

/// Which proxy is to take tunnels again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeRequest {
    /// Its name.
    pub name: ProxyName,
}

/// How a proxy is that was told to drain or to take tunnels again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainView {
    /// 1.
    pub schema: Schema,
    /// Its id.
    pub id: ProxyId,
    /// Its name.
    pub name: ProxyName,
    /// How it does.
    pub state: ProxyState,
    /// How many tunnels are left there; `None` when it does not answer.
    pub tunnels: Option<u64>,
    /// How many streams; `None` when it does not answer.
    pub streams: Option<u64>,
    /// How far its drain is; `None` when it is not to drain: it then still does until it has heard of that.
    pub drain: Option<DrainRow>,
}

/// How far a drain is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainRow {
    /// Whether an operator has ordered it, so that it holds until it is taken back; otherwise the proxy is about to stop.
    pub ordered: bool,
    /// Whether it is over: nothing was left, or what was left at the deadline has been cut.
    pub done: bool,
    /// How many streams were cut at the deadline; `None` when the proxy does not answer.
    pub cut_streams: Option<u64>,
}

impl From<ProxyRow> for DrainView {
    fn from(row: ProxyRow) -> Self {
        let ProxyRow { id, name, state, tunnels, streams, drain, .. } = row;
        Self { schema: Schema, id, name, state, tunnels, streams, drain }
    }
}
