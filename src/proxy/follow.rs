//! What follows from each change of the table: the links to peers, and what agents are told.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use warren_raft::{LeaseState, ProxyId, RoutingStore};

use super::mesh::{Known, Links};
use super::public::{cluster_view, with_pulse};
use super::rotation::announced;
use crate::wire::{Authorities, ClusterView};

/// Follows the table until `cancel`.
pub(super) async fn follow(
    me: ProxyId,
    store: RoutingStore,
    links: Links,
    (view, authorities): (watch::Sender<ClusterView>, watch::Sender<Authorities>),
    cancel: CancellationToken,
) {
    let (mut applied, mut lease) = (store.applied(), store.lease());
    let mut is_current = false;
    loop {
        let index = *applied.borrow_and_update();
        is_current |= matches!(*lease.borrow_and_update(), LeaseState::Held(_));
        let table = store.table();
        links.follow(&table, if is_current { Known::Current } else { Known::Replayed });
        let now = with_pulse(cluster_view(&table, index), me, view.borrow().pulse_ms);
        view.send_if_modified(|told| {
            let changed = is_news(told, &now);
            *told = now;
            changed
        });
        let announced = announced(&table, index);
        authorities.send_if_modified(|told| {
            let changed = told.certificates != announced.certificates;
            *told = announced;
            changed
        });
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { return },
            changed = lease.changed() => if changed.is_err() { return },
            () = cancel.cancelled() => return,
        }
    }
}

/// Whether agents are to be told at once: the index and how many tunnels each proxy holds change with every tunnel, and are told with the next thing that is news.
fn is_news(told: &ClusterView, now: &ClusterView) -> bool {
    let without_tunnels = |view: &ClusterView| {
        let mut view = view.clone();
        view.index = 0;
        view.proxies.iter_mut().for_each(|member| member.tunnels = 0);
        view
    };
    without_tunnels(told) != without_tunnels(now)
}
