//! The ways in of the configuration: whether each listens, and whether what it leads to is there.

use super::facts::{Lead, Leads, Port, Protocol, Way};
use super::finding::Finding;
use super::gather::{Runs, occupant};
use super::judge::port;
use crate::api::{AgentRow, AgentsView};
use crate::config::{Config, NamedSettings};
use crate::net::Env;
use crate::target::{Target, port_of};

/// Each way in, with what leads from there by the agents that this proxy knows; `None` where no proxy says so.
pub(super) async fn ways(config: &Config, (runs, agents): (&Runs, Option<&AgentsView>), env: &Env) -> Vec<Way> {
    let table = &config.ingress;
    let named = [("ingress.tls", &table.tls), ("ingress.http_connect", &table.http_connect), ("ingress.socks5", &table.socks5)];
    let listening = |settings: &NamedSettings| settings.listen;
    let named = named.into_iter().filter_map(|(key, settings)| Some((key.to_owned(), listening(settings.as_ref()?), None)));
    let ports = table.tcp.iter().map(|settings| ("ingress.tcp".to_owned(), settings.listen, Some(settings.target.clone())));
    let mut ways = Vec::new();
    for (key, listen, target) in named.chain(ports) {
        let occupant = occupant((env.net.listen(listen).await, listen.port()), runs);
        let lead = target.map(|target| Lead { leads: agents.map(|agents| leads(&target, &agents.agents)), target });
        ways.push(Way { port: Port { key, protocol: Protocol::Tcp, listen, occupant }, lead });
    }
    ways
}

fn leads(target: &Target, agents: &[AgentRow]) -> Leads {
    let is_meant = |agent: &&AgentRow| match target {
        Target::Service(name, service) => agent.name == *name && agent.services.iter().any(|row| row.name == *service),
        Target::Port(name, port) => agent.name == *name && agent.services.iter().any(|row| port_of(&row.target) == Some(*port)),
        Target::Any(service) => agent.services.iter().any(|row| row.name == *service),
    };
    let (mut meant, mut online) = (0, 0);
    for agent in agents.iter().filter(is_meant) {
        meant += 1;
        online += u64::from(agent.online);
    }
    match (meant, online) {
        (0, _) => Leads::Nowhere,
        (_, 0) => Leads::Offline,
        _ => Leads::To(online),
    }
}

/// What is to be said of one.
pub(super) fn judge(way: &Way) -> Vec<Finding> {
    let mut findings = vec![port(&way.port)];
    findings.extend(way.lead.as_ref().and_then(|lead| judge_lead(&way.port, lead)));
    findings
}

fn judge_lead(port: &Port, Lead { target, leads }: &Lead) -> Option<Finding> {
    let check = format!("{} {}", port.key, port.listen);
    Some(match leads.as_ref()? {
        Leads::To(1) => Finding::ok(&check, format!("`{target}` is published by an agent that is online")),
        Leads::To(agents) => Finding::ok(&check, format!("`{target}` is published by {agents} agents that are online")),
        Leads::Offline => {
            let message = format!("whoever publishes `{target}` is offline: each connection is refused");
            Finding::warning(&check, message, "`warren agents ls` says when it was last seen")
        }
        Leads::Nowhere => {
            let message = format!("nobody publishes `{target}`: each connection is refused");
            Finding::problem(&check, message, "`warren agents ls -o wide` says what is published; see the spelling")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Occupant, Severity};
    use super::*;

    #[test]
    fn where_a_way_in_leads() {
        let agents = crate::api::tests::agents().agents;
        let online = agents.iter().find(|agent| agent.online && !agent.services.is_empty()).expect("one that is online");
        let service = &online.services[0];
        let port = port_of(&service.target).expect("a port");
        let check = |target: &str, expected: &[Severity], occupant: Occupant| {
            let target: Target = target.parse().expect("a target");
            let listen = "127.0.0.1:5432".parse().expect("an address");
            let port = Port { key: "ingress.tcp".to_owned(), protocol: Protocol::Tcp, listen, occupant };
            let lead = Some(Lead { leads: Some(leads(&target, &agents)), target });
            let found = judge(&Way { port, lead });
            assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), expected, "{found:?}");
        };
        check(&format!("{}/{}", online.name, service.name), &[Severity::Ok, Severity::Ok], Occupant::Warren);
        check(&format!("any/{}", service.name), &[Severity::Ok, Severity::Ok], Occupant::Nobody);
        check(&format!("{}:{port}", online.name), &[Severity::Problem, Severity::Ok], Occupant::Absent);
        check("nobody/nothing", &[Severity::Problem, Severity::Problem], Occupant::Other);
        let offline = |mut agent: AgentRow| {
            agent.online = false;
            agent
        };
        let target: Target = format!("any/{}", service.name).parse().expect("a target");
        let offline: Vec<_> = agents.iter().cloned().map(offline).collect();
        assert_eq!(leads(&target, &offline), Leads::Offline);
    }
}
