//! Where a client may enter the cluster: where it was told to on the command line, which stays as it is, or where the cluster has said that its proxies are, which
//! each connection brings up to date.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::identity::KnownProxies;
use crate::wire::Member;

/// The addresses. Cheap to clone: all clones learn together.
#[derive(Clone, Debug)]
pub struct Entrances {
    what: Arc<Mutex<Known>>,
    from: Source,
    /// Whether the newest connection has been asked where the proxies are, whatever came of it.
    asked: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Known {
    addresses: Vec<String>,
    /// Those among them of proxies that drain or are down, where others are up.
    shunned: Vec<String>,
}

impl Known {
    fn of(proxies: &[Member]) -> Self {
        let addresses = KnownProxies::addresses(proxies);
        let up: Vec<_> = proxies.iter().filter(|member| member.is_up()).cloned().collect();
        let up = KnownProxies::addresses(&up);
        let shunned = if up.is_empty() { Vec::new() } else { addresses.iter().filter(|address| !up.contains(address)).cloned().collect() };
        Self { addresses, shunned }
    }
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
        Self::new(Known { addresses, shunned: Vec::new() }, Source::Given)
    }

    /// Those of the proxies that were known when it was last asked.
    pub fn known(proxies: &[Member]) -> Self {
        Self::new(Known::of(proxies), Source::Cluster)
    }

    fn new(known: Known, from: Source) -> Self {
        Self { what: Arc::new(Mutex::new(known)), from, asked: watch::Sender::new(false) }
    }

    /// The addresses as they are now.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.what().addresses.clone()
    }

    /// Those of them that are of use only where no other one is: their proxies drain or are down, as far as is known.
    pub(super) fn shunned(&self) -> Vec<String> {
        self.what().shunned.clone()
    }

    /// Whether there is a choice.
    pub(super) fn are_several(&self) -> bool {
        self.what().addresses.len() > 1
    }

    /// The cluster says where its proxies are.
    pub(super) fn told(&self, proxies: &[Member]) {
        let known = Known::of(proxies);
        if self.from == Source::Cluster && !known.addresses.is_empty() {
            *self.what() = known;
        }
    }

    fn what(&self) -> MutexGuard<'_, Known> {
        self.what.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn who_drains_or_is_down_is_shunned_while_another_one_is_up() {
        let states = |states: &[MemberState]| {
            let members = (1..).zip(states).map(|(id, state)| Member { state: *state, ..member(id, &format!("a:{id}")) });
            Entrances::known(&members.collect::<Vec<_>>()).shunned()
        };
        assert_eq!(states(&[MemberState::Up, MemberState::Up]), Vec::<String>::new());
        assert_eq!(states(&[MemberState::Draining, MemberState::Up, MemberState::Down]), ["a:1", "a:3"]);
        assert_eq!(states(&[MemberState::Draining, MemberState::Down]), Vec::<String>::new(), "there is no other one");
    }
}
