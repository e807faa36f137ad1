//! Agents and clients that an operator has removed, and the keys of all machines that were: what is left of them.
//!
//! The certificate of a removed machine is good until it ends, and its key for as long as somebody has it. The table knows the key, so that
//! every proxy refuses it in the handshake, and no token admits it again under whatever name. The name is free for another machine at once.

use serde::{Deserialize, Serialize};

use super::apply::Answer;
use super::{MAX_REMOVED_KEYS, Table};
use crate::command::{Accepted, Rejection};
use crate::ids::{KeyHash, Level, Timestamp};
use crate::mutant;
use crate::names::{AgentName, ClientName};

/// Since when the keys of removed machines are kept.
const KEPT_SINCE: Level = Level(4);

/// A machine that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedKey {
    /// When.
    pub at: Timestamp,
}

impl Table {
    /// Whether a machine with this key was removed from the cluster.
    pub fn has_removed_key(&self, key: KeyHash) -> bool {
        self.removed_keys.contains_key(&key)
    }

    pub(super) fn remove_agent(&mut self, name: &AgentName, at: Timestamp) -> Answer {
        let agent = self.agents.remove(name).ok_or_else(|| Rejection::AgentUnknown(name.clone()))?;
        self.publishing.remove(name);
        self.forget_presence(name);
        self.keep_removed(agent.key, at);
        Ok(Accepted::Done)
    }

    pub(super) fn remove_client(&mut self, name: &ClientName, at: Timestamp) -> Answer {
        if mutant!("removal_forgotten") {
            return Ok(Accepted::Done);
        }
        let client = self.clients.remove(name).ok_or_else(|| Rejection::ClientUnknown(name.clone()))?;
        self.credentials.remove(name);
        self.keep_removed(client.key, at);
        Ok(Accepted::Done)
    }

    /// Remembers the key of a machine that is removed. Not below the level of the others' keys: a proxy that has never heard of this would have
    /// another table.
    pub(super) fn keep_removed(&mut self, key: KeyHash, at: Timestamp) {
        if self.level() < KEPT_SINCE {
            return;
        }
        if self.removed_keys.len() >= MAX_REMOVED_KEYS {
            // A look at all of them, once for each that an operator removes beyond the bound.
            let oldest = self.removed_keys.iter().min_by_key(|(key, removed)| (removed.at, **key)).map(|(key, _)| *key);
            oldest.map(|key| self.removed_keys.remove(&key));
        }
        self.removed_keys.insert(key, RemovedKey { at });
    }
}
