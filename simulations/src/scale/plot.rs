//! Lines over a logarithmic axis, as a picture. Colours follow what the reader's screen prefers, light or dark; nothing is loaded from elsewhere.

use std::fmt::Write as _;

/// All of it.
const SIZE: (f64, f64) = (860.0, 470.0);
/// Where the lines are: left, right, top, bottom.
const AREA: (f64, f64, f64, f64) = (92.0, 660.0, 72.0, 404.0);
/// The colours of the lines, on light screens and on dark ones.
const COLOURS: [(&str, &str); 6] = [
    ("#0969da", "#4493f8"),
    ("#bc4c00", "#f0883e"),
    ("#1a7f37", "#3fb950"),
    ("#8250df", "#ab7df8"),
    ("#bf3989", "#f778ba"),
    ("#6e7781", "#9198a1"),
];

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Division {
    /// By tens.
    Logarithmic,
    /// Evenly.
    Even,
}

/// An axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// What it shows, with its unit.
    pub(super) label: &'static str,
    /// How it is divided.
    pub(super) division: Division,
}

/// A picture.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// The name of its file, without the ending.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What is to be known beside the title.
    pub(super) remark: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// What the lines differ by.
    pub(super) legend: &'static str,
    pub(super) lines: Vec<Line>,
    /// A bound, and what it is.
    pub(super) bound: Option<(f64, &'static str)>,
}

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
}

impl Axis {
    /// Divided by tens.
    pub(super) fn tens(label: &'static str) -> Self {
        Self { label, division: Division::Logarithmic }
    }

    /// Divided evenly.
    pub(super) fn even(label: &'static str) -> Self {
        Self { label, division: Division::Even }
    }
}

/// An axis with its ends.
struct Scale {
    division: Division,
    ends: (f64, f64),
    places: (f64, f64),
}

impl Scale {
    fn new(axis: Axis, values: &[f64], places: (f64, f64)) -> Self {
        let least = values.iter().copied().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let ends = match axis.division {
            Division::Logarithmic => (least.min(most) / 1.25, most * 1.25),
            Division::Even => (if least > most / 2.0 { (least * 10.0).floor() / 10.0 - 0.05 } else { 0.0 }, most * 1.06),
        };
        Self { division: axis.division, ends, places }
    }

    fn place(&self, value: f64) -> f64 {
        let (least, most) = self.ends;
        let share = match self.division {
            Division::Logarithmic => (value.max(least) / least).ln() / (most / least).ln(),
            Division::Even => (value - least) / (most - least),
        };
        self.places.0 + (self.places.1 - self.places.0) * share
    }

    /// Where a line crosses, and what stands there.
    fn ticks(&self) -> Vec<f64> {
        let (least, most) = self.ends;
        let within = |tick: &f64| *tick >= least && *tick <= most;
        if self.division == Division::Even {
            let step = step((most - least) / 5.0);
            let first = (least / step).ceil();
            return (0..12).map(|tick| (first + f64::from(tick)) * step).filter(within).collect();
        }
        let factors: &[f64] = if most / least > 1_000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let tens = (-6..13).map(|power| 10_f64.powi(power));
        tens.flat_map(|ten| factors.iter().map(move |factor| ten * factor)).filter(within).collect()
    }
}

/// A round number that is no less.
fn step(least: f64) -> f64 {
    let ten = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * ten).find(|step| *step >= least).unwrap_or(ten * 10.0)
}

/// As SVG.
pub(super) fn svg(plot: &Plot) -> String {
    let (left, right, top, bottom) = AREA;
    let values = |pick: fn(&(f64, f64)) -> f64| plot.lines.iter().flat_map(|line| line.points.iter().map(pick)).collect::<Vec<_>>();
    let bound = plot.bound.map(|(value, _)| value);
    let x = Scale::new(plot.x, &values(|point| point.0), (left, right));
    let y = Scale::new(plot.y, &values(|point| point.1).into_iter().chain(bound).collect::<Vec<_>>(), (bottom, top));
    let (width, height) = SIZE;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>{title}</title>\n{}<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"16\" y=\"28\">{title}</text>\n<text class=\"quiet\" x=\"16\" y=\"50\">{}</text>\n",
        style(),
        escaped(plot.remark),
        title = escaped(plot.title),
    );
    axes(&mut text, plot, (&x, &y));
    for (number, line) in plot.lines.iter().enumerate() {
        draw(&mut text, number, line, (&x, &y));
    }
    legend(&mut text, plot);
    if let Some((value, label)) = plot.bound {
        let at = y.place(value);
        // Writing to a string does not fail, here and below.
        let _ = writeln!(text, "<line class=\"bound\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        let _ = writeln!(text, "<text class=\"goal\" x=\"{}\" y=\"{:.1}\">{}</text>", left + 6.0, at - 5.0, escaped(label));
    }
    text.push_str("</svg>\n");
    text
}

fn axes(text: &mut String, plot: &Plot, (x, y): (&Scale, &Scale)) {
    let (left, right, top, bottom) = AREA;
    for tick in y.ticks() {
        let at = y.place(tick);
        let _ = writeln!(text, "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        let _ = writeln!(text, "<text text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>", left - 8.0, at + 4.0, short(tick));
    }
    for tick in x.ticks() {
        let at = x.place(tick);
        let _ = writeln!(text, "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>");
        let _ = writeln!(text, "<text text-anchor=\"middle\" x=\"{at:.1}\" y=\"{}\">{}</text>", bottom + 18.0, short(tick));
    }
    let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
    let _ = writeln!(text, "<text text-anchor=\"middle\" x=\"{middle}\" y=\"{}\">{}</text>", bottom + 44.0, escaped(plot.x.label));
    let _ =
        writeln!(text, "<text text-anchor=\"middle\" transform=\"translate(22 {centre}) rotate(-90)\">{}</text>", escaped(plot.y.label));
}

fn draw(text: &mut String, number: usize, line: &Line, (x, y): (&Scale, &Scale)) {
    let colour = number % COLOURS.len();
    let points: Vec<_> = line.points.iter().map(|(one, other)| format!("{:.1},{:.1}", x.place(*one), y.place(*other))).collect();
    let _ = writeln!(text, "<polyline class=\"l{colour}\" points=\"{}\"/>", points.join(" "));
    for (one, other) in &line.points {
        let _ = writeln!(text, "<circle class=\"d{colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"/>", x.place(*one), y.place(*other));
    }
}

fn legend(text: &mut String, plot: &Plot) {
    let left = AREA.1 + 22.0;
    let _ = writeln!(text, "<text class=\"head\" x=\"{left}\" y=\"{}\">{}</text>", AREA.2 + 10.0, escaped(plot.legend));
    for (number, line) in plot.lines.iter().enumerate() {
        let y = AREA.2 + 34.0 + 22.0 * number as f64;
        let _ = writeln!(text, "<circle class=\"d{}\" cx=\"{}\" cy=\"{}\" r=\"5\"/>", number % COLOURS.len(), left + 6.0, y - 4.0);
        let _ = writeln!(text, "<text x=\"{}\" y=\"{y}\">{}</text>", left + 18.0, escaped(&line.label));
    }
}

fn style() -> String {
    let colours = |pick: fn(&(&'static str, &'static str)) -> &'static str| -> String {
        let both = |(number, colour): (usize, &(&'static str, &'static str))| {
            let colour = pick(colour);
            format!(".l{number}{{stroke:{colour}}}.d{number}{{fill:{colour}}}")
        };
        COLOURS.iter().enumerate().map(both).collect()
    };
    format!(
        "<style>text{{font:13px system-ui,sans-serif;fill:#1f2328}}.title{{font-size:16px;font-weight:600}}.head{{font-weight:600}}.quiet{{fill:#59636e}}\
         .page{{fill:#ffffff}}.grid{{stroke:#d1d9e0}}polyline{{fill:none;stroke-width:2}}.bound{{stroke:#cf222e;stroke-dasharray:5 4;stroke-width:1.5}}\
         .goal{{fill:#cf222e;font-size:12px}}{}@media(prefers-color-scheme:dark){{text{{fill:#e6edf3}}.quiet{{fill:#9198a1}}.page{{fill:#0d1117}}\
         .grid{{stroke:#3d444d}}.bound{{stroke:#ff7b72}}.goal{{fill:#ff7b72}}{}}}</style>\n",
        colours(|colour| colour.0),
        colours(|colour| colour.1),
    )
}

/// A number of a tick.
fn short(value: f64) -> String {
    let (scaled, ending) = match value {
        value if value >= 1e9 => (value / 1e9, " G"),
        value if value >= 1e6 => (value / 1e6, " M"),
        value if value >= 1e3 => (value / 1e3, " k"),
        value => (value, ""),
    };
    let text = format!("{scaled:.3}");
    format!("{}{ending}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_says_what_it_shows() {
        let lines = vec![Line { label: "a < b".to_owned(), points: vec![(1.0, 10.0), (100.0, 1_000.0)] }];
        let (x, y) = (Axis::tens("how many"), Axis::tens("how much (kB)"));
        let plot = Plot { name: "n", title: "Title", remark: "remark", x, y, legend: "by", lines, bound: Some((50.0, "bound")) };
        let text = svg(&plot);
        for part in ["Title", "remark", "how many", "how much (kB)", "a &lt; b", "bound", "prefers-color-scheme:dark", "by"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(text.matches("<circle").count(), 3);
    }

    #[test]
    fn ticks_are_few_and_round() {
        for (division, values, expected) in [
            (Division::Logarithmic, [1_000.0, 100_000.0], vec![1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5]),
            (Division::Even, [0.1, 10.0], vec![0.0, 5.0, 10.0]),
        ] {
            let scale = Scale::new(Axis { label: "", division }, &values, (0.0, 1.0));
            assert_eq!(scale.ticks(), expected);
        }
        assert_eq!([short(0.05), short(2_000.0), short(1.5e6)], ["0.05", "2 k", "1.5 M"]);
    }
}
