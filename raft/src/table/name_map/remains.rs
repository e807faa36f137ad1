//! A map that nobody needs any more, let go of in steps.

use std::sync::Arc;

use super::NameMap;
use super::node::Node;

/// The nodes that are still to be let go of.
pub(crate) struct Remains<V>(Vec<Node<V>>);

impl<V> From<NameMap<V>> for Remains<V> {
    fn from(map: NameMap<V>) -> Self {
        Self(vec![map.root])
    }
}

impl<V> Remains<V> {
    /// Whether another version has any of it, as far as the topmost node tells.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.iter().any(Node::is_shared)
    }

    /// Lets go of one node, and says whether there was one.
    pub(crate) fn shrink(&mut self) -> bool {
        match self.0.pop() {
            // What another version has goes with that one.
            Some(Node::Branch(ways)) => self.0.extend(Arc::into_inner(ways).into_iter().flatten()),
            Some(Node::Leaf(entries)) => drop(entries),
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: u32) -> NameMap<Arc<u32>> {
        let mut map = NameMap::default();
        for number in 0..names {
            map.insert(format!("agent-{number}").parse().expect("a name"), Arc::new(number));
        }
        map
    }

    #[test]
    fn each_step_frees_no_more_than_a_leaf() {
        let map = map(5_000);
        let values: Vec<_> = map.iter().map(|(_, value)| Arc::downgrade(value)).collect();
        let left = || values.iter().filter(|value| value.strong_count() > 0).count();
        let (mut remains, mut before) = (Remains::from(map), left());
        assert!(!remains.is_shared());
        while remains.shrink() {
            let now = left();
            assert!(before - now <= super::super::node::LEAF, "{before} {now}");
            before = now;
        }
        assert_eq!(before, 0);
    }

    #[test]
    fn what_another_version_has_stays() {
        let map = map(5_000);
        let mut newer = map.clone();
        newer.insert("one-more".parse().expect("a name"), Arc::new(0));
        let kept = newer.clone();
        let mut remains = Remains::from(newer);
        assert!(remains.is_shared());
        while remains.shrink() {}
        assert_eq!((map.iter().count(), kept.iter().count()), (5_000, 5_001));
        drop(kept);
        assert_eq!(map.iter().count(), 5_000);
    }
}
