//! The figures on a page: each is a link to the file that has it, with its name as the link's title, and tables stand between two remarks.
//!
//! ```text
//!  [1.2 s](scale.json "100x100000/peering-2/all/reached_p99_s")
//!  <!-- figures peering-2/all/reached_p99_s --> table <!-- end -->
//! ```
//! The command writes them anew; a test holds the page to the file.

use super::figures::Figures;

/// What a figure's link leads to.
const FILE: &str = "](scale.json \"";
/// What stands before a table, and after it.
const TABLE: (&str, &str) = ("<!-- figures ", "<!-- end -->");

/// The page with these figures.
pub fn rendered(page: &str, figures: &Figures) -> String {
    tables(&links(page, figures), figures)
}

/// The figures of the page that are not in the file.
pub fn checked(page: &str, figures: &Figures) -> Vec<String> {
    let named = page.split(FILE).skip(1).filter_map(|rest| rest.split('"').next());
    named.filter(|name| figures.get(name).is_none()).map(str::to_owned).collect()
}

fn links(page: &str, figures: &Figures) -> String {
    let mut parts = page.split(FILE);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let name = part.split('"').next().unwrap_or_default();
        if let (Some(value), Some(begin)) = (figures.get(name), text.rfind('[')) {
            text.truncate(begin + 1);
            text.push_str(&shown(name, value));
        }
        text.push_str(FILE);
        text.push_str(part);
    }
    text
}

fn tables(page: &str, figures: &Figures) -> String {
    let mut parts = page.split(TABLE.0);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(TABLE.0);
        let (Some((name, rest)), Some((_, after))) = (part.split_once(" -->"), part.split_once(TABLE.1)) else {
            text.push_str(part);
            continue;
        };
        debug_assert!(rest.contains(TABLE.1), "a table has an end");
        text.push_str(&format!("{name} -->\n\n{}\n{}{after}", table(name, figures), TABLE.1));
    }
    text
}

/// A line for each number of proxies, a column for each number of agents.
fn table(name: &str, figures: &Figures) -> String {
    let Some((strategy, what)) = name.split_once('/') else { return String::new() };
    let cases = figures.cases(strategy);
    let sorted = |pick: fn(&(u64, u64)) -> u64| {
        let mut sorted: Vec<_> = cases.iter().map(pick).collect();
        sorted.sort_unstable();
        sorted.dedup();
        sorted
    };
    let agents = sorted(|case| case.1);
    let mut text = "| proxies |".to_owned();
    agents.iter().for_each(|agents| text.push_str(&format!(" {} agents |", number(*agents as f64))));
    text.push_str(&format!("\n|--:|{}\n", "--:|".repeat(agents.len())));
    for proxies in sorted(|case| case.0) {
        text.push_str(&format!("| {proxies} |"));
        for agents in &agents {
            let name = format!("{proxies}x{agents}/{strategy}/{what}");
            let cell = figures.get(&name).map_or_else(|| "-".to_owned(), |value| shown(&name, value));
            text.push_str(&format!(" {cell} |"));
        }
        text.push('\n');
    }
    text
}

/// A figure with the unit that its name says.
fn shown(name: &str, value: f64) -> String {
    let is_rate = name.ends_with("_per_s");
    let rate = if is_rate { "/s" } else { "" };
    if name.contains("bytes") {
        let (scaled, unit) = match value {
            value if value >= 1e9 => (value / 1e9, "GB"),
            value if value >= 1e6 => (value / 1e6, "MB"),
            value if value >= 1e3 => (value / 1e3, "kB"),
            value => (value, "B"),
        };
        return format!("{} {unit}{rate}", number(scaled));
    }
    if is_rate || name.ends_with("_s") {
        return if is_rate { format!("{}/s", number(value)) } else { format!("{} s", number(value)) };
    }
    number(value)
}

/// Three digits, or all of those before the point.
fn number(value: f64) -> String {
    let decimals = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        0.0 => 0,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::default();
        for (proxies, agents, value) in [(3, 1_000, 1_234.0), (9, 1_000, 0.5), (9, 10_000, 12.34)] {
            figures.add(&format!("{proxies}x{agents}/peering-2/all"), "last_s", value);
            figures.add(&format!("{proxies}x{agents}/peering-2/all"), "bytes_per_s", value * 1_000.0);
        }
        figures
    }

    #[test]
    fn links_and_tables_are_written_anew() {
        let page = "In [9 s](scale.json \"9x10000/peering-2/all/last_s\") all [x](else.md) of [?](scale.json \"3x1000/peering-2/all/bytes_per_s\").\n\
                    <!-- figures peering-2/all/last_s --> old <!-- end --> after";
        let expected = "In [12.3 s](scale.json \"9x10000/peering-2/all/last_s\") all [x](else.md) of [1.23 MB/s](scale.json \"3x1000/peering-2/all/bytes_per_s\").\n\
                        <!-- figures peering-2/all/last_s -->\n\n| proxies | 1,000 agents | 10,000 agents |\n|--:|--:|--:|\n| 3 | 1,234 s | - |\n\
                        | 9 | 0.50 s | 12.3 s |\n\n<!-- end --> after";
        let once = rendered(page, &figures());
        assert_eq!(once, expected);
        assert_eq!(rendered(&once, &figures()), once);
        assert_eq!(checked("[1](scale.json \"9x9/no/such\")", &figures()), ["9x9/no/such"]);
    }

    /// What stands on the page is what the run has written beside it, and so are the plots.
    #[test]
    fn the_page_has_the_figures_of_the_run() {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("scale");
        let figures = Figures::read(&place.join("scale.json")).expect("the run's figures are beside the page");
        let page = std::fs::read_to_string(place.join("README.md")).expect("there is a page");
        assert_eq!(checked(&page, &figures), Vec::<String>::new(), "the run has no such figures");
        assert!(page.matches(FILE).count() > 30, "a page without figures tells nothing");
        assert!(rendered(&page, &figures) == page, "the page has other figures than the run: `cargo sim scale` writes them");
        for (name, svg) in super::super::plots(&figures) {
            let drawn = std::fs::read_to_string(place.join(&name)).unwrap_or_default();
            assert!(drawn == svg, "{name} shows other figures than the run: `cargo sim scale` draws it");
            assert!(page.contains(&name), "{name} is not on the page");
        }
    }
}
