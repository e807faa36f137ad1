//! What happened of late.

use std::time::Duration;

use super::figures::Ago;
use super::hint;
use super::html::{Html, put};
use super::icon::icon;
use super::tone::Tone;
use super::view::View;
use crate::api::Time;

/// So many are shown at once, and so many on demand.
const SHOWN: usize = 9;
const MOST: usize = 60;

/// The section.
pub(super) fn section(view: &View) -> Html {
    let mut html = Html::default();
    put!(html, "<h2>Events</h2>");
    if view.happened.is_empty() {
        put!(html, r#"<p class="none">Nothing has happened since this proxy was started.</p>"#);
        return html;
    }
    list(&mut html, view, 0..SHOWN);
    let more = view.happened.len().min(MOST);
    if more > SHOWN {
        put!(html, r#"<details id="more-events"><summary>{} earlier</summary>"#, more - SHOWN);
        list(&mut html, view, SHOWN..more);
        put!(html, "</details>");
    }
    html
}

fn list(html: &mut Html, view: &View, range: std::ops::Range<usize>) {
    put!(html, r#"<ol class="events">"#);
    for happening in view.happened.iter().skip(range.start).take(range.len()) {
        let tone = Tone::from(happening.tone);
        let ago = Ago(Duration::from_millis(view.at.0.saturating_sub(happening.at.0)));
        let at = Time::from(happening.at);
        put!(html, r#"<li class="{}">{}<p>"#, tone.class(), icon(tone));
        hint::text(html, &happening.text);
        put!(html, r#"</p><time datetime="{at}" title="{at}">{ago}</time></li>"#);
    }
    put!(html, "</ol>");
}
