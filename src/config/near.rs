//! What somebody may have meant.

/// The known name nearest to `text`, if it is near enough to be what was meant.
pub(super) fn nearest<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if text.len() > 64 {
        return None;
    }
    let (distance, near) = known.filter(|name| *name != text).map(|name| (distance(text, name), name)).min()?;
    (distance <= 1 + near.len() / 5).then_some(near)
}

/// Levenshtein's distance: how many characters are to be added, removed or replaced.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, have) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, want) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(have != *want);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_was_meant() {
        let known = ["drain_timeout", "data_dir", "name", "zone"];
        for (text, expected) in [
            ("drain_timout", Some("drain_timeout")),
            ("datadir", Some("data_dir")),
            ("nam", Some("name")),
            ("name", None),
            ("port", None),
            ("", None),
            (&"x".repeat(65), None),
        ] {
            assert_eq!(nearest(text, known.into_iter()), expected, "{text}");
        }
    }
}
