//! The model as stateright sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model, Property};
use tokio::time::Instant;
use warren_raft::command::Answers;
use warren_raft::{Accepted, Command, Incarnation, Proposal, Rejection, Sequence};

use super::Fault;
use super::event::{Event, View};
use super::moments::Moments;
use super::properties;
use super::setup::{LEADER, NOW, place, proxy_id, table};
use super::state::{AgentState, ProxyState, Rest, Standing, State, Ticket, Tunnel};

/// The life of the leader's process that the model sees; the one before has made the cluster.
const LEADERS_LIFE: u64 = 2;
/// How often a proposal is applied anew where the table forgets whom it has heard.
const REPEATED: u64 = 8;

/// What is said of a moment that no state had.
pub(crate) const NEVER: &str = "never";

/// How much there is, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Proxies that tunnels are at.
    pub proxies: usize,
    /// Agents.
    pub agents: usize,
    /// Tunnels that each agent tries.
    pub tunnels: u64,
    /// Proposals of a proxy's life: the first is its start.
    pub proposals: u64,
    /// Crashes in all.
    pub crashes: u32,
    /// Leases that are lost, as the proxy sees it, and epochs that the leader ends.
    pub lost_leases: u32,
    /// A bug, to show that it is found.
    pub fault: Option<Fault>,
    /// What the search has met.
    pub moments: Moments,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Different states.
    pub states: usize,
    /// Longest way to one.
    pub depth: usize,
    /// How long that took.
    pub took: Duration,
    /// Properties that do not hold, or interesting moments that never come; each with the events that lead there, as far as there are any.
    pub failed: Vec<(&'static str, String)>,
}

impl Registration {
    /// What a test walks through in a few seconds: two proxies, and one agent that goes from tunnel to tunnel.
    pub fn small() -> Self {
        Self { proxies: 2, agents: 1, tunnels: 2, proposals: 2, crashes: 0, lost_leases: 0, fault: None, moments: Moments::default() }
    }

    /// One proxy in its place, whose process and whose leases come and go.
    pub fn restless() -> Self {
        Self { proxies: 1, proposals: 3, crashes: 1, lost_leases: 1, ..Self::small() }
    }

    /// Looks at every state. With a fault it stops at the first property that fails.
    pub fn search(self) -> Searched {
        let (began, fault, moments) = (Instant::now(), self.fault, self.moments.clone());
        let finish = if fault.is_some() { HasDiscoveries::AnyFailures } else { HasDiscoveries::All };
        let checker = self.checker().finish_when(finish).threads(1).spawn_bfs().join();
        let found: BTreeMap<_, _> = checker.discoveries().into_iter().collect();
        let mut failed = moments.missing(fault);
        for property in checker.model().properties() {
            let way = found.get(property.name).map(|path| format!("{:?}", path.clone().into_actions()));
            match property.expectation {
                stateright::Expectation::Sometimes if way.is_none() && fault.is_none() => failed.push((property.name, NEVER.to_owned())),
                stateright::Expectation::Sometimes => {}
                stateright::Expectation::Always | stateright::Expectation::Eventually => failed.extend(way.map(|way| (property.name, way))),
            }
        }
        Searched { states: checker.unique_state_count(), depth: checker.max_depth(), took: began.elapsed(), failed }
    }

    fn proxy_events(&self, state: &State, number: usize, events: &mut Vec<Event>) {
        let proxy = &state.rest.proxies[number];
        if state.rest.crashes < self.crashes && proxy.number > 0 {
            events.push(Event::Crash(number));
        }
        if state.rest.lost_leases < self.lost_leases {
            events.extend(proxy.lease.map(|_| Event::LoseLease(number)));
            events.extend(state.table.epoch(proxy_id(number)).map(|_| Event::Expire(number)));
        }
        events.extend(proxy.tunnels.iter().filter(|(_, standing)| **standing != Standing::Ended).map(|(tunnel, _)| Event::End(*tunnel)));
        if let Some((ticket, _)) = proxy.waits {
            events.push(Event::GiveUp(number));
            let is_answered = state.rest.answered.get(&ticket.proposer).is_some_and(|(answered, _)| *answered == ticket);
            events.extend(is_answered.then_some(Event::Hear(number)));
        } else if proxy.number < self.proposals {
            self.proposals(state, number, events);
        }
    }

    /// What a proxy may propose next.
    fn proposals(&self, state: &State, number: usize, events: &mut Vec<Event>) {
        let proxy = &state.rest.proxies[number];
        let Some(lease) = proxy.lease else { return events.push(Event::Start(number)) };
        for (tunnel, standing) in &proxy.tunnels {
            match standing {
                Standing::Welcome(epoch) if *epoch == lease => {}
                Standing::Welcome(_) | Standing::Pending => events.push(Event::Register(*tunnel)),
                Standing::Ended if state.is_overtaken(*tunnel) && self.fault != Some(Fault::WithdrawsAnySequence) => {}
                Standing::Ended => events.extend([Event::Withdraw(*tunnel, View::Fresh), Event::Withdraw(*tunnel, View::Stale)]),
            }
        }
    }

    /// Commits a proposal.
    fn commit(&self, state: &mut State, ticket: Ticket) -> Option<()> {
        let command = state.rest.sent.get(&ticket)?.clone();
        let before = state.table.clone();
        let answers = if self.fault == Some(Fault::ForgetsProposers) {
            if state.rest.leader_number >= REPEATED {
                return None;
            }
            state.rest.leader_number += 1;
            let anew = Ticket { proposer: LEADER, incarnation: LEADERS_LIFE + 1, number: state.rest.leader_number };
            state.table.apply(&proposal(anew, &command))
        } else {
            let answers = state.table.apply(&proposal(ticket, &command));
            self.let_go_of_what_is_overtaken(state, ticket, &answers);
            answers
        };
        state.rest.robbed |= !properties::each_loss_has_its_reason(&before, &state.table, &command);
        self.moments.note(&answers);
        if let (Command::RegisterRoute { agent, proxy, epoch, sequence }, [Ok(Accepted::Done)]) = (&command, &answers[..]) {
            let agent = agent.as_str().trim_start_matches("lab-").parse().expect("a number");
            state.rest.registered.insert((Tunnel { agent, proxy: place(*proxy), sequence: *sequence }, *epoch));
        }
        state.rest.answered.insert(ticket.proposer, (ticket, answers));
        Some(())
    }

    /// This proposal again, or an earlier one of the same proposer, changes nothing whenever it arrives: that is tried here, and not once in each order.
    fn let_go_of_what_is_overtaken(&self, state: &mut State, ticket: Ticket, answers: &Answers) {
        let (table, moments) = (state.table.clone(), &self.moments);
        assert_eq!(state.table.apply(&proposal(ticket, &state.rest.sent[&ticket])), *answers, "the same answers again");
        state.rest.sent.retain(|other, command| {
            let is_over = other.proposer == ticket.proposer && *other <= ticket;
            if is_over && *other < ticket {
                assert_eq!(state.table.apply(&proposal(*other, command)), [Err(Rejection::Overtaken)], "it is overtaken");
                moments.overtaken(command);
            }
            !is_over
        });
        assert_eq!(state.table, table, "what comes again or too late changes nothing");
    }

    fn happens(&self, state: &mut State, event: Event) -> Option<()> {
        match event {
            Event::Dial { agent, proxy } => {
                let agent_state = &mut state.rest.agents[agent];
                agent_state.sequence.0 += 1;
                agent_state.hellos.insert(Tunnel { agent, proxy, sequence: agent_state.sequence });
            }
            Event::Accept(tunnel) => state.accept(tunnel, self.fault),
            Event::End(tunnel) => drop(state.rest.proxies[tunnel.proxy].tunnels.insert(tunnel, Standing::Ended)),
            Event::Start(proxy) => state.ask_for_epoch(proxy),
            Event::Register(tunnel) => state.register(tunnel, self.fault),
            Event::Withdraw(tunnel, view) => state.withdraw(tunnel, view, self.fault),
            Event::Commit(ticket) => return self.commit(state, ticket),
            Event::Hear(proxy) => state.hear(proxy, self.fault),
            Event::GiveUp(proxy) => state.rest.proxies[proxy].waits = None,
            Event::Crash(proxy) => state.crash(proxy),
            Event::LoseLease(proxy) => state.lose_lease(proxy),
            Event::Expire(proxy) => {
                state.rest.lost_leases += 1;
                state.rest.leader_number += 1;
                let ticket = Ticket { proposer: LEADER, incarnation: LEADERS_LIFE, number: state.rest.leader_number };
                let epoch = state.table.epoch(proxy_id(proxy))?;
                state.rest.sent.insert(ticket, Command::ExpireProxy { proxy: proxy_id(proxy), epoch });
            }
        }
        Some(())
    }
}

fn proposal(ticket: Ticket, command: &Command) -> Proposal {
    let Ticket { proposer, incarnation, number } = ticket;
    Proposal { proposer, incarnation: Incarnation(incarnation), number, at: NOW, commands: vec![command.clone()] }
}

impl Model for Registration {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        let proxy = ProxyState { incarnation: 1, number: 0, lease: None, waits: None, tunnels: BTreeMap::new(), attempts: BTreeMap::new() };
        let agent = AgentState { sequence: Sequence(0), hellos: BTreeSet::new() };
        let rest = Rest {
            proxies: vec![proxy; self.proxies],
            agents: vec![agent; self.agents],
            sent: BTreeMap::new(),
            answered: BTreeMap::new(),
            registered: BTreeSet::new(),
            leader_number: 0,
            crashes: 0,
            lost_leases: 0,
            robbed: false,
        };
        vec![State { table: table(self.proxies, self.agents), rest }]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        for (number, agent) in state.rest.agents.iter().enumerate() {
            if agent.sequence.0 < self.tunnels {
                let open = (0..self.proxies).filter(|proxy| state.rest.proxies[*proxy].lease.is_some());
                events.extend(open.map(|proxy| Event::Dial { agent: number, proxy }));
            }
            // A proxy takes tunnels only while it holds a lease (proxy/public/admission.rs).
            let is_open = |tunnel: &&Tunnel| state.rest.proxies[tunnel.proxy].lease.is_some();
            events.extend(agent.hellos.iter().filter(is_open).map(|tunnel| Event::Accept(*tunnel)));
        }
        for number in 0..self.proxies {
            self.proxy_events(state, number, events);
        }
        events.extend(state.rest.sent.keys().map(|ticket| Event::Commit(*ticket)));
    }

    fn next_state(&self, state: &State, event: Event) -> Option<State> {
        let mut next = state.clone();
        self.happens(&mut next, event)?;
        next.forget();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two searches share the interesting moments: each sees what the other has no place for.
    #[test]
    fn every_state_keeps_every_promise() {
        let mut missing: Option<BTreeSet<&str>> = None;
        for model in [Registration::small(), Registration::restless()] {
            let searched = model.search();
            assert!(searched.states > 10_000 && searched.depth > 15, "{searched:?}");
            let (never, broken): (Vec<_>, Vec<_>) = searched.failed.into_iter().partition(|(_, way)| way == NEVER);
            assert!(broken.is_empty(), "{broken:#?}");
            let never: BTreeSet<_> = never.into_iter().map(|(name, _)| name).collect();
            missing = Some(missing.map_or(never.clone(), |before| before.intersection(&never).copied().collect()));
        }
        assert_eq!(missing, Some(BTreeSet::new()), "moments that never came");
    }

    #[test]
    fn each_fault_is_found() {
        for fault in Fault::ALL {
            let calm = Registration { proxies: 1, proposals: 4, ..Registration::small() };
            let model = if fault == Fault::OwnersForward { Registration::small() } else { calm };
            let searched = Registration { fault: Some(fault), ..model }.search();
            assert!(searched.failed.iter().any(|(property, _)| *property == fault.breaks()), "{fault:?}: {:#?}", searched.failed);
        }
    }
}
