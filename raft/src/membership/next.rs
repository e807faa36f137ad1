//! The next change: which idea comes first.

use tokio::time::Instant;

use super::change::Change;
use super::nodes;
use super::quorum::is_majority;
use super::rules::Rules;
use super::seats::Seats;
use super::view::View;

/// The next change, if one is due.
pub fn next_change(view: &View, rules: &Rules, now: Instant) -> Option<Change> {
    if !is_majority(&view.configurations, &view.healthy()) {
        return None;
    }
    if view.configurations.len() > 1 {
        return Some(Change::Settle(view.voters()));
    }
    nodes::readdress(view)
        .or_else(|| nodes::add_learner(view))
        .or_else(|| Seats::new(view, rules, now).next_change())
        .or_else(|| nodes::forget(view))
        .or_else(|| nodes::erase(view))
}
