//! The places in the product at which a simulation looks in, and at which a host can be made to crash.

/// Each place, and what is so there.
pub const POINTS: &[(&str, &str)] = &[
    ("agent.asked_to_move", "the agent was asked to go to another proxy"),
    ("agent.retired", "the route of a tunnel that the agent wants no more was withdrawn"),
    ("agent.silent", "a tunnel gives no sign of life: another one is opened beside"),
    ("agent.tunnel_ended", "a tunnel, or a try to open one, has ended"),
    ("agent.waiting", "the agent was told that its route is not committed yet"),
    ("agent.welcomed", "the agent was told that its route is committed"),
    ("disk.written", "batches are written and not flushed yet"),
    ("net.stalled_cut", "streams that nobody reads were cut: their memory is used up"),
    ("proxy.dial_again", "a dial whose tunnel is no more goes by the table anew"),
    ("proxy.dial_by_newer_tunnel", "a dial found its tunnel replaced, here, and takes the newer one"),
    ("proxy.dial_carried", "the owner of the tunnel has told the ingress that it is connected"),
    ("proxy.dial_hedged", "a dial that takes long is tried another way beside"),
    ("proxy.dial_missed", "one way of a dial has failed"),
    ("proxy.drain_begun", "a proxy gives away what it has"),
    ("proxy.drained", "it has"),
    ("proxy.enrolment_answered", "a machine has its certificate"),
    ("proxy.route_committed", "a route is committed, and its agent does not know"),
    ("proxy.route_waits", "a route could not be committed in time"),
    ("proxy.token_consumed", "a token is used up, and the machine has no certificate yet"),
    ("proxy.tunnel_replaced", "a newer tunnel of the same agent closes this one"),
    ("proxy.tunnel_retired", "the route of a retired tunnel is withdrawn, and its agent does not know"),
    ("proxy.welcome", "an agent is about to be told that its route is committed"),
    ("proxy.withdrawal_proposed", "a route is about to be withdrawn"),
    ("raft.append_flushed", "entries are flushed, and openraft does not know"),
    ("raft.append_submitted", "entries are on their way to the disk, unflushed"),
    ("raft.applied", "entries are applied, and who proposed them does not know"),
    ("raft.committed", "a leader's entry is committed, and who proposed it does not know"),
    ("raft.disk_failed", "the store has stopped for good: the process is to end"),
    ("raft.disk_full", "the disk takes no writes: the store waits for room"),
    ("raft.epoch_begun", "a proxy has a new epoch"),
    ("raft.hand_over_begun", "a leader has closed its gate and is about to call its successor"),
    ("raft.handed_over", "the successor leads"),
    ("raft.install_begun", "the first piece of a leader's snapshot has come"),
    ("raft.install_piece", "another piece of it is on the disk"),
    ("raft.installed", "it is the state"),
    ("raft.leader_asked_again", "who proposes or reads got no answer and asks again"),
    ("raft.lease_expired", "a leader ends the lease of a proxy"),
    ("raft.lease_lost", "a proxy knows that its lease is over"),
    ("raft.membership_entered", "a change of the members is committed"),
    ("raft.membership_proposed", "a leader is about to change the members"),
    ("raft.purging", "the log is about to be purged behind a snapshot"),
    ("raft.snapshot_current", "a snapshot has taken its place, and the one before is still there"),
    ("raft.snapshot_kept", "a snapshot is whole on the disk and has not taken its place"),
    ("raft.snapshot_piece", "a piece of a snapshot is on the disk"),
    ("raft.snapshot_taken_in", "a leader's snapshot has taken its place, and the table is the old one"),
    ("raft.truncating", "a follower is about to remove what another leader overruled"),
    ("raft.vote_saved", "a vote is on the disk, and has not left"),
];

#[cfg(test)]
mod tests {
    use crate::sources::names;

    #[test]
    fn every_place_of_the_product_is_listed_and_no_other() {
        let listed: Vec<_> = super::POINTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(listed, names("reached!"));
    }
}
