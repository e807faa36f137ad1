//! `cargo sim model`: every state of registrations, epochs and withdrawals, within larger bounds than the test's.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use crate::model::{NEVER, Registration};

/// How much there is.
#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// Proxies.
    #[arg(long, default_value_t = 2)]
    proxies: usize,
    /// Agents.
    #[arg(long, default_value_t = 1)]
    agents: usize,
    /// Tunnels that each agent tries.
    #[arg(long, default_value_t = 2)]
    tunnels: u64,
    /// Proposals in a proxy's life.
    #[arg(long, default_value_t = 2)]
    proposals: u64,
    /// Crashes.
    #[arg(long, default_value_t = 1)]
    crashes: u32,
    /// Lost leases.
    #[arg(long, default_value_t = 1)]
    lost_leases: u32,
}

impl ModelArgs {
    /// Does it: 0 when every promise is kept in every state, 1 when not. Moments that never came say what these bounds have no place for.
    pub(super) fn run(self) -> ExitCode {
        let Self { proxies, agents, tunnels, proposals, crashes, lost_leases } = self;
        let searched = Registration { proxies, agents, tunnels, proposals, crashes, lost_leases, ..Registration::small() }.search();
        let mut out = io::stdout();
        let _ = writeln!(out, "{} states, {} events deep, {:.1?}", searched.states, searched.depth, searched.took);
        let (never, broken): (Vec<_>, Vec<_>) = searched.failed.iter().partition(|(_, way)| way == NEVER);
        for (moment, _) in never {
            let _ = writeln!(out, "no place for: {moment}");
        }
        for (promise, way) in &broken {
            let _ = writeln!(out, "broken: {promise}: {way}");
        }
        ExitCode::from(u8::from(!broken.is_empty()))
    }
}
