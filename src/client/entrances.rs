//! Where a client may enter the cluster: where it was told to on the command line, which stays as it is, or where the cluster has said that its proxies are, which
//! each connection brings up to date.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::identity::KnownProxies;
use crate::wire::Member;

/// The addresses. Cheap to clone: all clones learn together.
#[derive(Clone, Debug)]
pub struct Entrances {
    addresses: Arc<Mutex<Vec<String>>>,
    from: Source,
    /// Whether the newest connection has been asked where the proxies are, whatever came of it.
    asked: watch::Sender<bool>,
}

/// Who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Whoever started this, who alone decides.
    Given,
    /// The cluster.
    Cluster,
}

impl Entrances {
    /// These and no others.
    pub fn given(addresses: Vec<String>) -> Self {
        Self::new(addresses, Source::Given)
    }

    /// Those of the proxies that were known when it was last asked.
    pub fn known(proxies: &[Member]) -> Self {
        Self::new(KnownProxies::addresses(proxies), Source::Cluster)
    }

    fn new(addresses: Vec<String>, from: Source) -> Self {
        Self { addresses: Arc::new(Mutex::new(addresses)), from, asked: watch::Sender::new(false) }
    }

    /// The addresses as they are now.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is a choice.
    pub(super) fn are_several(&self) -> bool {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).len() > 1
    }

    /// The cluster says where its proxies are.
    pub(super) fn told(&self, proxies: &[Member]) {
        let addresses = KnownProxies::addresses(proxies);
        if self.from == Source::Cluster && !addresses.is_empty() {
            *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
        }
    }

    /// A connection is about to be asked.
    pub(super) fn ask(&self) {
        self.asked.send_replace(false);
    }

    /// It was asked: it has answered, or will not.
    pub(super) fn asked(&self) {
        self.asked.send_replace(true);
    }

    /// Returns when the newest connection has been asked.
    pub(super) async fn until_asked(&self) {
        // The sender is this.
        let _ = self.asked.subscribe().wait_for(|asked| *asked).await;
    }
}

#[cfg(test)]
mod tests {
    use warren_raft::ProxyId;

    use super::*;
    use crate::wire::MemberState;

    fn member(id: u64, address: &str) -> Member {
        Member {
            id: ProxyId(id),
            name: format!("proxy-{id}"),
            peer_address: String::new(),
            public_addresses: vec![address.to_owned()],
            zone: String::new(),
            state: MemberState::Up,
            tunnels: 0,
        }
    }

    #[test]
    fn what_the_cluster_says_counts_where_nobody_said_otherwise() {
        let check = |entrances: Entrances, told: &[Member], expected: &[&str]| {
            entrances.told(told);
            assert_eq!(entrances.addresses(), expected);
            assert_eq!(entrances.are_several(), expected.len() > 1);
        };
        let (one, two) = (member(1, "a:1"), member(2, "b:2"));
        check(Entrances::known(std::slice::from_ref(&one)), &[one.clone(), two.clone()], &["a:1", "b:2"]);
        check(Entrances::known(&[one.clone(), two.clone()]), std::slice::from_ref(&two), &["b:2"]);
        check(Entrances::known(std::slice::from_ref(&one)), &[], &["a:1"]);
        check(Entrances::given(vec!["c:3".to_owned()]), &[one, two], &["c:3"]);
    }
}
