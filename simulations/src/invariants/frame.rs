//! What every checker is asked.

use warren_raft::fault::Observation;

use super::Violation;
use crate::network::HostId;
use crate::run::Scene;

/// A promise that is looked at while a plan runs.
pub trait Invariant {
    /// A member promises something, at this moment.
    ///
    /// # Errors
    /// [`Violation`]
    fn observe(&mut self, _: &Observation) -> Result<(), Violation> {
        Ok(())
    }

    /// The code of a machine has come to a place.
    fn reached(&mut self, _: HostId, _: &'static str) {}

    /// Some time has passed.
    ///
    /// # Errors
    /// [`Violation`]
    fn look(&mut self, _: &Scene<'_>) -> Result<(), Violation> {
        Ok(())
    }

    /// Everything is over, and all is well.
    ///
    /// # Errors
    /// [`Violation`]
    fn settle(&mut self, _: &Scene<'_>) -> Result<(), Violation> {
        Ok(())
    }
}
