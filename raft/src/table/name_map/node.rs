//! The trie itself. Every function takes the hash from its caller, so that tests can make names collide.

use std::array;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::names::AgentName;

/// Ways of a branch, as a number of the hash's bits.
const BITS: u32 = 4;
const WAYS: usize = 1 << BITS;
/// Most entries of a leaf, unless their hashes are the same. Longer ones are slower to copy, shorter ones cost a branch more on the way.
pub(super) const LEAF: usize = 48;

/// One name and what is known under it.
#[derive(Clone)]
pub(super) struct Entry<V> {
    pub(super) hash: u64,
    pub(super) name: AgentName,
    pub(super) value: V,
}

/// A subtree.
pub(super) enum Node<V> {
    /// By the next bits of the hash; more entries than fit into a leaf.
    Branch(Arc<[Self; WAYS]>),
    /// Sorted by hash and name.
    Leaf(Arc<[Entry<V>]>),
}

impl<V> Clone for Node<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Branch(ways) => Self::Branch(Arc::clone(ways)),
            Self::Leaf(entries) => Self::Leaf(Arc::clone(entries)),
        }
    }
}

impl<V> Default for Node<V> {
    fn default() -> Self {
        Self::Leaf(Arc::default())
    }
}

/// What is left of a hash below `depth` branches, from the top bit.
fn below(hash: u64, depth: u32) -> u64 {
    hash.checked_shl(depth * BITS).unwrap_or_default()
}

fn way(hash: u64, depth: u32) -> usize {
    (below(hash, depth) >> (u64::BITS - BITS)) as usize
}

/// Where an entry is in a leaf below `depth` branches. Touches few of the others.
fn find<V>(entries: &[Entry<V>], depth: u32, hash: u64, name: &AgentName) -> Option<usize> {
    // Hashes are spread evenly over the leaf: this is the place, or near it.
    let guess = (u128::from(below(hash, depth)) * entries.len() as u128) >> u64::BITS;
    let (before, behind) = entries.split_at_checked(guess as usize)?;
    let distance = match behind.first()?.hash.cmp(&hash) {
        Ordering::Equal => 0,
        Ordering::Less => behind.iter().position(|entry| entry.hash >= hash)? as isize,
        Ordering::Greater => -1 - before.iter().rev().position(|entry| entry.hash <= hash)? as isize,
    };
    let at = (guess as usize).checked_add_signed(distance)?;
    let entry = &entries[at];
    if entry.hash != hash {
        return None;
    }
    // Another name of the same hash, hardly ever.
    if entry.name == *name { Some(at) } else { search(entries, hash, name).ok() }
}

/// Where an entry is in a leaf, or where it belongs.
fn search<V>(entries: &[Entry<V>], hash: u64, name: &AgentName) -> Result<usize, usize> {
    entries.binary_search_by(|entry| entry.hash.cmp(&hash).then_with(|| entry.name.cmp(name)))
}

impl<V> Node<V> {
    pub(super) fn get(&self, hash: u64, name: &AgentName) -> Option<&V> {
        let (mut node, mut depth) = (self, 0);
        loop {
            match node {
                Self::Branch(ways) => node = &ways[way(hash, depth)],
                Self::Leaf(entries) => return find(entries, depth, hash, name).map(|at| &entries[at].value),
            }
            depth += 1;
        }
    }

    /// Whether anybody else has it; a single leaf is too small to matter.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::Branch(ways) => Arc::strong_count(ways) > 1,
            Self::Leaf(_) => false,
        }
    }

    pub(super) fn iter(&self) -> Iter<'_, V> {
        Iter { above: vec![std::slice::from_ref(self).iter()], leaf: [].iter() }
    }

    /// The entries whose hash is not below `hash`.
    pub(super) fn iter_from(&self, hash: u64) -> Iter<'_, V> {
        let (mut above, mut node) = (Vec::new(), self);
        loop {
            match node {
                Self::Branch(ways) => {
                    let way = way(hash, above.len() as u32);
                    above.push(ways[way + 1..].iter());
                    node = &ways[way];
                }
                Self::Leaf(entries) => {
                    let at = entries.partition_point(|entry| entry.hash < hash);
                    return Iter { above, leaf: entries[at..].iter() };
                }
            }
        }
    }
}

impl<V: Clone> Node<V> {
    pub(super) fn get_mut(&mut self, hash: u64, name: &AgentName) -> Option<&mut V> {
        let (mut node, mut depth) = (self, 0);
        loop {
            match node {
                Self::Branch(ways) => node = &mut Arc::make_mut(ways)[way(hash, depth)],
                Self::Leaf(entries) => {
                    let at = find(entries, depth, hash, name)?;
                    return Some(&mut Arc::make_mut(entries)[at].value);
                }
            }
            depth += 1;
        }
    }

    pub(super) fn insert(&mut self, entry: Entry<V>) -> Option<V> {
        let (mut node, mut depth) = (self, 0);
        loop {
            match node {
                Self::Branch(ways) => node = &mut Arc::make_mut(ways)[way(entry.hash, depth)],
                Self::Leaf(entries) => {
                    return match search(entries, entry.hash, &entry.name) {
                        Ok(at) => Some(std::mem::replace(&mut Arc::make_mut(entries)[at].value, entry.value)),
                        Err(at) => {
                            let (before, behind) = entries.split_at(at);
                            let longer = before.iter().cloned().chain([entry]).chain(behind.iter().cloned()).collect();
                            *node = Self::of(longer, depth);
                            None
                        }
                    };
                }
            }
            depth += 1;
        }
    }

    pub(super) fn remove(&mut self, hash: u64, name: &AgentName, depth: u32) -> Option<V> {
        let removed = match self {
            Self::Branch(ways) => Arc::make_mut(ways)[way(hash, depth)].remove(hash, name, depth + 1)?,
            Self::Leaf(entries) => {
                let at = find(entries, depth, hash, name)?;
                let removed = entries[at].value.clone();
                let (before, behind) = entries.split_at(at);
                *entries = before.iter().chain(&behind[1..]).cloned().collect();
                return Some(removed);
            }
        };
        self.join();
        Some(removed)
    }

    /// Makes a branch a leaf again once its entries fit into one.
    fn join(&mut self) {
        let Self::Branch(ways) = self else { return };
        let (mut entries, mut branches) = (0, 0);
        for way in ways.iter() {
            match way {
                Self::Leaf(leaf) => entries += leaf.len(),
                Self::Branch(_) => branches += 1,
            }
        }
        // What is still a branch has more entries than a leaf.
        if branches > 0 || entries > LEAF {
            return;
        }
        let leaves = ways.iter().flat_map(|way| match way {
            Self::Leaf(leaf) => &leaf[..],
            Self::Branch(_) => &[],
        });
        *self = Self::Leaf(leaves.cloned().collect());
    }

    /// The subtree of these entries.
    fn of(entries: Arc<[Entry<V>]>, depth: u32) -> Self {
        if entries.len() <= LEAF || depth * BITS >= u64::BITS {
            return Self::Leaf(entries);
        }
        let mut rest = &entries[..];
        let ways = array::from_fn(|number| {
            let (these, others) = rest.split_at(rest.partition_point(|entry| way(entry.hash, depth) <= number));
            rest = others;
            Self::of(these.into(), depth + 1)
        });
        Self::Branch(Arc::new(ways))
    }
}

/// Every entry below a node, by hash and name.
pub(crate) struct Iter<'a, V> {
    /// What is left of each branch on the way down.
    above: Vec<std::slice::Iter<'a, Node<V>>>,
    leaf: std::slice::Iter<'a, Entry<V>>,
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a AgentName, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.leaf.next() {
                return Some((&entry.name, &entry.value));
            }
            match self.above.last_mut()?.next() {
                Some(Node::Branch(ways)) => self.above.push(ways.iter()),
                Some(Node::Leaf(entries)) => self.leaf = entries.iter(),
                None => drop(self.above.pop()),
            }
        }
    }
}

#[cfg(test)]
impl<V> Node<V> {
    /// Whether every subtree has the shape that its content asks for; and how many entries there are.
    pub(super) fn checked(&self, depth: u32) -> usize {
        match self {
            Self::Leaf(entries) => {
                assert!(entries.len() <= LEAF || depth * BITS >= u64::BITS, "a leaf of {}", entries.len());
                assert!(entries.is_sorted_by(|a, b| (a.hash, &a.name) < (b.hash, &b.name)), "in order, each once");
                entries.len()
            }
            Self::Branch(ways) => {
                let len = ways.iter().map(|way| way.checked(depth + 1)).sum();
                assert!(len > LEAF, "a branch of {len}");
                len
            }
        }
    }
}
