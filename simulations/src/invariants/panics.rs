//! N3: nothing panics.

use std::cell::RefCell;
use std::sync::Once;

use super::{Invariant, Violation};
use crate::run::Scene;
use crate::world::running;

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}
static HOOK: Once = Once::new();

/// Hears of every panic of this thread: a task that panics ends without a word to anybody else.
#[derive(Debug)]
pub(super) struct Panics;

impl Panics {
    /// From now on.
    pub(super) fn heard() -> Self {
        HOOK.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                let host = running().map_or("nobody".to_owned(), |host| format!("the machine {}", host.0));
                // A thread that is ending has no list any more, and a run on it neither.
                let _ = PANICS.try_with(|panics| panics.borrow_mut().push(format!("{host} panicked: {panic}")));
                report(panic);
            }));
        });
        PANICS.take();
        Self
    }
}

fn none() -> Result<(), Violation> {
    PANICS.take().into_iter().next().map_or(Ok(()), |what| Err(Violation::new("N3", what)))
}

impl Invariant for Panics {
    fn look(&mut self, _: &Scene<'_>) -> Result<(), Violation> {
        none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_nobody_else_hears_of_is_seen() {
        let _panics = Panics::heard();
        assert_eq!(none(), Ok(()));
        let caught = std::panic::catch_unwind(|| panic!("as meant"));
        assert!(caught.is_err());
        assert!(none().is_err_and(|violation| violation.what.contains("as meant")));
        assert_eq!(none(), Ok(()));
    }
}
