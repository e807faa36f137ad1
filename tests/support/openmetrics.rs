//! A strict reader of OpenMetrics text (version 1.0.0): what it takes, any scraper does.

use std::collections::{BTreeMap, BTreeSet};

/// A metric family.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Family {
    /// `counter`, `gauge`, `histogram`, `info`.
    pub(crate) kind: String,
    /// What is behind `# UNIT`.
    pub(crate) unit: Option<String>,
    /// What is behind `# HELP`.
    pub(crate) help: String,
    /// Each sample: its name, its labels and its value.
    pub(crate) samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Family {
    /// The value of the sample with these labels among others, summed over those that have them.
    pub(crate) fn sum(&self, sample: &str, labels: &[(&str, &str)]) -> f64 {
        let has =
            |found: &BTreeMap<String, String>| labels.iter().all(|(name, value)| found.get(*name).is_some_and(|found| found == value));
        self.samples.iter().filter(|(name, found, _)| name == sample && has(found)).map(|(_, _, value)| value).sum()
    }
}

/// Reads all of it.
///
/// # Panics
/// It is not as the specification says; the message names the line.
pub(crate) fn read_metrics(text: &str) -> BTreeMap<String, Family> {
    let (mut families, mut current) = (BTreeMap::<String, Family>::new(), String::new());
    let body = text.strip_suffix("# EOF\n").expect("it ends with `# EOF`");
    assert!(!body.contains("# EOF"), "and has that once");
    for line in body.split_terminator('\n') {
        assert!(!line.is_empty() && !line.contains('\r'), "an empty line");
        if let Some(rest) = line.strip_prefix("# ") {
            let (word, rest) = rest.split_once(' ').expect(line);
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            if name != current {
                assert!(!families.contains_key(name), "`{name}` is there twice, or in two places");
                name.clone_into(&mut current);
            }
            let family = families.entry(name.to_owned()).or_default();
            assert!(family.samples.is_empty(), "what describes a family comes before it: {line}");
            match word {
                "TYPE" if family.kind.is_empty() => rest.clone_into(&mut family.kind),
                "HELP" if family.help.is_empty() => rest.clone_into(&mut family.help),
                "UNIT" if family.unit.is_none() => family.unit = Some(rest.to_owned()),
                _ => panic!("unknown or doubled: {line}"),
            }
            continue;
        }
        let (name, labels, value) = sample(line);
        let family = families.get_mut(&current).expect(line);
        let stem = name.strip_prefix(&current).unwrap_or_else(|| panic!("`{line}` is not of `{current}`"));
        let endings: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            other => panic!("type {other}"),
        };
        assert!(endings.contains(&stem), "{line}: of a {}", family.kind);
        assert!(!value.is_nan(), "{line}");
        assert!(family.kind == "gauge" || value >= 0.0, "{line}");
        assert!(!family.samples.iter().any(|(other, found, _)| *other == name && *found == labels), "twice: {line}");
        family.samples.push((name, labels, value));
    }
    families.iter().for_each(|(name, family)| whole(name, family));
    families
}

fn whole(name: &str, family: &Family) {
    assert!(!family.kind.is_empty() && !family.help.is_empty(), "`{name}` has no type or no help");
    assert!(!family.samples.is_empty(), "`{name}` has no sample");
    assert!(
        !name.ends_with("_total") && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
        "{name}"
    );
    if let Some(unit) = &family.unit {
        assert!(name.ends_with(&format!("_{unit}")), "`{name}` has the unit {unit}");
    }
    if family.kind == "histogram" {
        histogram(name, family);
    }
}

/// The buckets of each set of labels rise, and the last one is all.
fn histogram(name: &str, family: &Family) {
    let mut buckets = BTreeMap::<BTreeMap<String, String>, Vec<(f64, f64)>>::new();
    for (sample, labels, value) in family.samples.iter().filter(|(sample, ..)| sample.ends_with("_bucket")) {
        let mut labels = labels.clone();
        let bound = labels.remove("le").unwrap_or_else(|| panic!("{sample} without `le`"));
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a bound") };
        buckets.entry(labels).or_default().push((bound, *value));
    }
    for (labels, buckets) in buckets {
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{name} {labels:?}: {buckets:?}");
        let last = buckets.last().expect("one");
        assert!(last.0.is_infinite() && last.0 > 0.0, "{name}: the last bucket is {}", last.0);
        let count = family.samples.iter().find(|(sample, found, _)| sample.ends_with("_count") && *found == labels);
        assert_eq!(count.map(|(.., count)| *count), Some(last.1), "{name} {labels:?}");
    }
}

/// Name, labels and value of a line.
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, mut rest) = line.split_at(end);
    let (mut labels, mut seen) = (BTreeMap::new(), BTreeSet::new());
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (label, behind) = inner.split_once("=\"").expect(line);
            let (value, behind) = quoted(behind).unwrap_or_else(|| panic!("an open value: {line}"));
            assert!(seen.insert(label.to_owned()), "a label twice: {line}");
            labels.insert(label.to_owned(), value);
            match behind.strip_prefix(',') {
                Some(more) => inner = more,
                None => {
                    rest = behind.strip_prefix('}').unwrap_or_else(|| panic!("an open set of labels: {line}"));
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

/// A value up to its quote, and what is behind that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                same @ ('\\' | '"') => value.push(same),
                _ => return None,
            },
            plain => value.push(plain),
        }
    }
    None
}
