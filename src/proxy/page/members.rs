//! The proxies, and what each is in the Raft group.

use super::escaped::Escaped;
use super::figures::{Count, Loss, Rate, Trip};
use super::html::{Html, put};
use super::icon::icon;
use super::tone::Tone;
use super::view::View;
use crate::api::ProxyRow;
use crate::wire::Vitals;

/// Most proxies in the table: of more, those first with which something is the matter.
const MOST: usize = 100;
/// From so many entries on a member is behind.
const BEHIND: u64 = 1_000;
/// From so many lost packets of a million on a link is bad.
pub(super) const LOSSY: u32 = 10_000;

/// The section.
pub(super) fn section(view: &View) -> Html {
    let mut html = Html::default();
    let mut rows: Vec<_> = view.status.proxies.iter().collect();
    let total = rows.len();
    if total > MOST {
        rows.sort_by_key(|row| (Tone::from(row.state) == Tone::Good, row.id));
        rows.truncate(MOST);
    }
    put!(
        html,
        r#"<h2>Proxies <span class="count">{total}</span></h2><div class="scroll" tabindex="0" role="region" aria-label="Table of proxies">"#
    );
    put!(
        html,
        r#"<table><caption class="hidden">Each proxy: its state, its part in the Raft group, and what runs through it</caption><thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col">Raft</th>"#
    );
    for heading in ["Term", "Applied", "Lag", "Agents", "Streams", "Traffic", "Dials/min", "Round trip", "Loss"] {
        put!(html, r#"<th scope="col" class="number">{heading}</th>"#);
    }
    put!(html, r#"<th scope="col">Version</th></tr></thead><tbody>"#);
    for row in rows {
        member(&mut html, view, row);
    }
    put!(html, "</tbody></table></div>");
    if total > MOST {
        put!(html, r#"<p class="more">and {} more, which are well: <code>warren proxies ls</code></p>"#, total - MOST);
    }
    html
}

fn member(html: &mut Html, view: &View, row: &ProxyRow) {
    let (vitals, tone) = (view.vitals.get(&row.id), Tone::from(row.state));
    let (is_me, zone) = (row.id == view.me, view.zones.get(&row.id).filter(|zone| !zone.is_empty()));
    put!(html, r#"<tr><th scope="row">{}"#, Escaped(&row.name));
    if is_me {
        put!(html, r#" <span class="tag">this one</span>"#);
    }
    if let Some(zone) = zone {
        put!(html, "<small>{}</small>", Escaped(zone));
    }
    put!(html, r#"</th><td class="{}">{} {}</td><td>{}</td>"#, tone.class(), icon(tone), row.state, role(row, vitals));
    let lag = row.lag_entries.or_else(|| vitals.map(|vitals| view.status.committed_index.saturating_sub(vitals.applied_index)));
    number(html, vitals.map(|vitals| vitals.term.to_string()), vitals.is_some_and(|vitals| vitals.term != view.status.term));
    number(html, vitals.map(|vitals| Count(vitals.applied_index).to_string()), false);
    number(html, lag.map(|lag| Count(lag).to_string()), lag.is_some_and(|lag| lag >= BEHIND));
    number(html, Some(Count(row.agents).to_string()), false);
    number(html, row.streams.map(|streams| Count(streams).to_string()), false);
    let rate = |vitals: &Vitals| Rate(vitals.sent_per_second.saturating_add(vitals.received_per_second)).to_string();
    number(html, vitals.map(rate), false);
    number(html, vitals.map(dials), vitals.is_some_and(|vitals| vitals.dials_failed > 0));
    number(html, row.rtt_ms.map(|trip| Trip(trip).to_string()), false);
    let lost = view.link(view.me, row.id).and_then(|link| link.lost_ppm).filter(|_| !is_me);
    number(html, lost.map(|lost| Loss(lost).to_string()), lost.is_some_and(|lost| lost >= LOSSY));
    put!(html, "<td>{}</td></tr>", Escaped(&row.version));
}

fn role(row: &ProxyRow, vitals: Option<&Vitals>) -> String {
    let says = vitals.and_then(|vitals| vitals.role.known());
    match says {
        Some(role) if row.leader || role.as_str() != "leader" => role.as_str().to_owned(),
        // It has led, and does not know yet that another one does.
        Some(_) | None => format!("{}", row.role),
    }
}

fn dials(vitals: &Vitals) -> String {
    let (connected, failed) = (Count(vitals.dials_connected), vitals.dials_failed);
    if failed == 0 { connected.to_string() } else { format!("{connected} + {} failed", Count(failed)) }
}

/// A figure; what is worth a look is marked by more than its colour.
fn number(html: &mut Html, value: Option<String>, is_odd: bool) {
    let class = if is_odd { "number odd" } else { "number" };
    match value {
        Some(value) => put!(html, r#"<td class="{class}">{}</td>"#, Escaped(value)),
        None => put!(html, r#"<td class="number none"><span aria-label="unknown">–</span></td>"#),
    }
}
