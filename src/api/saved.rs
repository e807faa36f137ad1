//! `warren raft snapshot`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use warren_raft::saved::Summary;
use warren_raft::{ProxyId, ProxyName};

use super::Schema;

/// A snapshot that was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    /// 1.
    pub schema: Schema,
    /// The file.
    pub file: String,
    /// Its size.
    pub size_bytes: u64,
    /// What it holds.
    #[serde(flatten)]
    pub content: SnapshotContent,
}

/// A snapshot that became a new group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredView {
    /// 1.
    pub schema: Schema,
    /// The file.
    pub file: String,
    /// The new proxy's id.
    pub id: ProxyId,
    /// The new proxy's name.
    pub name: ProxyName,
    /// Where it was restored to.
    pub data_dir: String,
    /// What the file holds.
    #[serde(flatten)]
    pub content: SnapshotContent,
}

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotContent {
    /// The cluster's name.
    pub cluster: String,
    /// The cluster's id.
    pub cluster_id: String,
    /// The term of the last entry that it covers.
    pub term: u64,
    /// The index of that entry.
    pub index: u64,
    /// Agents that are enrolled.
    pub agents: u64,
    /// Clients that are.
    pub clients: u64,
    /// Tokens there are.
    pub tokens: u64,
}

impl SavedView {
    /// The view of a file.
    pub fn new(file: &Path, size_bytes: u64, summary: Summary) -> Self {
        Self { schema: Schema, file: file.display().to_string(), size_bytes, content: summary.into() }
    }
}

impl From<Summary> for SnapshotContent {
    fn from(summary: Summary) -> Self {
        Self {
            cluster: summary.cluster_name,
            cluster_id: summary.cluster.to_string(),
            term: summary.term,
            index: summary.index,
            agents: summary.agents,
            clients: summary.clients,
            tokens: summary.tokens,
        }
    }
}
