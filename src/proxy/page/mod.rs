//! The status page: what `status` shows and what else helps to see what is wrong, drawn by the proxy itself.
//!
//! ```text
//!  View (facts) --> a section each: verdict, problems, picture, members, plots, agents, events --> document (HTML) or the sections alone (JSON), for a page that is open
//! ```
//! All of it is pure but for `admin/page.rs`, which gathers the facts. It needs nothing from outside, and no script to be read: a script only puts newer sections in the place of
//! older ones. It must *never* show a byte that somebody else has chosen without [`Escaped`], and must stay small however large the cluster is.

mod agents;
mod document;
mod escaped;
mod events;
mod figures;
mod hint;
mod html;
mod icon;
mod members;
mod picture;
mod plots;
mod problems;
#[cfg(test)]
mod tests;
mod tone;
mod verdict;
mod view;

pub(super) use document::{CONTENT_POLICY, FAVICON, Sections, document};
pub(super) use view::{Group, Listed, MAX_GROUPS, MAX_LISTED, MAX_NAMED, View};
