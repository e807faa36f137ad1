//! G8: a client that was removed is let in by no proxy that has applied its removal.

use super::{Invariant, Violation};
use crate::run::Scene;

/// Whether one of them got in.
#[derive(Debug, Default)]
pub(super) struct Outcasts;

fn judge(let_in: &[String]) -> Result<(), Violation> {
    match let_in.first() {
        Some(how) => Err(Violation::new("G8", format!("a client that was removed got in: {how}"))),
        None => Ok(()),
    }
}

impl Invariant for Outcasts {
    fn look(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        judge(&scene.stage.outcasts_let_in())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_gets_in_is_seen() {
        assert!(judge(&[]).is_ok() && judge(&["outcast-0 by 1: connected".to_owned()]).is_err());
    }
}
