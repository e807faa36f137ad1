//! Every look-up of the table, beside what the model has.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::*;
use super::naive::Naive;

/// Whether all look-ups agree.
pub(super) fn check(table: &Table, naive: &Naive) -> Result<(), TestCaseError> {
    routes(table, naive)?;
    census(table, naive)?;
    proxies(table, naive)?;
    machines(table, naive)?;
    authorities(table, naive)?;
    let_in(table, naive)?;
    // What is stored is all there is.
    let records = crate::decoding::records(table);
    let back = crate::decoding::table(records.iter().map(|(section, bytes)| (*section, bytes.as_slice())));
    prop_assert_eq!(back.as_ref(), Ok(table));
    Ok(())
}

type Flat = (String, ProxyId, Epoch, Sequence, Timestamp);

fn flat(agent: &AgentName, route: &Route) -> Flat {
    (agent.to_string(), route.proxy, route.epoch, route.sequence, route.since)
}

fn routes(table: &Table, naive: &Naive) -> Result<(), TestCaseError> {
    let expected: Vec<Flat> =
        naive.routes.iter().map(|((agent, proxy), route)| (agent.clone(), *proxy, route.0, route.1, route.2)).collect();
    let mut all: Vec<Flat> = table.routes().map(|(agent, route)| flat(agent, route)).collect();
    all.sort_unstable();
    prop_assert_eq!(&all, &expected);
    let by_name = ["lab-0", "lab-1", "x", "nobody"].map(agent);
    let each: Vec<Flat> = by_name.iter().flat_map(|name| table.routes_of(name).map(|route| flat(name, route))).collect();
    prop_assert_eq!(&each, &expected);
    for name in by_name {
        let seen = table.last_seen(&name).map(|seen| (seen.at, seen.proxy));
        prop_assert_eq!(seen, naive.seen.get(name.as_str()).copied());
    }
    Ok(())
}

fn census(table: &Table, naive: &Naive) -> Result<(), TestCaseError> {
    let mut at: BTreeMap<&str, BTreeSet<ProxyId>> = BTreeMap::new();
    for (agent, proxy) in naive.routes.keys() {
        at.entry(agent).or_default().insert(*proxy);
    }
    let (mut placements, mut by_proxy) = (BTreeMap::new(), BTreeMap::new());
    for proxies in at.values() {
        *placements.entry(proxies.clone()).or_insert(0_u64) += 1;
        proxies.iter().for_each(|proxy| *by_proxy.entry(*proxy).or_insert(0_u64) += 1);
    }
    let counts = table.counts();
    prop_assert_eq!((counts.agents_online, counts.routes), (at.len() as u64, naive.routes.len() as u64));
    prop_assert_eq!(counts.routes_by_proxy, by_proxy);
    prop_assert_eq!(table.placements(), placements);
    Ok(())
}

fn proxies(table: &Table, naive: &Naive) -> Result<(), TestCaseError> {
    let shown = |id: ProxyId, name: String, key, zone: String, epoch, level, removed| (id, name, key, zone, epoch, level, removed);
    let actual: Vec<_> =
        table.proxies().map(|(id, p)| shown(id, p.name.to_string(), p.key, p.zone.clone(), p.epoch, p.level, p.removed)).collect();
    let expected: Vec<_> =
        naive.proxies.iter().map(|(id, p)| shown(*id, p.name.clone(), p.key, p.zone.clone(), p.epoch, p.level, p.removed)).collect();
    prop_assert_eq!(actual, expected);
    prop_assert_eq!((table.level(), table.cluster().map(|cluster| cluster.strategy)), (naive.level, naive.strategy));
    for id in (1..9).map(ProxyId) {
        let ordered = naive.ordered.contains(&id).then_some(Drain::Ordered);
        prop_assert_eq!(table.drain(id), ordered.or(naive.leaving.get(&id).copied().map(Drain::Leaving)));
        prop_assert_eq!(table.epoch(id), naive.proxies.get(&id).and_then(|proxy| proxy.epoch));
        prop_assert_eq!(table.proxy(id).is_some(), naive.proxies.contains_key(&id));
    }
    Ok(())
}

fn authorities(table: &Table, naive: &Naive) -> Result<(), TestCaseError> {
    let rotation = table.rotation().map(|rotation| (rotation.certificate.clone(), rotation.phase, rotation.began_at));
    prop_assert_eq!(&rotation, &naive.rotation);
    let old = naive.strategy.is_some().then(|| naive.authority.clone());
    let new = naive.rotation.as_ref().map(|(certificate, ..)| certificate.clone());
    let trusted: BTreeSet<_> = table.trusted_authorities().into_iter().map(|authority| authority.certificate.to_vec()).collect();
    prop_assert_eq!(trusted, old.into_iter().chain(new).collect::<BTreeSet<_>>());
    prop_assert_eq!(table.issuing_authority(), table.trusted_authorities().first().copied());
    prop_assert_eq!(table.revoked().collect::<BTreeMap<_, _>>(), naive.revoked.clone());
    Ok(())
}

fn let_in(table: &Table, naive: &Naive) -> Result<(), TestCaseError> {
    let (lab, ssh) = (agent("lab-0"), service("ssh").name);
    let publishes = naive.agents.get("lab-0").is_some_and(|(_, services, _)| services.contains("ssh"));
    for id in (1..9).map(ProxyId) {
        let rules = naive.ingress.get(&id).map_or(&[][..], Vec::as_slice);
        prop_assert_eq!(table.ingress(id), rules);
        for number in 0..4_u16 {
            let may = |rule: &IngressRule| {
                let reaches = rule.reach.iter().any(|reach| match reach {
                    Reach::Pattern(_) => true,
                    Reach::Port(_, port) => publishes && port.get() == 22,
                });
                rule.admits == IngressAdmits::Anybody && reaches
            };
            let expected = rules.get(usize::from(number)).is_some_and(may);
            prop_assert_eq!(table.ingress_allows((id, number), &lab, &ssh), expected);
        }
    }
    for name in ["lab-0", "lab-1", "x"] {
        let known: Vec<_> = table.credentials(&client(name)).iter().map(|known| (known.secret, known.expires_at)).collect();
        let expected = naive.credentials.get(name).cloned().unwrap_or_default();
        prop_assert_eq!(&known, &expected);
        for secret in (1..14).map(hash) {
            let until = known.iter().find(|(of, _)| *of == secret).map(|(_, until)| *until);
            prop_assert_eq!(table.has_credential(&client(name), secret), until.is_some());
            prop_assert_eq!(table.admits_credential(&client(name), secret, Timestamp(NOW.0 + 30)), until > Some(Timestamp(NOW.0 + 30)));
        }
    }
    Ok(())
}

fn machines(table: &Table, naive: &Naive) -> Result<(), TestCaseError> {
    let services = |agent: &Agent| agent.services.iter().map(|service| service.name.to_string()).collect::<BTreeSet<_>>();
    let agents: BTreeMap<_, _> =
        table.agents().map(|(name, agent)| (name.to_string(), (agent.key, services(agent), agent.version.clone()))).collect();
    prop_assert_eq!(&agents, &naive.agents);
    prop_assert_eq!(table.agent_count(), naive.agents.len());
    let clients: BTreeMap<_, _> = table.clients().map(|(name, client)| (name.to_string(), (client.key, client.allow.clone()))).collect();
    prop_assert_eq!(&clients, &naive.clients);
    for name in ["lab-0", "lab-1", "x", "nobody"] {
        let publishing = table.publishing(&agent(name)).map(|publishing| &publishing.allow);
        prop_assert_eq!(publishing, naive.publishing.get(name));
    }
    for key in (0..12).map(hash) {
        prop_assert_eq!(table.has_removed_key(key), naive.removed.contains(&key));
    }
    let (lab, ssh) = (agent("lab-0"), service("ssh").name);
    for (name, client) in table.clients() {
        let expected = naive.clients.get(name.as_str()).is_some_and(|(_, allow)| allow.iter().any(|pattern| pattern.allows(&lab, &ssh)));
        prop_assert_eq!((table.allows(name, &lab, &ssh), table.client(name)), (expected, Some(client)));
    }
    let tokens: Vec<_> = table.tokens().map(|(id, token)| (id, token.role, token.uses, token.used_by.clone(), token.revoked)).collect();
    let expected: Vec<_> =
        naive.tokens.iter().map(|(id, (token, used_by, revoked))| (*id, token.role, token.uses, used_by.clone(), *revoked)).collect();
    prop_assert_eq!(tokens, expected);
    for (id, _) in table.tokens() {
        let publishing = table.token_publishing(id).map(|publishing| &publishing.allow);
        prop_assert_eq!(publishing, naive.limiting.get(&id));
    }
    Ok(())
}
