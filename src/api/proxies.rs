//! `warren proxies`.

use serde::{Deserialize, Serialize};
use warren_raft::{ProxyId, ProxyName};

use super::{ProxyRow, Schema};

/// `proxies ls`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProxiesView {
    /// 1.
    pub schema: Schema,
    /// Every proxy, by id.
    pub proxies: Vec<ProxyRow>,
}

/// `proxies show NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProxyView {
    /// 1.
    pub schema: Schema,
    /// The proxy.
    pub proxy: ProxyRow,
}

/// A way in of a proxy for programs that know nothing of warren.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressRow {
    /// `tcp`, `tls`, `http_connect` or `socks5`.
    pub kind: String,
    /// Where it listens, `IP:PORT`.
    pub listen: String,
    /// `none`, `password` or `certificate`.
    pub authentication: String,
    /// What whoever shows no identity may reach: patterns, or the one target of a port. Empty where one has to be shown.
    pub reach: Vec<String>,
}

/// Which proxy is to leave the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalRequest {
    /// Its name.
    pub name: ProxyName,
}

/// A proxy that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalView {
    /// 1.
    pub schema: Schema,
    /// Its id, which no proxy gets again.
    pub id: ProxyId,
    /// Its name.
    pub name: ProxyName,
    /// Whether it has left the cluster, so that its name is free; otherwise it does so as soon as a majority of the voters can.
    pub gone: bool,
}

/// What the removal of a proxy, which may begin now, would leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalPlan {
    /// 1.
    pub schema: Schema,
    /// Its id.
    pub id: ProxyId,
    /// Its name.
    pub name: ProxyName,
    /// How many voters there are then.
    pub voters: u64,
    /// How many more of them may then fail.
    pub tolerates: u64,
}
