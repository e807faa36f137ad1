//! A map from agents' names that a reader can look something up in with two or three misses of the cache, and that shares structure
//! between versions.
//!
//! A trie of 16 ways over a hash of the name. A leaf holds up to [`LEAF`] entries side by side, sorted by hash and name, in exactly the memory that
//! they need; a hash is spread evenly, so that its place in the leaf can be computed instead of searched for. A change copies one leaf and
//! the branches above it, or nothing of what no other version shares.
//!
//! The hash is fixed (and so is the order of iteration, on every member and in every version), not keyed: names that were chosen to
//! collide end in one leaf, which is searched by halves and costs whoever changes one of them a copy of all. The shape depends on the
//! content alone: a subtree is a leaf if, and only if, its entries fit into one, also after some were removed.
//!
//! Chosen by a trial at 10^6 agents of one route each, every candidate in the same run on two busy cores, as ratios to imbl 7's
//! `OrdMap<Arc<str>, Vec<Route>>`, which was here before: a lookup takes 0.2 of its time, a change in a batch of 1,000 takes 0.3, one alone 0.4, and
//! an entry 0.8 of its memory (91 bytes, 113 before). imbl's `HashMap` with the same hash and entries takes 1.5 times as long as this to look up and 3 times to change,
//! and 4 times the memory; its `OrdMap` by hash and name 3.3, 1.7 and 1.5 times. 16 ways were as fast to read as 32 and cost less to copy; leaves of 48 beat 8, 16 and 32.
//! `cargo bench -p warren-raft` prints what a lookup and a change take now, beside a plain `HashMap` of the standard library: a lookup among 10^6 takes 1.1 times that one's.

mod hash;
mod node;
mod remains;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::names::AgentName;
use hash::hash;
use node::{Entry, Iter, Node};
pub(crate) use remains::Remains;

/// A map from agents' names. Clones share what they have in common.
#[derive(Clone)]
pub(crate) struct NameMap<V> {
    root: Node<V>,
    len: usize,
}

impl<V> Default for NameMap<V> {
    fn default() -> Self {
        Self { root: Node::default(), len: 0 }
    }
}

impl<V> NameMap<V> {
    /// What is known under a name.
    pub(crate) fn get(&self, name: &AgentName) -> Option<&V> {
        self.root.get(hash(name.as_bytes()), name)
    }

    /// Whether anything is.
    pub(crate) fn contains_key(&self, name: &AgentName) -> bool {
        self.get(name).is_some()
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Every name, ordered by hash: the same order everywhere, and none that means anything to people.
    pub(crate) fn iter(&self) -> Iter<'_, V> {
        self.root.iter()
    }

    /// Every name once, in the same order, beginning somewhere in the middle: each number stands for a place.
    pub(crate) fn iter_around(&self, place: u64) -> impl Iterator<Item = (&AgentName, &V)> {
        self.root.iter_from(place).chain(self.root.iter()).take(self.len)
    }
}

impl<V: Clone> NameMap<V> {
    /// What is known under a name, to be changed.
    pub(crate) fn get_mut(&mut self, name: &AgentName) -> Option<&mut V> {
        // A miss must not copy anything.
        self.contains_key(name).then_some(())?;
        self.root.get_mut(hash(name.as_bytes()), name)
    }

    /// Sets what is known under a name, and returns what was.
    pub(crate) fn insert(&mut self, name: AgentName, value: V) -> Option<V> {
        let replaced = self.root.insert(Entry { hash: hash(name.as_bytes()), name, value });
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// Forgets a name, and returns what was known under it.
    pub(crate) fn remove(&mut self, name: &AgentName) -> Option<V> {
        // A miss must not copy anything.
        self.contains_key(name).then_some(())?;
        let removed = self.root.remove(hash(name.as_bytes()), name, 0)?;
        self.len -= 1;
        Some(removed)
    }
}

impl<V: PartialEq> PartialEq for NameMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<V: Eq> Eq for NameMap<V> {}

impl<V: fmt::Debug> fmt::Debug for NameMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
