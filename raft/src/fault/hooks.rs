//! What a simulation wants to do at the points.

use std::cell::RefCell;
use std::rc::Rc;

use super::Observation;

/// What a simulation does where the code has come to a point.
pub trait Hooks {
    /// The code has come to this place.
    fn reached(&self, place: &'static str);

    /// Whether this bug is switched on.
    fn is_mutant(&self, name: &'static str) -> bool;

    /// A member promises this.
    fn observe(&self, observation: &Observation);
}

thread_local! {
    static HOOKS: RefCell<Option<Rc<dyn Hooks>>> = const { RefCell::new(None) };
}

/// From now on these are asked on this thread; `None` for nobody.
pub fn install(hooks: Option<Rc<dyn Hooks>>) {
    HOOKS.with_borrow_mut(|installed| *installed = hooks);
}

/// The code has come to `place`.
pub fn pass(place: &'static str) {
    with(|hooks| hooks.reached(place));
}

/// Whether the bug `name` is switched on.
pub fn is_mutant(name: &'static str) -> bool {
    with(|hooks| hooks.is_mutant(name)).unwrap_or(false)
}

/// This is promised.
pub fn observed(observation: &Observation) {
    with(|hooks| hooks.observe(observation));
}

/// The hooks may come to further points: they are not borrowed meanwhile.
fn with<T>(ask: impl FnOnce(&dyn Hooks) -> T) -> Option<T> {
    let hooks = HOOKS.try_with(|installed| installed.borrow().clone()).ok().flatten();
    hooks.map(|hooks| ask(&*hooks))
}
