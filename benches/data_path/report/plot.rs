//! A chart as a picture: a bar per side up to its median, a thin line over its range, a dashed line where the aim is.
//!
//! Each case has a scale of its own, which ends where the slowest tunnel can still be seen: a bar that would go far beyond it is cut, and says so by an arrow. Colours follow what the reader's
//! screen prefers, light or dark; nothing is loaded from elsewhere.

use std::fmt::Write as _;

use super::chart::{Case, Chart};
use crate::shared::{Samples, number};

const WIDTH: f64 = 900.0;
/// Where bars begin, and how long the longest is.
const BARS: (f64, f64) = (210.0, 520.0);
/// Of a line with a bar.
const LINE: f64 = 22.0;
/// Between two cases, for the name of the second.
const HEADING: f64 = 36.0;
/// What stands above the first case.
const TOP: f64 = 84.0;
/// A bar that is longer than the scale by so much is left out when the scale is chosen.
const OFF_SCALE: f64 = 2.0;
/// The colours: of light screens, and of dark ones. The last is whatever the first four are not.
const FAMILIES: [(&str, &str, &str, &str); 5] = [
    ("direct", "direct", "#8c959f", "#6e7681"),
    ("TCP", "tcp", "#0969da", "#4493f8"),
    ("gRPC", "grpc", "#bc4c00", "#f0883e"),
    ("warren", "warren", "#1a7f37", "#3fb950"),
    ("others", "other", "#8250df", "#ab7df8"),
];

/// As SVG.
pub(super) fn svg(chart: &Chart) -> String {
    let height = TOP + chart.cases.iter().map(|case| HEADING + LINE * case.sides.len() as f64).sum::<f64>() + 16.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>{title}</title>\n{style}<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"16\" y=\"28\">{title} ({unit})</text>\n\
         <text class=\"quiet\" x=\"16\" y=\"48\">{sense}; bar: median, thin line: range of the repetitions, dashed: aim</text>\n",
        title = escaped(chart.title),
        style = style(),
        unit = escaped(chart.unit),
        sense = chart.sense(),
    );
    legend(&mut text, chart);
    let mut y = TOP;
    for case in &chart.cases {
        draw_case(&mut text, case, y);
        y += HEADING + LINE * case.sides.len() as f64;
    }
    text.push_str("</svg>\n");
    text
}

fn style() -> String {
    let colours = |pick: fn(&(&str, &str, &'static str, &'static str)) -> &'static str| -> String {
        FAMILIES.iter().map(|family| format!(".{}{{fill:{}}}", family.1, pick(family))).collect()
    };
    format!(
        "<style>text{{font:13px system-ui,sans-serif;fill:#1f2328}}.title{{font-size:16px;font-weight:600}}.case{{font-weight:600}}.quiet{{fill:#59636e}}\
         .page{{fill:#ffffff}}.range{{stroke:#1f2328}}.aim{{stroke:#cf222e;stroke-dasharray:4 3;stroke-width:1.5}}.goal{{fill:#cf222e;font-size:11px}}{}\
         @media(prefers-color-scheme:dark){{text{{fill:#e6edf3}}.quiet{{fill:#9198a1}}.page{{fill:#0d1117}}.range{{stroke:#e6edf3}}.aim{{stroke:#ff7b72}}\
         .goal{{fill:#ff7b72}}{}}}</style>\n",
        colours(|family| family.2),
        colours(|family| family.3),
    )
}

fn legend(text: &mut String, chart: &Chart) {
    let (mut x, names) = (16.0, chart.side_names());
    for (label, class, ..) in FAMILIES {
        if names.iter().any(|name| class_of(name) == class) {
            // Writing to a string does not fail, here and below.
            let _ = writeln!(text, "<rect class=\"{class}\" x=\"{x}\" y=\"60\" width=\"12\" height=\"12\" rx=\"2\"/>");
            let _ = writeln!(text, "<text x=\"{}\" y=\"71\">{label}</text>", x + 18.0);
            x += 110.0;
        }
    }
}

fn draw_case(text: &mut String, case: &Case, top: f64) {
    let scale = scale(case);
    let (left, length) = BARS;
    let at = |value: f64| left + length * (value / scale).clamp(0.0, 1.0);
    let first = top + HEADING;
    let _ = writeln!(text, "<text class=\"case\" x=\"16\" y=\"{}\">{}</text>", top + 24.0, escaped(&case.name));
    for (place, (side, samples)) in case.sides.iter().enumerate() {
        let (y, median) = (first + LINE * place as f64, samples.median());
        let _ = writeln!(text, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", left - 8.0, y + 14.0, escaped(side));
        let width = (at(median) - left).max(1.0);
        let class = class_of(side);
        let _ = writeln!(text, "<rect class=\"{class}\" x=\"{left}\" y=\"{}\" width=\"{width:.1}\" height=\"14\" rx=\"2\"/>", y + 3.0);
        draw_range(text, samples, y + 10.0, at);
        let end = at(samples.quantile(1.0)).max(left + width) + 8.0;
        let arrow = if median > scale { "\u{25b8} " } else { "" };
        let _ = writeln!(text, "<text x=\"{end:.1}\" y=\"{}\">{arrow}{}</text>", y + 14.0, number(median));
    }
    let bottom = first + LINE * case.sides.len() as f64;
    for (label, value) in case.marks.iter().filter(|(_, value)| *value <= scale) {
        let x = at(*value);
        let _ = writeln!(text, "<line class=\"aim\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\"/>", first - 2.0);
        let _ = writeln!(text, "<text class=\"goal\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", first - 5.0, escaped(label));
    }
}

fn draw_range(text: &mut String, samples: &Samples, y: f64, at: impl Fn(f64) -> f64) {
    if samples.len() > 1 {
        let (from, to) = (at(samples.quantile(0.0)), at(samples.quantile(1.0)));
        let _ = writeln!(text, "<line class=\"range\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y}\" y2=\"{y}\"/>");
    }
}

/// Where the scale of a case ends: at its longest bar, unless that dwarfs the next one.
fn scale(case: &Case) -> f64 {
    let mut medians: Vec<_> = case.sides.iter().map(|(_, samples)| samples.median()).collect();
    medians.sort_by(f64::total_cmp);
    let longest = match medians[..] {
        [.., next, last] if last > OFF_SCALE * next => next,
        [.., last] => last,
        [] => 0.0,
    };
    let marks = case.marks.iter().map(|(_, value)| *value);
    marks.fold(longest, f64::max).max(f64::MIN_POSITIVE) * 1.02
}

fn class_of(side: &str) -> &'static str {
    let [known @ .., others] = &FAMILIES;
    known.iter().find(|family| side.starts_with(family.0)).unwrap_or(others).1
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
