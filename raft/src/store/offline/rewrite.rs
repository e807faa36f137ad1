//! Makes a state the whole of a store.

use std::collections::BTreeMap;

use openraft::CommittedLeaderId;

use crate::disk::writer::Writer;
use crate::disk::{Change, DiskError, Space};
use crate::ids::ProxyId;
use crate::store::opening::CURRENT_FORMAT;
use crate::store::records::{COMMITTED, FORMAT, ID, LEVEL, PURGED, VOTE, log_range, put_meta};
use crate::store::state::{Image, snapshots};
use crate::store::types::{LogId, Member, Membership, Vote};

/// The entry with which a group of one begins. There is no such entry in any log: the snapshot stands for it.
pub(super) fn beginning(me: ProxyId, term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, me), index)
}

/// A group of one, as of the entry with which it begins.
pub(super) fn group_of_one(begins: LogId, me: ProxyId, address: String) -> Membership {
    let nodes = BTreeMap::from([(me, Member { address })]);
    Membership::new(Some(begins), openraft::Membership::new(vec![[me].into()], nodes))
}

/// Replaces snapshot, log and vote by the state, all at once, and returns when that is durable.
pub(super) async fn rewrite(writer: &Writer, me: ProxyId, image: &Image) -> Result<(), DiskError> {
    let term = image.last_applied.map_or(0, |begins| begins.leader_id.term);
    let also = vec![
        put_meta(FORMAT, &CURRENT_FORMAT),
        put_meta(ID, &me),
        put_meta(LEVEL, &image.table.level()),
        // Not as the leader: it stands for election like everybody, and wins alone.
        put_meta(VOTE, &Vote::new(term, me)),
        put_meta(COMMITTED, &image.last_applied),
        put_meta(PURGED, &image.last_applied),
        Change::Remove(Space::Log, log_range(0, None)),
    ];
    snapshots::save_with(writer, image, also).await
}
