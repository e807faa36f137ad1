//! `warren config fmt`: one form for every file, with its comments.
//!
//! Only blanks and empty lines change: keys, values and comments stay as they are and where they are.

use toml_edit::{Array, Decor, DocumentMut, Item, RawString, Table, Value};

/// A text that is no TOML.
#[derive(Clone, Debug, thiserror::Error)]
#[error("it is no TOML, `warren config check` says where")]
pub struct FormatError;

/// The text in the one form.
///
/// # Errors
/// [`FormatError`]
pub fn format(text: &str) -> Result<String, FormatError> {
    let mut document: DocumentMut = text.parse().map_err(|_| FormatError)?;
    let trailing = comments(document.trailing().as_str().unwrap_or_default());
    table(document.as_table_mut());
    document.set_trailing(trailing);
    Ok(tidied(&document.to_string()))
}

fn table(table: &mut Table) {
    let header = comments(text(table.decor().prefix()));
    let behind = behind(text(table.decor().suffix()));
    let gap = if header.starts_with('\n') { "" } else { "\n" };
    *table.decor_mut() = Decor::new(format!("{gap}{header}"), behind);
    for (mut key, item) in table.iter_mut() {
        let is_header = item.as_table().is_some_and(|table| !table.is_dotted()) || item.is_array_of_tables();
        if is_header {
            *key.leaf_decor_mut() = Decor::new("", "");
            *key.dotted_decor_mut() = Decor::new("", "");
        }
        if let Item::Value(value) = item {
            let above = comments(text(key.leaf_decor().prefix()));
            *key.leaf_decor_mut() = Decor::new(above, " ");
            line(value);
        }
        match item {
            Item::Table(inner) => self::table(inner),
            Item::ArrayOfTables(inner) => inner.iter_mut().for_each(self::table),
            Item::None | Item::Value(_) => {}
        }
    }
}

/// The value of a line, with what stands behind it.
fn line(value: &mut Value) {
    let behind = behind(text(value.decor().suffix()));
    *value.decor_mut() = Decor::new(" ", behind);
    if let Value::Array(array) = value {
        elements(array);
    }
}

/// The blanks in an array that has one line; one with more is left as its writer has laid it out.
fn elements(array: &mut Array) {
    let has_lines = |raw: Option<&RawString>| text(raw).contains('\n');
    let is_laid_out = array.iter().any(|value| has_lines(value.decor().prefix()) || has_lines(value.decor().suffix()));
    if is_laid_out || array.trailing().as_str().is_some_and(|trailing| trailing.contains('\n')) {
        return;
    }
    for (number, value) in array.iter_mut().enumerate() {
        *value.decor_mut() = Decor::new(if number == 0 { "" } else { " " }, "");
    }
    array.set_trailing("");
    array.set_trailing_comma(false);
}

fn text(raw: Option<&RawString>) -> &str {
    raw.and_then(RawString::as_str).unwrap_or_default()
}

/// The whole lines above something: none of them indented, and no more than one empty line between comments.
fn comments(above: &str) -> String {
    let mut lines: Vec<&str> = above.split('\n').map(str::trim).collect();
    // Behind the last line break stands what indents the thing itself; at the end of a file, perhaps a comment.
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A comment behind something.
fn behind(suffix: &str) -> String {
    let comment = suffix.trim();
    if comment.is_empty() { String::new() } else { format!(" {comment}") }
}

/// No blanks at the ends of lines, no empty lines at either end of the file.
fn tidied(text: &str) -> String {
    let text = text.trim_start_matches('\n').trim_end();
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::documented;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(format(text).expect(text), expected, "{text}");
        assert_eq!(format(expected).expect(expected), expected, "not idempotent");
    }

    #[test]
    fn blanks_go_and_comments_stay() {
        check("", "");
        check("[proxy]\nname='a'", "[proxy]\nname = 'a'\n");
        check(
            "\n\n# The file.\n\n\n\n  [ proxy ]   # this one\n\t# Its name.\n  name   =\"a\"# why\n\n\n\nzone=\"\"   \n[raft]\nmax_voters=3\n  # The end.\n\n",
            "# The file.\n\n[proxy] # this one\n# Its name.\nname = \"a\" # why\n\nzone = \"\"\n\n[raft]\nmax_voters = 3\n# The end.\n",
        );
        check("[cluster]\njoin=[ \"a:1\",\"b:2\" , ]", "[cluster]\njoin = [\"a:1\", \"b:2\"]\n");
        check("[cluster]\njoin = [\n  \"a:1\", # one\n  \"b:2\",\n]\n", "[cluster]\njoin = [\n  \"a:1\", # one\n  \"b:2\",\n]\n");
        check(
            "[agent]\n[[agent.service]]\nname=\"a\"\ntarget=\"a:1\"\n[[agent.service]]\nname=\"b\"\ntarget=\"a:2\"",
            "[agent]\n\n[[agent.service]]\nname = \"a\"\ntarget = \"a:1\"\n\n[[agent.service]]\nname = \"b\"\ntarget = \"a:2\"\n",
        );
        check("[proxy]\nname=\"\"\"\n  a  \n\n\n b\"\"\"\n", "[proxy]\nname = \"\"\"\n  a  \n\n\n b\"\"\"\n");
        assert!(format("[proxy").is_err());
    }

    #[test]
    fn the_documented_file_has_the_form() {
        assert_eq!(format(documented::TEXT).expect("a file"), documented::TEXT);
    }

    proptest! {
        #[test]
        fn the_form_means_the_same_and_is_its_own(
            text in "(\\[\\[?(a|b|a\\.c)\\]\\]?|k[0-9] *= *(1|\"x\"|\\[ *1 *, *2 *\\]|\\{ *y *= *1 *\\})| {0,3}|\t|# ?c|\r?\n|\n\n){0,30}"
        ) {
            let Ok(formatted) = format(&text) else { return Ok(()) };
            let (before, after) = (text.parse::<toml::Table>(), formatted.parse::<toml::Table>());
            prop_assert_eq!(before.expect("it was read"), after.expect("it is TOML"), "{}", formatted);
            prop_assert_eq!(format(&formatted).expect("it is TOML"), formatted);
        }
    }
}
