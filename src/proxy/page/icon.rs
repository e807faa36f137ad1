//! Shapes for what colours mean: who does not see the colour sees the shape.

use super::tone::Tone;

/// The shape: a check in a circle, a dot, a triangle, a cross in an octagon. It says nothing to who hears the page: the words beside it do.
pub(super) fn icon(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => {
            r#"<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="8" fill="currentColor"/><path class="on" d="M4.4 8.3l2.4 2.4 4.8-5.2"/></svg>"#
        }
        Tone::Neutral => {
            r#"<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="3.5" fill="currentColor"/></svg>"#
        }
        Tone::Warning => {
            r#"<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 .8 16 15H0z" fill="currentColor"/><path class="on" d="M8 6v4.2M8 12.2v.6"/></svg>"#
        }
        Tone::Bad => {
            r#"<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M4.7 0h6.6L16 4.7v6.6L11.3 16H4.7L0 11.3V4.7z" fill="currentColor"/><path class="on" d="M5.2 5.2l5.6 5.6m0-5.6-5.6 5.6"/></svg>"#
        }
    }
}
