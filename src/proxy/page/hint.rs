//! What to do next: words, and commands in backticks, which can be copied.

use super::escaped::Escaped;
use super::html::{Html, put};

/// Writes a text with what stands in backticks as code. A command of warren's gets a button that copies it, for who runs scripts.
pub(super) fn text(html: &mut Html, text: &str) {
    let pieces: Vec<_> = text.split('`').collect();
    // Without its partner the last backtick is one.
    let is_balanced = pieces.len() % 2 == 1;
    for (place, piece) in pieces.iter().enumerate() {
        let is_code = place % 2 == 1 && (is_balanced || place + 1 < pieces.len());
        match (is_code, place) {
            (true, _) if is_command(piece) => put!(
                html,
                r#"<span class="command"><code>{0}</code><button type="button" class="copy" data-copy="{0}" aria-label="Copy the command {0}">copy</button></span>"#,
                Escaped(piece)
            ),
            (true, _) => put!(html, "<code>{}</code>", Escaped(piece)),
            (false, place) if place % 2 == 1 => put!(html, "`{}", Escaped(piece)),
            (false, _) => put!(html, "{}", Escaped(piece)),
        }
    }
}

fn is_command(code: &str) -> bool {
    ["warren ", "df ", "dmesg"].iter().any(|program| code.starts_with(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(hint: &str) -> String {
        let mut html = Html::default();
        text(&mut html, hint);
        html.into_text()
    }

    #[test]
    fn commands_can_be_copied_and_nothing_is_markup() {
        assert_eq!(shown("proxy `p` is <down>"), "proxy <code>p</code> is &lt;down&gt;");
        let copied = shown("`warren raft status` says");
        assert!(copied.contains(r#"data-copy="warren raft status""#) && copied.ends_with(" says"), "{copied}");
        assert_eq!(shown("a `b"), "a `b");
        assert_eq!(shown(""), "");
        assert!(shown("`warren \"><script>`").contains("&quot;&gt;&lt;script&gt;"));
    }
}
