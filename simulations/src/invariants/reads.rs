//! G5: what a member shows never goes back while it runs, and a read that was confirmed shows all that was acknowledged before it was asked for.

use std::collections::BTreeMap;

use super::glimpse::Glimpse;
use super::{Invariant, Violation};
use crate::cast::Read;
use crate::network::HostId;
use crate::run::Scene;

/// Compares what is read with what was read and acknowledged before.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// What a machine has shown last, in which life.
    shown: BTreeMap<HostId, (u64, u64)>,
}

impl Reads {
    fn shows(&mut self, host: HostId, glimpse: &Glimpse) -> Result<(), Violation> {
        let now = (glimpse.life, glimpse.shown.applied);
        let before = self.shown.insert(host, now).unwrap_or(now);
        if before.0 == now.0 && now.1 < before.1 {
            return Err(Violation::new("G5", format!("the proxy of {} showed entry {}, and shows {}", host.0, before.1, now.1)));
        }
        Ok(())
    }
}

fn confirmed(read: &Read) -> Result<(), Violation> {
    if read.seen >= read.acknowledged {
        return Ok(());
    }
    let Read { host, acknowledged, seen } = read;
    let what =
        format!("entry {acknowledged} was acknowledged before the proxy of {} was asked, and its read was confirmed at {seen}", host.0);
    Err(Violation::new("G5", what))
}

impl Invariant for Reads {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        scene.stage.take_reads().iter().try_for_each(confirmed)?;
        scene.glimpses.iter().try_for_each(|(host, glimpse)| self.shows(*host, glimpse))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use warren_raft::ProxyId;

    use super::*;
    use crate::invariants::glimpse::Shown;

    #[test]
    fn a_table_that_goes_back_is_seen() {
        let glimpse = |life, applied| {
            let shown = Rc::new(Shown { applied, ..Shown::default() });
            Glimpse { id: ProxyId(1), life, lease: None, leads: false, leader: None, voters: Vec::new(), shown }
        };
        let mut reads = Reads::default();
        for (life, applied, violated) in [(1, 5, false), (1, 5, false), (1, 9, false), (2, 3, false), (2, 2, true)] {
            assert_eq!(reads.shows(HostId(1), &glimpse(life, applied)).is_err(), violated, "{applied} in life {life}");
        }
    }

    #[test]
    fn a_read_older_than_what_was_acknowledged_is_seen() {
        let read = |acknowledged, seen| confirmed(&Read { host: HostId(1), acknowledged, seen });
        assert!(read(5, 5).is_ok() && read(5, 6).is_ok() && read(5, 4).is_err());
    }
}
