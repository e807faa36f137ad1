//! A few proxies: in a ring, with their links, and their agents around them.

use std::collections::BTreeMap;
use std::f64::consts::{FRAC_PI_2, TAU};

use warren_raft::ProxyId;

use super::super::escaped::Escaped;
use super::super::figures::{Count, Loss, Trip};
use super::super::html::{Html, put};
use super::super::members::LOSSY;
use super::super::tone::Tone;
use super::super::view::{Group, View};
use super::{mark, summary};
use crate::api::{ProxyRow, ProxyState};
use crate::wire::LinkVitals;

/// How far a few proxies stand from the middle of the drawing, to the sides and up and down, and how much further agents do.
const PROXIES: Point = (142.0, 104.0);
const BEYOND: Point = (84.0, 74.0);
/// From one proxy to the next, at least.
const APART: f64 = 86.0;
/// What a node with its name takes around it, and a line of text.
const ROOM: Point = (58.0, 50.0);
const LINE: f64 = 15.0;
/// Up to so many proxies every link says how long it takes; beyond it only those with which something is the matter.
const LABELLED: usize = 5;
/// A name in the drawing has so many characters at most.
const LONGEST: usize = 16;

type Point = (f64, f64);

pub(super) fn draw(html: &mut Html, view: &View) {
    let rows = &view.status.proxies;
    let ring = ring(rows.len());
    let places = places(rows, ring);
    let groups = arrange(&view.groups, &places, ring);
    put!(
        html,
        r#"<svg class="picture{}" viewBox="{}" role="img" aria-label="{}">"#,
        if rows.len() > LABELLED { " many" } else { "" },
        frame(&places, &groups),
        Escaped(summary(view))
    );
    for (group, at) in &groups {
        for proxy in group.proxies.iter().filter_map(|proxy| places.get(proxy)) {
            put!(html, r#"<path class="tunnel" d="M{:.1} {:.1}L{:.1} {:.1}"/>"#, at.0, at.1, proxy.0, proxy.1);
        }
    }
    for (number, one) in rows.iter().enumerate() {
        rows[number + 1..].iter().for_each(|other| link(html, view, (one, other), &places));
    }
    for (number, one) in rows.iter().enumerate() {
        rows[number + 1..].iter().for_each(|other| label(html, view, (one, other), &places));
    }
    groups.iter().for_each(|(group, at)| agents(html, group, *at));
    rows.iter().for_each(|row| proxy(html, view, row, places[&row.id]));
    put!(html, r#"</svg><p class="quiet">In each circle: how many agents have a tunnel there.</p>"#);
    if view.further_groups > 0 {
        put!(html, r#"<p class="quiet">Agents that hold {} further sets of proxies are not drawn.</p>"#, Count(view.further_groups));
    }
}

/// How far so many proxies stand from the middle.
fn ring(proxies: usize) -> Point {
    let wanted = APART * f64::from(u32::try_from(proxies).unwrap_or(u32::MAX)) / TAU;
    let scale = (wanted / PROXIES.1).max(1.0);
    (PROXIES.0 * scale, PROXIES.1 * scale)
}

/// Where the proxies stand: the first above, the others clockwise.
fn places(rows: &[ProxyRow], ring: Point) -> BTreeMap<ProxyId, Point> {
    let (count, mut places) = (u32::try_from(rows.len()).unwrap_or(u32::MAX), BTreeMap::new());
    let radius = if count < 2 { (0.0, 0.0) } else { ring };
    // Two stand beside each other.
    let first = if count == 2 { -FRAC_PI_2 * 2.0 } else { -FRAC_PI_2 };
    for (number, row) in (0_u32..).zip(rows) {
        places.insert(row.id, on_circle(first + TAU * f64::from(number) / f64::from(count.max(1)), radius));
    }
    places
}

fn on_circle(angle: f64, radius: Point) -> Point {
    (radius.0 * angle.cos(), radius.1 * angle.sin())
}

/// What of the plane is shown: all that stands there, and as wide as it is for a few, so that nothing jumps when an agent comes.
fn frame(places: &BTreeMap<ProxyId, Point>, groups: &[(&Group, Point)]) -> String {
    let all = places.values().chain(groups.iter().map(|(_, at)| at));
    let (mut left, mut right, mut top, mut bottom) = (-PROXIES.0, PROXIES.0, 0.0_f64, 0.0_f64);
    for (x, y) in all {
        (left, right, top, bottom) = (left.min(*x), right.max(*x), top.min(*y), bottom.max(*y));
    }
    for (group, (_, y)) in groups {
        let more = LINE * f64::from(u32::try_from(group.names.len().saturating_sub(1)).unwrap_or(0));
        if is_high(*y) { top = top.min(y - more) } else { bottom = bottom.max(y + more) }
    }
    let (left, right) = (left.min(-right) - ROOM.0, right.max(-left) + ROOM.0);
    format!("{left:.0} {:.0} {:.0} {:.0}", top - ROOM.1, right - left, bottom - top + 2.0 * ROOM.1)
}

/// Where each group stands: beyond its proxies, with room between them.
fn arrange<'a>(groups: &'a [Group], places: &BTreeMap<ProxyId, Point>, ring: Point) -> Vec<(&'a Group, Point)> {
    let wish = |group: &Group| {
        let at: Vec<_> = group.proxies.iter().filter_map(|proxy| places.get(proxy)).collect();
        let (x, y) = at.iter().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
        // Those of all proxies belong nowhere: below, where there is room.
        if x.hypot(y) < 1.0 { FRAC_PI_2 } else { y.atan2(x) }
    };
    let mut wishes: Vec<_> = groups.iter().map(|group| (wish(group), group)).collect();
    wishes.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut angles: Vec<_> = wishes.iter().map(|(angle, _)| *angle).collect();
    spread(&mut angles);
    wishes.iter().zip(angles).map(|((_, group), angle)| (*group, on_circle(angle, (ring.0 + BEYOND.0, ring.1 + BEYOND.1)))).collect()
}

/// Moves neighbours apart until there is room between any two, which a circle of them always has.
fn spread(angles: &mut [f64]) {
    let count = angles.len();
    let Some(room) = u32::try_from(count).ok().filter(|count| *count > 1).map(|count| (TAU / f64::from(count)).min(0.5)) else { return };
    for _ in 0..200 {
        for place in 0..count {
            let next = (place + 1) % count;
            let round = if next == 0 { TAU } else { 0.0 };
            let lacking = room - (angles[next] + round - angles[place]);
            if lacking > 0.0 {
                angles[place] -= lacking / 2.0;
                angles[next] += lacking / 2.0;
            }
        }
    }
}

/// How a link is, and what is to be said of it.
fn judge(one: &ProxyRow, other: &ProxyRow, link: Option<LinkVitals>) -> (Tone, Option<String>) {
    if [one, other].iter().any(|row| row.state == ProxyState::Down) {
        return (Tone::Neutral, None);
    }
    let Some(link) = link else { return (Tone::Neutral, None) };
    let Some(trip) = link.round_trip_us else { return (Tone::Bad, Some("no connection".to_owned())) };
    let trip = Trip(f64::from(u32::try_from(trip).unwrap_or(u32::MAX)) / 1e3).to_string();
    match link.lost_ppm {
        Some(lost) if lost >= LOSSY => (Tone::Warning, Some(format!("{trip}, {} lost", Loss(lost)))),
        Some(_) | None => (Tone::Good, Some(trip)),
    }
}

fn link(html: &mut Html, view: &View, (one, other): (&ProxyRow, &ProxyRow), places: &BTreeMap<ProxyId, Point>) {
    let ((from, to), known) = ((places[&one.id], places[&other.id]), view.link(one.id, other.id));
    let (tone, says) = judge(one, other, known);
    let is_gone = says.is_none();
    let class = if is_gone { "link gone".to_owned() } else { format!("link {}", tone.class()) };
    put!(
        html,
        r#"<path class="{class}" d="M{:.1} {:.1}L{:.1} {:.1}"><title>{} – {}: "#,
        from.0,
        from.1,
        to.0,
        to.1,
        Escaped(&one.name),
        Escaped(&other.name)
    );
    put!(html, "{}", Escaped(says.unwrap_or_else(|| "not known".to_owned())));
    if let Some(lost) = known.and_then(|link| link.lost_ppm) {
        put!(html, ", {} lost", Loss(lost));
    }
    put!(html, "</title></path>");
}

/// What a link says, beside it; of many only what is not well.
fn label(html: &mut Html, view: &View, (one, other): (&ProxyRow, &ProxyRow), places: &BTreeMap<ProxyId, Point>) {
    let (tone, Some(says)) = judge(one, other, view.link(one.id, other.id)) else { return };
    if tone == Tone::Good && places.len() > LABELLED {
        return;
    }
    let (from, to) = (places[&one.id], places[&other.id]);
    // Lines that cross do so in the middle.
    let is_through_centre = places.len() > 3 && (from.0 + to.0).hypot(from.1 + to.1) < 120.0;
    let share = if is_through_centre { 0.34 } else { 0.5 };
    let (x, y) = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
    put!(html, r#"<text class="says {}" x="{x:.1}" y="{:.1}">{}</text>"#, tone.class(), y + 4.0, Escaped(says));
}

fn agents(html: &mut Html, group: &Group, (x, y): Point) {
    let radius = match group.agents {
        1 => 9.0,
        2..=9 => 13.0,
        10..=99 => 16.0,
        100..=999 => 20.0,
        _ => 24.0,
    };
    put!(html, r#"<g class="agents"><title>"#);
    put!(html, "{} {}", Count(group.agents), if group.agents == 1 { "agent" } else { "agents" });
    put!(html, ", tunnels to {} proxies</title>", group.proxies.len());
    put!(html, r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}"/>"#);
    if group.agents > 1 {
        put!(html, r#"<text x="{x:.1}" y="{:.1}">{}</text>"#, y + 4.0, short(group.agents));
    }
    // Above the upper ones, where there is no proxy.
    let lines = f64::from(u32::try_from(group.names.len()).unwrap_or(0));
    let first = if is_high(y) { y - radius - 6.0 - (lines - 1.0) * LINE } else { y + radius + 14.0 };
    for (name, line) in group.names.iter().zip(0_u8..) {
        let name = shortened(name.as_str());
        put!(html, r#"<text class="name" x="{x:.1}" y="{:.1}">{}</text>"#, first + f64::from(line) * LINE, Escaped(name));
    }
    put!(html, "</g>");
}

/// Whether the names of agents stand above them.
fn is_high(y: f64) -> bool {
    y < -(PROXIES.1 + BEYOND.1) * 0.8
}

fn short(count: u64) -> String {
    if count < 1_000 { count.to_string() } else { format!("{}k", count / 1_000) }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST { name.to_owned() } else { name.chars().take(LONGEST - 1).chain(['…']).collect() }
}

fn proxy(html: &mut Html, view: &View, row: &ProxyRow, (x, y): Point) {
    let tone = Tone::from(row.state);
    let me = if row.id == view.me { " me" } else { "" };
    put!(
        html,
        r#"<g class="proxy {}{me}"><title>{}: {}, {} agents</title>"#,
        tone.class(),
        Escaped(&row.name),
        row.state,
        Count(row.agents)
    );
    put!(
        html,
        r#"<circle cx="{x:.1}" cy="{y:.1}" r="27"/><text class="figure" x="{x:.1}" y="{:.1}">{}</text>"#,
        y + 5.0,
        short(row.agents)
    );
    if row.leader {
        put!(
            html,
            r#"<path class="crown" transform="translate({x:.1} {:.1})" d="M-9 5-10-5-4.5-1 0-7l4.5 6L10-5 9 5z"><title>the leader</title></path>"#,
            y - 31.0
        );
    }
    mark(html, tone, (x + 21.0, y - 19.0));
    put!(html, r#"<text class="name" x="{x:.1}" y="{:.1}">{}</text></g>"#, y + 43.0, Escaped(shortened(row.name.as_str())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stand_apart_however_many_wish_for_the_same_place() {
        for count in 1..=12_u32 {
            let mut angles = vec![1.0; count as usize];
            spread(&mut angles);
            let room = (TAU / f64::from(count)).min(0.5) * 0.8;
            assert!(angles.windows(2).all(|pair| pair[1] - pair[0] >= room), "{angles:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_large_counts_short() {
        assert_eq!((shortened("proxy-1").as_str(), shortened("a-name-of-eighteen").as_str()), ("proxy-1", "a-name-of-eight…"));
        assert_eq!((short(999), short(12_345)), ("999".to_owned(), "12k".to_owned()));
    }
}
