//! The page as a whole, and its sections alone.

use std::sync::LazyLock;

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::escaped::Escaped;
use super::html::{Html, put};
use super::verdict::verdict;
use super::view::View;
use super::{agents, events, members, picture, plots, problems};
use crate::api::{Schema, Time};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");

/// The sign of warren, for a browser's tab: two mouths of a burrow that are joined.
pub(in crate::proxy) const FAVICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#245c4a"/><g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"><path d="M10 12v4a6 6 0 0 0 12 0v-4"/><circle cx="10" cy="9" r="2.7" fill="#fff"/><circle cx="22" cy="9" r="2.7" fill="#fff"/><path d="M16 22v3"/></g></svg>"##;

/// What the page may do: use the style and the script that are in it, known by their hashes, and ask this proxy. Nothing comes from elsewhere and nothing goes there.
pub(in crate::proxy) static CONTENT_POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// What changes: each section of the page by its id.
#[derive(Clone, Debug, Serialize)]
pub(in crate::proxy) struct Sections {
    schema: Schema,
    /// Which page these sections belong to: another version of warren has another one.
    page: String,
    title: String,
    at: Time,
    sections: Vec<(&'static str, String)>,
}

impl Sections {
    /// Draws what `view` says.
    pub(in crate::proxy) fn draw(view: &View) -> Self {
        let of = |section: fn(&View) -> Html| section(view).into_text();
        Self {
            schema: Schema,
            page: page(),
            title: format!("{} · {} · warren", verdict(&view.status).word, view.status.cluster),
            at: view.at.into(),
            sections: vec![
                ("verdict", of(super::verdict::section)),
                ("problems", of(problems::section)),
                ("picture", of(picture::section)),
                ("events", of(events::section)),
                ("members", of(members::section)),
                ("plots", of(plots::section)),
                ("agents", of(agents::section)),
            ],
        }
    }
}

/// The whole page.
pub(in crate::proxy) fn document(view: &View) -> String {
    let (sections, mut html) = (Sections::draw(view), Html::default());
    put!(html, r#"<!DOCTYPE html><html lang="en" data-page="{}"><head><meta charset="utf-8"/>"#, sections.page);
    put!(html, r#"<meta name="viewport" content="width=device-width, initial-scale=1"/><meta name="color-scheme" content="light dark"/>"#);
    put!(html, r#"<meta name="referrer" content="no-referrer"/><link rel="icon" type="image/svg+xml" href="/favicon.svg"/>"#);
    put!(html, r#"<noscript><meta http-equiv="refresh" content="10"/></noscript><title>{}</title>"#, Escaped(&sections.title));
    put!(html, "<style>{STYLE}</style></head><body>");
    header(&mut html, view, &sections);
    put!(html, r#"<main id="main">"#);
    for (id, section) in &sections.sections {
        put!(html, r#"<section id="{id}">{section}</section>"#);
    }
    put!(html, "</main>");
    footer(&mut html, view);
    put!(html, "<script>{SCRIPT}</script></body></html>\n");
    html.into_text()
}

fn header(html: &mut Html, view: &View, sections: &Sections) {
    put!(
        html,
        r##"<a class="skip" href="#main">Skip to the status</a><header><div class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7"/>"##
    );
    put!(
        html,
        r#"<g><path d="M10 12v4a6 6 0 0 0 12 0v-4"/><circle cx="10" cy="9" r="2.7"/><circle cx="22" cy="9" r="2.7"/><path d="M16 22v3"/></g></svg>"#
    );
    put!(html, r#"<div><h1>{}</h1><p>as <b>{}</b> sees it</p></div></div>"#, Escaped(&view.status.cluster), Escaped(view.name()));
    put!(
        html,
        r#"<p id="live" role="status"><i aria-hidden="true"></i><span>as of <time datetime="{0}">{0}</time></span></p></header>"#,
        sections.at
    );
}

fn footer(html: &mut Html, view: &View) {
    put!(html, "<footer><p>warren {}, read only. ", env!("CARGO_PKG_VERSION"));
    if let Some(own) = view.own() {
        let addresses: Vec<_> = own.public_addresses.iter().take(4).map(|address| format!("<code>{}</code>", Escaped(address))).collect();
        put!(html, "Agents and clients reach this proxy at {}.", addresses.join(", "));
    }
    put!(
        html,
        r#"</p><nav aria-label="For programs"><a href="/metrics">metrics</a><a href="/v1/status">status</a><a href="/v1/agents">agents</a><a href="/v1/routes">routes</a><a href="/readyz?verbose">ready</a></nav></footer>"#
    );
}

/// A page that is open is of this version.
fn page() -> String {
    hex::encode(&digest(&SHA256, [STYLE, SCRIPT, env!("CARGO_PKG_VERSION")].concat().as_bytes()).as_ref()[..8])
}

/// The hash of a style or script, as a content policy names it (CSP 3, section 2.3.1).
fn hash(text: &str) -> String {
    format!("sha256-{}", base64(digest(&SHA256, text.as_bytes()).as_ref()))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = (0..3).fold(0_usize, |bits, place| bits << 8 | usize::from(chunk.get(place).copied().unwrap_or_default()));
        let digit = move |place: usize| if place <= chunk.len() { char::from(DIGITS[bits >> (18 - 6 * place) & 63]) } else { '=' };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let table =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy")];
        for (text, expected) in table {
            assert_eq!(base64(text.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn the_policy_allows_nothing_from_elsewhere() {
        let policy = CONTENT_POLICY.as_str();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(policy.matches("sha256-").count(), 2);
    }
}
