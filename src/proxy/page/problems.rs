//! What is wrong, each with what to do next.

use super::hint;
use super::html::{Html, put};
use super::icon::icon;
use super::tone::Tone;
use super::view::View;

/// Most problems that are shown.
const MOST: usize = 30;

/// The section; nothing where nothing is wrong.
pub(super) fn section(view: &View) -> Html {
    let (problems, mut html) = (&view.status.problems, Html::default());
    if problems.is_empty() {
        return html;
    }
    // Of a healthy cluster there is only something to know.
    let (title, tone) = if view.status.healthy { ("To know", Tone::Warning) } else { ("Problems", Tone::Bad) };
    put!(html, r#"<h2>{title} <span class="count">{}</span></h2><ul class="problems">"#, problems.len());
    for problem in problems.iter().take(MOST) {
        put!(html, r#"<li class="{}">{}<div><p>"#, tone.class(), icon(tone));
        hint::text(&mut html, &problem.message);
        put!(html, "</p>");
        if let Some(next) = &problem.hint {
            put!(html, r#"<p class="hint"><b>Next:</b> "#);
            hint::text(&mut html, next);
            put!(html, "</p>");
        }
        put!(html, "</div></li>");
    }
    put!(html, "</ul>");
    if problems.len() > MOST {
        put!(html, r#"<p class="more">and {} more: "#, problems.len() - MOST);
        hint::text(&mut html, "`warren status`");
        put!(html, "</p>");
    }
    html
}
