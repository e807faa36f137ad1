//! The verdict: one word, one sentence, and the figures behind them.

use super::escaped::Escaped;
use super::figures::Count;
use super::html::{Html, put};
use super::icon::icon;
use super::tone::Tone;
use super::view::View;
use crate::api::StatusView;

/// The verdict in words.
pub(super) struct Verdict {
    pub(super) tone: Tone,
    pub(super) word: &'static str,
    pub(super) sentence: String,
}

/// What the cluster is like.
pub(super) fn verdict(status: &StatusView) -> Verdict {
    let notices = status.problems.len();
    let tolerates = match status.tolerates {
        0 if status.voters == 1 => "There is one voter: the cluster stands and falls with it.".to_owned(),
        0 => "No further voter may fail.".to_owned(),
        1 => "One more voter may fail.".to_owned(),
        more => format!("{more} more voters may fail."),
    };
    let (tone, word, sentence) = if status.healthy && notices == 0 {
        (Tone::Good, "Healthy", format!("Every proxy is up. {tolerates}"))
    } else if status.healthy {
        let what = if notices == 1 { "There is one thing to know." } else { "There are things to know." };
        (Tone::Good, "Healthy", format!("{what} {tolerates}"))
    } else if status.problems.iter().any(|problem| problem.code == "no_quorum") {
        (Tone::Bad, "No quorum", "What is connected stays reachable; nothing can be registered or changed.".to_owned())
    } else {
        let what = if notices == 1 { "One thing is wrong.".to_owned() } else { format!("{notices} things are wrong.") };
        (Tone::Bad, "Degraded", format!("{what} {tolerates}"))
    };
    Verdict { tone, word, sentence }
}

/// The section.
pub(super) fn section(view: &View) -> Html {
    let (status, mut html) = (&view.status, Html::default());
    let Verdict { tone, word, sentence } = verdict(status);
    put!(html, r#"<div class="verdict {}">{}<div>"#, tone.class(), icon(tone));
    put!(html, r#"<h2 id="verdict-word">{word}</h2><p>{}</p></div></div><dl class="figures">"#, Escaped(sentence));
    let leader = status.leader.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let strategy = match status.strategy.kind.as_str() {
        "agent_mesh" => "every proxy".to_owned(),
        _ if status.strategy.agent_connection_count == 1 => "1 proxy each".to_owned(),
        _ => format!("{} proxies each", status.strategy.agent_connection_count),
    };
    let figures = [
        ("Leader", leader, format!("term {}", status.term)),
        (
            "Voters up",
            format!("{} of {}", status.voters_up, status.voters),
            format!("{} {}", status.proxies.len(), if status.proxies.len() == 1 { "proxy" } else { "proxies" }),
        ),
        ("Agents online", Count(status.agents).to_string(), format!("{} enrolled", Count(view.enrolled))),
        ("Tunnels", Count(status.routes).to_string(), format!("agents hold {strategy}")),
    ];
    for (name, value, more) in figures {
        put!(html, "<div><dt>{name}</dt><dd>{}<small>{}</small></dd></div>", Escaped(value), Escaped(more));
    }
    put!(html, "</dl>");
    html
}
