//! The agents by name, as far as there is room.

use std::time::Duration;

use super::escaped::Escaped;
use super::figures::{Ago, Count};
use super::html::{Html, put};
use super::icon::icon;
use super::tone::Tone;
use super::view::{Listed, View};

/// Most services and proxies of one agent.
const MOST: usize = 8;

/// The section.
pub(super) fn section(view: &View) -> Html {
    let mut html = Html::default();
    put!(html, r#"<h2>Agents <span class="count">{}</span></h2>"#, Count(view.enrolled));
    if view.enrolled == 0 {
        put!(html, r#"<p class="none">No agent has enrolled yet. "#);
        super::hint::text(&mut html, "`warren token create --role agent` makes a token for one.");
        put!(html, "</p>");
        return html;
    }
    put!(html, r#"<div class="scroll" tabindex="0" role="region" aria-label="Table of agents"><table><thead><tr>"#);
    for heading in ["Name", "State", "Services", "Proxies", "Last change"] {
        put!(html, r#"<th scope="col">{heading}</th>"#);
    }
    put!(html, "</tr></thead><tbody>");
    view.listed.iter().for_each(|agent| listed(&mut html, view, agent));
    put!(html, "</tbody></table></div>");
    let further = view.enrolled.saturating_sub(view.listed.len() as u64);
    if further > 0 {
        put!(html, r#"<p class="more">and {} more: "#, Count(further));
        super::hint::text(&mut html, "`warren agents ls`");
        put!(html, "</p>");
    }
    html
}

fn listed(html: &mut Html, view: &View, agent: &Listed) {
    let (tone, state) = if agent.proxies.is_empty() { (Tone::Warning, "away") } else { (Tone::Good, "online") };
    put!(html, r#"<tr><th scope="row">{}</th><td class="{}">{} {state}</td><td>"#, Escaped(&agent.name), tone.class(), icon(tone));
    names(html, &agent.services);
    put!(html, "</td><td>");
    names(html, &agent.proxies);
    let ago = agent.last_seen.map(|seen| Ago(Duration::from_millis(view.at.0.saturating_sub(seen.0))).to_string());
    put!(html, r#"</td><td class="quiet">{}</td></tr>"#, ago.unwrap_or_else(|| "never seen".to_owned()));
}

fn names<T: std::fmt::Display>(html: &mut Html, names: &[T]) {
    for (place, name) in names.iter().take(MOST).enumerate() {
        put!(html, "{}{}", if place > 0 { ", " } else { "" }, Escaped(name));
    }
    match names.len() {
        0 => put!(html, r#"<span class="none">none</span>"#),
        all if all > MOST => put!(html, " and {} more", all - MOST),
        _ => {}
    }
}
