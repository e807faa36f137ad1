//! The picture: proxies, the links between them, and where the agents are.
//!
//! A few proxies stand in a ring with their agents around ([`ring`]); many are a field of tiles ([`field`]), of which one sees at once which are not well.

mod field;
mod ring;

use super::html::{Html, put};
use super::tone::Tone;
use super::view::View;
use crate::api::ProxyState;

/// Up to so many proxies stand in a ring.
const FEW: usize = 12;

/// The section.
pub(super) fn section(view: &View) -> Html {
    let mut html = Html::default();
    put!(html, "<h2>Network</h2>");
    if view.status.proxies.len() <= FEW {
        ring::draw(&mut html, view);
    } else {
        field::draw(&mut html, view);
    }
    html
}

/// What who hears the page is told of the picture.
fn summary(view: &View) -> String {
    let well = view.status.proxies.iter().filter(|row| row.state == ProxyState::Healthy).count();
    format!("{well} of {} proxies are healthy, {} agents are online", view.status.proxies.len(), view.status.agents)
}

/// The mark of a state within a drawing, at a point: nothing where all is well.
fn mark(html: &mut Html, tone: Tone, (x, y): (f64, f64)) {
    let shape = match tone {
        Tone::Good | Tone::Neutral => return,
        Tone::Warning => r#"<path d="M0-8 8 6H-8z"/><path class="on" d="M0-3v4.2M0 3.2v.6"/>"#,
        Tone::Bad => r#"<path d="M-3.3-8h6.6L8-3.3v6.6L3.3 8h-6.6L-8 3.3v-6.6z"/><path class="on" d="M-3-3 3 3m0-6-6 6"/>"#,
    };
    put!(html, r#"<g class="mark {}" transform="translate({x:.1} {y:.1})">{shape}</g>"#, tone.class());
}
