//! Many proxies: a tile for each.

use super::super::escaped::Escaped;
use super::super::figures::{Count, Trip};
use super::super::html::{Html, put};
use super::super::tone::Tone;
use super::super::view::View;
use super::{mark, summary};
use crate::api::ProxyRow;

/// Tiles in a row, and their size.
const COLUMNS: usize = 10;
const TILE: f64 = 44.0;
/// Most tiles: of more proxies those first with which something is the matter.
const MOST: usize = 400;

pub(super) fn draw(html: &mut Html, view: &View) {
    let mut rows: Vec<_> = view.status.proxies.iter().collect();
    if rows.len() > MOST {
        rows.sort_by_key(|row| (Tone::from(row.state) == Tone::Good, row.id));
        rows.truncate(MOST);
    }
    let most = rows.iter().map(|row| row.agents).max().unwrap_or_default().max(1);
    let height = TILE * f64::from(u32::try_from(rows.len().div_ceil(COLUMNS)).unwrap_or(u32::MAX));
    put!(html, r#"<svg class="picture" viewBox="0 0 440 {height}" role="img" aria-label="{}">"#, Escaped(summary(view)));
    for (place, row) in rows.iter().enumerate() {
        let at = |place: usize| TILE * f64::from(u32::try_from(place).unwrap_or(u32::MAX));
        tile(html, view, (row, most), (at(place % COLUMNS), at(place / COLUMNS)));
    }
    put!(html, r#"</svg><p class="quiet">A tile for each proxy, the fuller the more agents it has; the marked ones are not well.</p>"#);
}

fn tile(html: &mut Html, view: &View, (row, most): (&ProxyRow, u64), (x, y): (f64, f64)) {
    let tone = Tone::from(row.state);
    let share = f64::from(u32::try_from(row.agents.saturating_mul(100) / most).unwrap_or(100)) / 100.0;
    let (size, full) = (TILE - 6.0, (TILE - 6.0) * share);
    put!(
        html,
        r#"<g class="tile {}{}"><title>{}: {}, {} agents"#,
        tone.class(),
        if row.id == view.me { " me" } else { "" },
        Escaped(&row.name),
        row.state,
        Count(row.agents)
    );
    if let Some(trip) = row.rtt_ms {
        put!(html, ", {}", Trip(trip));
    }
    put!(html, r#"</title><rect x="{:.1}" y="{:.1}" width="{size}" height="{size}" rx="6"/>"#, x + 3.0, y + 3.0);
    put!(html, r#"<rect class="full" x="{:.1}" y="{:.1}" width="{size}" height="{full:.1}" rx="6"/>"#, x + 3.0, y + 3.0 + size - full);
    put!(html, r#"<text x="{:.1}" y="{:.1}">{}</text>"#, x + TILE / 2.0, y + TILE / 2.0 + 4.0, row.id);
    mark(html, tone, (x + TILE - 10.0, y + 11.0));
    put!(html, "</g>");
}
