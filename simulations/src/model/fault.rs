//! Bugs that can be put into the model: each must be found.

/// A bug of the model, to show that its properties can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A withdrawal goes on when a newer tunnel has been tried, and names whatever route of its agent the proxy sees.
    WithdrawsAnySequence,
    /// The tunnel of the highest number counts as the last, whichever came last: one that was refused withdraws the route of one that was opened before it and came after.
    CountsByNumber,
    /// A withdrawal counts as done where the table does not show its route, whether that table follows or not.
    BelievesLaggingTable,
    /// An agent is told that dials may come before its route is committed.
    WelcomesTooEarly,
    /// The table does not remember which proposals it has applied: a late or repeated one is applied as if it were new.
    ForgetsProposers,
    /// An owner that has not got the tunnel passes the dial on by itself.
    OwnersForward,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::WithdrawsAnySequence,
        Self::CountsByNumber,
        Self::BelievesLaggingTable,
        Self::WelcomesTooEarly,
        Self::ForgetsProposers,
        Self::OwnersForward,
    ];

    /// The property that notices it.
    pub fn breaks(self) -> &'static str {
        match self {
            Self::WithdrawsAnySequence | Self::CountsByNumber => "G4: what is late removes nothing that is newer",
            Self::WelcomesTooEarly => "routable means committed",
            Self::ForgetsProposers | Self::BelievesLaggingTable => "no route without its tunnel",
            Self::OwnersForward => "T4: at most one hop between proxies",
        }
    }
}
