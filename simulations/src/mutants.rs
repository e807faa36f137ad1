//! The bugs that can be switched on in the product, to show that the simulation finds them.

/// A bug that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// How it is called where it is.
    pub name: &'static str,
    /// What is wrong with it.
    pub breaks: &'static str,
    /// The invariant that should tell.
    pub caught_by: &'static str,
}

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    Mutant { name: "append_not_flushed", breaks: "an append is acknowledged when it is written", caught_by: "R4" },
    Mutant { name: "apply_skips", breaks: "of entries that are applied together every second one is left out", caught_by: "R6" },
    Mutant { name: "fatal_ignored", breaks: "a store that has stopped for good says nothing", caught_by: "N1" },
    Mutant { name: "forwarded_to_itself", breaks: "a proxy looks for its own tunnels at a peer: itself", caught_by: "T1" },
    Mutant { name: "lease_never_ends", breaks: "the lease of a dead proxy is never ended", caught_by: "T2" },
    Mutant { name: "leftover_kept", breaks: "a connection between proxies whose place another one has taken stays", caught_by: "N2" },
    Mutant { name: "link_kept", breaks: "what keeps up the connections to a removed proxy goes on", caught_by: "N2" },
    Mutant { name: "no_deduplication", breaks: "a proposal that arrives twice is applied twice", caught_by: "G3" },
    Mutant { name: "old_epoch_kept", breaks: "a proxy that starts again keeps the epoch of its dead tunnels", caught_by: "G6" },
    Mutant { name: "purge_unguarded", breaks: "the log is purged before the snapshot that covers it is on the disk", caught_by: "R8" },
    Mutant { name: "removal_forgotten", breaks: "the removal of a client is acknowledged, and changes nothing", caught_by: "G8" },
    Mutant { name: "reset_is_an_end", breaks: "a broken stream ends like a whole one", caught_by: "B1" },
    Mutant { name: "routes_forgotten", breaks: "a new epoch's routes are not registered again", caught_by: "G2" },
    Mutant { name: "stale_read", breaks: "a leader confirms reads without asking the quorum", caught_by: "G5" },
    Mutant { name: "token_used_again", breaks: "a token for one machine is good for many", caught_by: "G7" },
    Mutant { name: "truncation_dropped", breaks: "what another leader overruled stays in the log", caught_by: "R2" },
    Mutant { name: "vote_not_flushed", breaks: "a vote leaves before it is flushed", caught_by: "R9" },
    Mutant { name: "welcome_before_commit", breaks: "an agent is welcomed before its route is committed", caught_by: "G1" },
    Mutant { name: "withdrawal_given_up", breaks: "the route of a closed tunnel is left in the table", caught_by: "T2" },
    Mutant { name: "withdrawal_of_any", breaks: "a withdrawal removes whatever route the proxy has by then", caught_by: "G4" },
    Mutant { name: "wrong_agent", breaks: "a dial goes to the first agent there is", caught_by: "B1" },
];

#[cfg(test)]
mod tests {
    use crate::sources::names;

    #[test]
    fn every_bug_in_the_product_is_listed_and_no_other() {
        let listed: Vec<_> = super::MUTANTS.iter().map(|mutant| mutant.name.to_owned()).collect();
        assert_eq!(listed, names("mutant!"));
    }
}
