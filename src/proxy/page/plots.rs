//! What ran through this proxy in the last minutes, as plots.

use std::time::Duration;

use super::figures::{Count, Rate};
use super::html::{Html, put};
use super::view::View;
use crate::proxy::recent::{Sample, per_second};

/// The drawing's size, and the room for the axis.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 96.0;
/// How far back a plot reaches.
const SPAN: Duration = Duration::from_secs(600);

/// What a line shows of a sample.
type Value = fn(&Sample) -> u64;

/// One plot.
struct Plot<'a> {
    id: &'static str,
    title: &'static str,
    /// What is drawn, each with its name; the first one is filled.
    lines: &'a [(&'static str, Value)],
    shown: fn(u64) -> String,
}

/// The section.
pub(super) fn section(view: &View) -> Html {
    let mut html = Html::default();
    put!(html, r#"<h2>Through this proxy <small>the last ten minutes</small></h2><div class="plots">"#);
    let rate = |count| Rate(count).to_string();
    let count = |count| Count(count).to_string();
    let plots = [
        Plot {
            id: "throughput",
            title: "Throughput",
            lines: &[
                ("to clients", |sample| per_second(sample.grown.received_bytes, sample.span)),
                ("to agents", |sample| per_second(sample.grown.sent_bytes, sample.span)),
            ],
            shown: rate,
        },
        Plot {
            id: "dials",
            title: "Dials per minute",
            lines: &[
                ("connected", |sample| per_minute(sample.grown.dials_connected, sample)),
                ("failed", |sample| per_minute(sample.grown.dials_failed, sample)),
            ],
            shown: count,
        },
        Plot { id: "streams", title: "Streams", lines: &[("running", |sample| sample.streams)], shown: count },
        Plot { id: "tunnels", title: "Tunnels", lines: &[("held here", |sample| sample.tunnels)], shown: count },
    ];
    plots.iter().for_each(|plot| plot.draw(&mut html, view));
    put!(html, "</div>");
    html
}

fn per_minute(count: u64, sample: &Sample) -> u64 {
    per_second(count.saturating_mul(60), sample.span)
}

impl Plot<'_> {
    fn draw(&self, html: &mut Html, view: &View) {
        let top = view.samples.iter().flat_map(|sample| self.lines.iter().map(|(_, value)| value(sample))).max().unwrap_or_default();
        let ceiling = ceiling(top);
        put!(html, r#"<figure><figcaption><b id="{}-title">{}</b><span class="legend">"#, self.id, self.title);
        for (number, (name, value)) in self.lines.iter().enumerate() {
            let now = view.samples.last().map(value).unwrap_or_default();
            put!(html, r#"<span class="line-{number}"><i></i>{name} <b>{}</b></span>"#, (self.shown)(now));
        }
        let most = (self.shown)(top);
        put!(
            html,
            r#"</span></figcaption><div class="plot"><span class="top">{}</span><svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{}: at most {most} in the last ten minutes">"#,
            (self.shown)(ceiling),
            self.title
        );
        put!(html, r#"<path class="grid" d="M0 .5H{WIDTH}M0 {}H{WIDTH}M0 {}H{WIDTH}"/>"#, HEIGHT / 2.0, HEIGHT - 0.5);
        for (number, (_, value)) in self.lines.iter().enumerate().rev() {
            line(html, view, (number, *value), ceiling);
        }
        put!(html, r#"</svg></div><div class="axis"><span>−10 min</span><span>now</span></div></figure>"#);
    }
}

/// A line, and for the first one what is below it.
fn line(html: &mut Html, view: &View, (number, value): (usize, fn(&Sample) -> u64), ceiling: u64) {
    let points: Vec<_> = view.samples.iter().filter_map(|sample| point(view, sample, (value(sample), ceiling))).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let path = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect::<Vec<_>>().join("L");
    if number == 0 {
        put!(html, r#"<path class="area" d="M{:.1} {HEIGHT}L{path}L{:.1} {HEIGHT}Z"/>"#, first.0, last.0);
    }
    put!(html, r#"<path class="line-{number}" vector-effect="non-scaling-stroke" d="M{path}"/>"#);
}

fn point(view: &View, sample: &Sample, (value, ceiling): (u64, u64)) -> Option<(f64, f64)> {
    let age = Duration::from_millis(view.at.0.saturating_sub(sample.at.0));
    let x = WIDTH * (1.0 - age.as_secs_f64() / SPAN.as_secs_f64());
    let share = u32::try_from(u128::from(value) * 10_000 / u128::from(ceiling.max(1))).unwrap_or(10_000);
    // A line at the very edge would be cut in half.
    (x >= 0.0).then(|| (x, HEIGHT - 1.0 - (HEIGHT - 3.0) * f64::from(share) / 10_000.0))
}

/// The next value above `top` that people read easily: one, two or five of a power of ten.
fn ceiling(top: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        let steps = [1, 2, 5].map(|step| power.saturating_mul(step));
        match steps.into_iter().find(|step| *step >= top.max(1)) {
            Some(step) => return step.max(4),
            None => power = power.saturating_mul(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_plot_is_a_round_figure() {
        for (top, expected) in [(0, 4), (3, 5), (5, 5), (6, 10), (11, 20), (51, 100), (1_234_567, 2_000_000), (u64::MAX, u64::MAX)] {
            assert_eq!(ceiling(top), expected, "{top}");
        }
    }
}
