//! All checkers of a run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use warren_raft::ProxyId;
use warren_raft::fault::Observation;

use super::gaps::Gaps;
use super::scene::{OnDisk, Phase, Scene};
use crate::cast::{Outcome, Stage};
use crate::disk::SimVolume;
use crate::invariants::{self, Committed, Durables, Invariant, Synced, Violation, purged_is_covered};
use crate::network::HostId;

/// All checkers, and what they have found first. Clones are the same.
#[derive(Clone)]
pub struct Watch(Rc<RefCell<State>>);

struct State {
    stage: Stage,
    disks: BTreeMap<HostId, Arc<SimVolume>>,
    synced: Synced,
    committed: Committed,
    others: Vec<Box<dyn Invariant>>,
    found: Option<Violation>,
    welcomed: u64,
    led: BTreeSet<(ProxyId, u64)>,
    writes: Gaps,
    dials: Gaps,
    served: usize,
}

impl Watch {
    /// All that there are.
    pub fn new(stage: Stage, disks: BTreeMap<HostId, Arc<SimVolume>>) -> Self {
        let (synced, committed) = (Synced::default(), Committed::default());
        Self(Rc::new(RefCell::new(State {
            stage,
            disks,
            synced,
            committed,
            others: invariants::all(),
            found: None,
            welcomed: 0,
            led: BTreeSet::new(),
            writes: Gaps::default(),
            dials: Gaps::default(),
            served: 0,
        })))
    }

    /// A member promises something.
    pub fn observe(&self, observation: &Observation) {
        // What a checker asks of the product may promise something again: that is told already.
        let Ok(mut state) = self.0.try_borrow_mut() else { return };
        let State { stage, disks, synced, committed, others, welcomed, led, writes, .. } = &mut *state;
        *welcomed += u64::from(matches!(observation, Observation::Welcomed { .. }));
        if let Observation::Acknowledged { index, .. } = observation {
            stage.note_acknowledged(*index);
            writes.happens(stage.trace().now_us());
        }
        if let Observation::Stands(stand) = observation
            && stand.leads
        {
            led.insert((stand.member, stand.term));
        }
        let on_disk = OnDisk::of(stage, disks);
        let mut checked = synced.observe(observation, &on_disk).and_then(|()| committed.observe(observation));
        if let Observation::Stands(stand) = observation
            && let Some(disk) = on_disk.of(stand.member)
        {
            checked = checked.and_then(|()| purged_is_covered(stand.member, disk));
        }
        for invariant in others {
            checked = checked.and_then(|()| invariant.observe(observation));
        }
        state.note(checked);
    }

    /// The code of a machine has come to a place.
    pub fn reached(&self, host: HostId, place: &'static str) {
        if let Ok(mut state) = self.0.try_borrow_mut() {
            state.others.iter_mut().for_each(|invariant| invariant.reached(host, place));
        }
    }

    /// Looks at everything.
    pub fn look(&self, scene: &Scene<'_>) {
        let mut state = self.0.borrow_mut();
        state.gaps(scene);
        let checked = state.others.iter_mut().try_for_each(|invariant| invariant.look(scene));
        state.note(checked);
    }

    /// Looks at everything for the last time, when all is well. What is wrong is not noted yet.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn settled(&self, scene: &Scene<'_>) -> Result<(), Violation> {
        self.0.borrow_mut().others.iter_mut().try_for_each(|invariant| invariant.settle(scene))
    }

    /// Something else was seen.
    pub fn note(&self, violation: Violation) {
        self.0.borrow_mut().note(Err(violation));
    }

    /// A machine has lost power: what its disk has kept must be whole, whether or not its member ever opens it.
    pub fn crashed(&self, host: HostId) {
        let mut state = self.0.borrow_mut();
        let Some((id, disk)) = state.stage.id(host).zip(state.disks.get(&host)) else { return };
        let checked = purged_is_covered(id, &disk.durable());
        state.note(checked);
    }

    /// A machine got a new disk: what its member has promised is gone with it.
    pub fn wiped(&self, host: HostId) {
        let mut state = self.0.borrow_mut();
        if let Some(id) = state.stage.id(host) {
            state.committed.forget(id);
        }
    }

    /// What was found first.
    pub fn found(&self) -> Option<Violation> {
        self.0.borrow().found.clone()
    }

    /// The longest times between two writes that were acknowledged, and between two dials that were served, while nothing was wrong and everybody worked, in milliseconds.
    pub fn gaps_ms(&self) -> (u64, u64) {
        let state = self.0.borrow();
        (state.writes.longest_ms(), state.dials.longest_ms())
    }

    /// Registrations that agents were told of.
    pub fn welcomed(&self) -> u64 {
        self.0.borrow().welcomed
    }

    /// Elections that were won, as the winners told.
    pub fn elections(&self) -> u64 {
        self.0.borrow().led.len() as u64
    }
}

impl State {
    fn gaps(&mut self, scene: &Scene<'_>) {
        let served = scene.stage.with_dials(|dials| dials.values().filter(|dial| dial.outcome == Some(Outcome::Whole)).count());
        if std::mem::replace(&mut self.served, served) < served {
            self.dials.happens(scene.now_us);
        }
        if scene.calm_since_us.is_none() || scene.phase != Phase::Safety {
            self.writes.interrupt();
            self.dials.interrupt();
        }
    }

    fn note(&mut self, checked: Result<(), Violation>) {
        if let Err(violation) = checked
            && self.found.is_none()
        {
            self.stage.trace().event(format_args!("VIOLATION {violation}"));
            self.found = Some(violation);
        }
    }
}
