//! Text of others within HTML.

use std::fmt::{self, Display, Write};

/// Whatever it displays, as text of HTML, within an element or a quoted attribute: nothing of it is markup, and nothing of it changes how the rest is shown (control characters and marks
/// of direction become `\u{..}`).
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            hidden if is_hidden(hidden) => write!(self.0, "\\u{{{:x}}}", u32::from(hidden)),
            plain => self.0.write_char(plain),
        })
    }
}

/// Characters that are not seen and act on their neighbours: controls, marks and overrides of direction (Unicode, annex 9), separators, joiners, byte order marks.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        let table = [
            ("plain-1 text", "plain-1 text"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            (r#"" onload='x' &amp;"#, "&quot; onload=&#39;x&#39; &amp;amp;"),
            ("a\u{202e}b\0\n", "a\\u{202e}b\\u{0}\\u{a}"),
            ("größer", "größer"),
        ];
        for (text, expected) in table {
            assert_eq!(Escaped(text).to_string(), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_leaves_its_place(text: String) {
            let escaped = Escaped(&text).to_string();
            proptest::prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            proptest::prop_assert!(!escaped.chars().any(char::is_control));
        }
    }
}
