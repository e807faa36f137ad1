//! G2, G3: when all is well, every tunnel that an agent was told of is in the table of every proxy, and nothing else is.

use std::collections::BTreeSet;

use super::{Invariant, Violation};
use crate::run::Scene;

/// Compares what agents hold with what the proxies know.
#[derive(Debug, Default)]
pub(super) struct Routes;

impl Invariant for Routes {
    fn settle(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let held: BTreeSet<_> = scene
            .stage
            .agents()
            .into_iter()
            .flat_map(|(agent, status)| status.tunnels.into_iter().map(move |proxy| (format!("agent-{agent}"), proxy)))
            .collect();
        for (host, member) in scene.stage.members() {
            let table = member.store.table();
            let known: BTreeSet<_> = table
                .agents()
                .flat_map(|(name, _)| table.routes_of(name).map(|route| (name.to_string(), route.proxy)).collect::<Vec<_>>())
                .collect();
            if let Some((agent, proxy)) = held.difference(&known).next() {
                return Err(Violation::new(
                    "G2",
                    format!("{agent} was told of its tunnel to proxy {proxy}, which the proxy of {} does not know", host.0),
                ));
            }
            if let Some((agent, proxy)) = known.difference(&held).next() {
                return Err(Violation::new(
                    "G3",
                    format!("the proxy of {} knows a tunnel of {agent} to proxy {proxy} that the agent does not have", host.0),
                ));
            }
        }
        Ok(())
    }
}
