//! Who is a member at all, and where it is reached: as the table has it.

use super::change::Change;
use super::view::View;

/// A member has moved. First of all: it may be what keeps the member down.
pub(super) fn readdress(view: &View) -> Option<Change> {
    let mut moved = view.members.iter().filter_map(|(id, old)| {
        let new = view.proxies.get(id)?.address.as_ref()?;
        (new != old).then(|| Change::Readdress(*id, new.clone()))
    });
    moved.next()
}

/// A proxy has started that is no member yet.
pub(super) fn add_learner(view: &View) -> Option<Change> {
    let mut strangers = view.proxies.iter().filter(|(id, listed)| !view.members.contains_key(id) && !listed.removed);
    strangers.find_map(|(id, listed)| listed.address.clone().map(|address| Change::AddLearner(*id, address)))
}

/// A learner's proxy was removed. The leader goes last: it leads, as a learner, until that is committed.
pub(super) fn forget(view: &View) -> Option<Change> {
    let voters = view.voters();
    let removed = |id: &&_| !view.is_listed(**id) && !voters.contains(id);
    let id = view.members.keys().filter(removed).min_by_key(|id| **id == view.leader)?;
    Some(Change::Forget(*id))
}

/// A proxy that was removed is no member any more, and then its record goes: not before, because who is not in the table is refused, and
/// could not acknowledge the change that takes its vote.
pub(super) fn erase(view: &View) -> Option<Change> {
    let mut removed = view.proxies.iter().filter(|(id, listed)| listed.removed && !view.members.contains_key(id));
    removed.next().map(|(id, _)| Change::Erase(*id))
}
