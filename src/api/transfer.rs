//! `warren raft transfer-leader`.

use serde::{Deserialize, Serialize};
use warren_raft::ProxyName;

use super::Schema;

/// Who is to lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRequest {
    /// The proxy; `None` for whichever is best prepared.
    pub to: Option<ProxyName>,
}

/// Leadership that was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// 1.
    pub schema: Schema,
    /// Who led.
    pub from: ProxyName,
    /// Who leads.
    pub to: ProxyName,
    /// How long that took, in milliseconds. Writes waited no longer.
    pub took_ms: u64,
}
