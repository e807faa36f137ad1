//! What `warren strategy` shows.

use std::time::Duration;

use super::output::{Show, Width};
use super::table::{Cell, Table, Tone, count, paint};
use crate::api::{CutOffRow, LaggingAgent, ObstacleRow, StrategyPlan, StrategyShown, StrategyView};
use crate::failure::Printable;
use crate::telemetry::Colour;

/// A strategy in a few words.
pub(super) fn strategy(view: &StrategyView) -> String {
    match view.kind.as_str() {
        "agent_mesh" => "agent_mesh".to_owned(),
        kind => format!("{} with {} per agent", Printable(kind), view.agent_connection_count),
    }
}

impl Show for StrategyShown {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let counts = &self.agents;
        let mut text = format!("strategy {}: {} for each agent", strategy(&self.strategy), count(self.wanted, "tunnel"));
        // While agents are on their way it would read as if they were not.
        text += &if counts.stuck > 0 { format!(", nothing has changed since {}\n", self.unchanged_since) } else { "\n".to_owned() };
        let stuck = format!("{} stuck", counts.stuck);
        let stuck = paint(&stuck, if counts.stuck == 0 { Tone::Plain } else { Tone::Bad }, colour);
        text +=
            &format!("  {} converged, {} moving, {stuck}, {} offline\n\n", count(counts.converged, "agent"), counts.moving, counts.offline);
        let mut table = Table::new(&["PROXY", "STATE", "TUNNELS", "CONNECTIONS"]);
        for row in &self.proxies {
            let connections = Cell::optional(row.connections.as_ref());
            table.row(vec![Cell::plain(&row.name), Cell::plain(&row.state), Cell::plain(&row.tunnels), connections]);
        }
        text += &table.render(colour);
        if !self.lagging.is_empty() {
            text += &format!("\n{}", lagging(&self.lagging, colour));
        }
        if !self.confirmed {
            text += &unconfirmed(colour);
        }
        text
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl Show for StrategyPlan {
    fn to_text(&self, _width: Width, colour: Colour) -> String {
        let is = if self.done { "is" } else { "would be" };
        let mut text = format!("strategy {is} {}, before: {}\n", strategy(&self.strategy), strategy(&self.before));
        text += &format!("  {} online, {} each: ", count(self.agents, "agent"), count(self.wanted, "tunnel"));
        text += &self.moves();
        if self.done {
            return text + "  `warren strategy show --wait` waits until the agents have followed\n";
        }
        let mut table = Table::new(&["PROXY", "TUNNELS NOW", "THEN, ABOUT", "ONLY TUNNEL"]);
        for row in &self.proxies {
            let cells = [Cell::plain(&row.tunnels_now), Cell::plain(&row.tunnels_then), Cell::plain(&row.only_then)];
            table.row([Cell::plain(&row.name)].into_iter().chain(cells).collect());
        }
        text += &format!("\n{}\n{}", table.render(colour), self.losses());
        text += &self.cut_off.iter().map(|row| cut_off(row, colour)).collect::<String>();
        text += &self.limits(colour);
        if !self.confirmed {
            text += &unconfirmed(colour);
        }
        text + "nothing was changed\n"
    }

    fn to_rows(&self) -> Vec<serde_json::Result<String>> {
        vec![serde_json::to_string(self)]
    }
}

impl StrategyPlan {
    /// How many tunnels come and go.
    fn moves(&self) -> String {
        let is_same = strategy(&self.strategy) == strategy(&self.before);
        match (self.done, is_same && self.opened == 0 && self.closed == 0) {
            (true, true) => "nothing changes\n".to_owned(),
            (false, true) => "nothing would change\n".to_owned(),
            (true, false) => format!("{} open, then {} close\n", count(self.opened, "tunnel"), self.closed),
            (false, false) => format!("{} would open, then {} would close\n", count(self.opened, "tunnel"), self.closed),
        }
    }

    /// What the loss of proxies would mean.
    fn losses(&self) -> String {
        if self.agents == 0 {
            return String::new();
        }
        let mut text = match self.wanted {
            0 | 1 => {
                "when a proxy is lost, agents whose only tunnel is there are out of reach until they have one elsewhere: the aim is 2 s \
                      at the median, 5 s at the 99th percentile\n"
                    .to_owned()
            }
            wanted => format!("an agent is out of reach only when the {wanted} proxies that it has tunnels to are lost at once\n"),
        };
        // With one tunnel each that follows from the table.
        for row in self.zones.iter().filter(|row| self.wanted > 1 && row.only_then > 0) {
            let agents = count(row.only_then, "agent");
            text += &format!(
                "when zone `{}` is lost, the {agents} with all tunnels there are out of reach until they are back\n",
                Printable(&row.zone)
            );
        }
        text
    }

    /// Who does not get what is wanted, and what cannot be known.
    fn limits(&self, colour: Colour) -> String {
        let mut text = String::new();
        if !self.short.is_empty() {
            let warning = paint("warning:", Tone::Warning, colour);
            text += &format!("{warning} these agents reach fewer than {} today:\n", self.wanted);
            text += &lagging(&self.short, colour);
        }
        if self.opened > 0 {
            text += "whether agents reach proxies that they have no tunnel to shows when they try: `warren strategy show` names those that do not\n";
        }
        text
    }
}

fn cut_off(row: &CutOffRow, colour: Colour) -> String {
    let names = row.unreachable.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let warning = paint("warning:", Tone::Warning, colour);
    let mut text = format!("{warning} `{}` has no connection to {names} on the peer port: ", row.through);
    let now = count(row.agents_now, "agent");
    text += &match row.agents_then {
        0 => format!("agents with no tunnel elsewhere are out of reach through it: {now} now, none then while every proxy is up\n"),
        then => format!("{} would be out of reach through it, {} now\n", count(then, "agent"), row.agents_now),
    };
    text
}

/// Agents that have not got what they ought to have.
fn lagging(agents: &[LaggingAgent], colour: Colour) -> String {
    let mut table = Table::new(&["AGENT", "STATE", "TUNNELS", "FOR", "WHY"]);
    for agent in agents {
        let (state, tone) = if agent.stuck { ("stuck", Tone::Bad) } else { ("moving", Tone::Warning) };
        let held = format!("{} of {}", agent.held, agent.wanted);
        let why = agent.obstacles.iter().map(obstacle).collect::<Vec<_>>().join("; ");
        let lasting = humantime::format_duration(Duration::from_secs(agent.seconds));
        let cells = [Cell::new(&state, tone), Cell::plain(&held), Cell::plain(&lasting), Cell::plain(&why)];
        table.row([Cell::plain(&agent.agent)].into_iter().chain(cells).collect());
    }
    table.render(colour)
}

fn obstacle(row: &ObstacleRow) -> String {
    match &row.proxy {
        Some(proxy) => format!("{proxy}: {}", row.reason),
        None => format!("configured addresses: {}", row.reason),
    }
}

fn unconfirmed(colour: Colour) -> String {
    format!("{} no quorum has confirmed this: it is what this proxy knows\n", paint("warning:", Tone::Warning, colour))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::strategy_tests::{strategy_plan, strategy_shown};
    use crate::api::{AgentCounts, StrategyPlan};

    fn text(shown: &impl Show) -> String {
        shown.to_text(Width::Narrow, Colour::Off)
    }

    #[test]
    fn what_is_set_already_changes_nothing() {
        let same = StrategyPlan { before: strategy_plan().strategy, opened: 0, closed: 0, ..strategy_plan() };
        assert!(text(&same).contains("2 tunnels each: nothing would change\n"), "{}", text(&same));
        assert!(text(&StrategyPlan { done: true, ..same.clone() }).contains("2 tunnels each: nothing changes\n"));
        let moving = StrategyPlan { opened: 1, ..same };
        assert!(text(&moving).contains("1 tunnel would open, then 0 would close\n"), "agents may not have followed yet");
    }

    #[test]
    fn since_when_nothing_has_changed_is_told_of_what_is_stuck() {
        assert!(text(&strategy_shown()).contains("nothing has changed since"));
        let agents = AgentCounts { moving: 3, ..AgentCounts::default() };
        let moving = StrategyShown { agents, lagging: Vec::new(), ..strategy_shown() };
        assert!(!text(&moving).contains("nothing has changed since"), "{}", text(&moving));
    }
}
