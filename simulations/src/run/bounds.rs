//! How long the cluster may take, by design.md section 9 and simulation.md (L1 to L4), with the invariant that each is.

use std::time::Duration;

/// Until the first proxy has made its cluster.
pub(super) const FIRST: (&str, Duration) = ("L0", Duration::from_secs(10));
/// Until proxies, agents and clients are together, with nothing wrong.
pub(super) const BOOT: (&str, Duration) = ("L0", Duration::from_secs(40));
/// Until all is well after the last fault: a start, a join, an election, and an agent whose proxies were away for long.
pub(super) const WHOLE: (&str, Duration) = ("L3", Duration::from_secs(60));
/// Until whatever was broken a moment ago is noticed: a tunnel that fell silent is closed after 8 s (`proxy/liveness.rs`, design.md section 9 says 10).
pub(super) const NOTICED: Duration = Duration::from_secs(10);
/// Until all proxies have applied the same, without traffic.
pub(super) const SAME: (&str, Duration) = ("L2", Duration::from_secs(10));
/// Until every dial has ended once nothing is wrong.
pub(super) const DIALS: (&str, Duration) = ("T3", Duration::from_secs(75));
/// Until a write through each proxy is acknowledged, with nothing wrong.
pub(super) const WRITES: (&str, Duration) = ("L4", Duration::from_secs(5));
/// Until a route that leads nowhere is gone: a tunnel that fell silent is closed after 8 s (`proxy/liveness.rs`), a lease ends after 3 to 5 s, a withdrawal is tried for as long as that takes
/// (T2: the lease and 2 s), and an agent keeps a tunnel that is not wanted for up to 15 s (`agent/live.rs`).
pub(super) const STALE: (&str, Duration) = ("T2", Duration::from_secs(20));
/// The longest idle time-out of a connection is 10 s (`net/quic/profile.rs`), one between two proxies whose place another one has is closed after 5 s (`proxy/mesh/leftovers.rs`), and an agent keeps a tunnel
/// that is not wanted for up to 15 s (`agent/live.rs`); and a moment.
pub(super) const LEFT: (&str, Duration) = ("N2", Duration::from_secs(17));
