//! From the commands of a proxy over the leader's log to the table, and what follows from that.

use warren_raft::command::Answers;
use warren_raft::{Accepted, Command, Drain, Proposal, ProxyId, Rejection, Sequence, Timestamp};

use super::batch::{Batch, Waiting};
use super::cluster::EPOCH_MS;
use super::doors::CLOSED;
use super::giving::{DRAIN, STEP};
use super::queue::{Event, Try, micros};
use super::world::ScaleWorld;

impl ScaleWorld {
    /// Proposes all that waits at a proxy, unless a proposal of it is on its way.
    pub(super) fn send(&mut self, from: ProxyId) {
        let (now, way) = (self.now, if from == self.leader { 0 } else { micros(self.setup.costs.one_way) });
        let proxy = self.proxy(from);
        if proxy.is_proposing || !proxy.lives {
            return;
        }
        let waiting = proxy.lanes.next_batch();
        if waiting.is_empty() {
            return;
        }
        (proxy.is_proposing, proxy.number) = (true, proxy.number + 1);
        let (commands, agents) = waiting.into_iter().map(|Waiting { command, agent, .. }| (command, agent)).unzip();
        let at = Timestamp(EPOCH_MS + now / 1_000);
        let proposal = Proposal { proposer: from, incarnation: proxy.incarnation, number: proxy.number, at, commands };
        let bytes = postcard::experimental::serialized_size(&proposal).expect("a proposal has no type that postcard refuses") as u64;
        self.queue.push(now + way, Event::Propose(Box::new(Batch { from, proposal, agents, bytes })));
    }

    /// The leader takes one proposal after the other; several may be on their way to the disks.
    pub(super) fn propose(&mut self, batch: Box<Batch>) {
        let costs = self.setup.costs;
        let members = u32::try_from(self.setup.proxies).unwrap_or(u32::MAX);
        let commands = u32::try_from(batch.agents.len()).unwrap_or(u32::MAX);
        let work = costs.entry + costs.command * commands + costs.send * (members - 1);
        self.leader_free = self.leader_free.max(self.now) + micros(work);
        self.queue.push(self.leader_free + micros(costs.flush + costs.one_way * 2), Event::Commit(batch));
    }

    pub(super) fn commit(&mut self, batch: Box<Batch>) {
        let answers = self.table.apply(&batch.proposal);
        self.index += 1;
        self.count(&batch, &answers);
        let is_news = batch.proposal.commands.iter().zip(&answers).any(|(command, answer)| answer.is_ok() && tells(command));
        if is_news {
            let view = self.view();
            let at = self.later(self.setup.costs.one_way);
            for proxy in self.proxies.iter().filter(|(_, proxy)| proxy.lives).map(|(id, _)| *id) {
                self.queue.push(at, Event::News(proxy, view.clone()));
            }
        }
        let way = if batch.from == self.leader { 0 } else { micros(self.setup.costs.one_way) };
        self.queue.push(self.now + way, Event::Applied(batch, answers));
    }

    /// The proposer has applied its own proposal: whoever waits for that goes on, and so does what waits at the proxy.
    pub(super) fn applied(&mut self, batch: Batch, answers: Answers) {
        let Batch { from, proposal, agents, .. } = batch;
        let proxy = self.proxy(from);
        if !proxy.lives || proxy.incarnation != proposal.incarnation {
            return self.lost(proposal.commands.into_iter().zip(agents));
        }
        proxy.is_proposing = false;
        for ((command, agent), answer) in proposal.commands.into_iter().zip(agents).zip(answers) {
            match (command, agent) {
                (Command::RegisterRoute { sequence, .. }, Some(agent)) => {
                    self.registered(Try { agent, sequence, proxy: from }, answer);
                }
                (Command::WithdrawRoute { sequence, .. }, Some(agent)) => self.withdrawn(Try { agent, sequence, proxy: from }),
                (Command::DrainProxy { .. }, _) => self.draining(from),
                (Command::ResumeProxy { .. }, _) => self.proxy(from).handover.resume(),
                _ => {}
            }
        }
        self.pulse(from);
        self.send(from);
    }

    /// What nobody answers any more: the agents notice that the proxy is gone.
    pub(super) fn lost(&mut self, commands: impl Iterator<Item = (Command, Option<u32>)>) {
        let at = self.later(CLOSED);
        for (command, agent) in commands {
            match (command, agent) {
                (Command::RegisterRoute { sequence, proxy, .. }, Some(agent)) => {
                    self.queue.push(at, Event::Failed(Try { agent, sequence, proxy }));
                }
                (Command::WithdrawRoute { sequence, proxy, .. }, Some(agent)) => {
                    self.queue.push(at, Event::Retired(Try { agent, sequence, proxy }));
                }
                _ => {}
            }
        }
    }

    fn registered(&mut self, attempt: Try, answer: Result<Accepted, Rejection>) {
        let Try { agent, sequence, proxy } = attempt;
        self.proxy(proxy).door.registered();
        if answer.is_err() {
            return self.queue.push(self.later(self.setup.costs.one_way), Event::Failed(attempt));
        }
        self.proxy(proxy).tunnels.insert(agent, sequence);
        self.holds(agent, (proxy, sequence));
        let (at, view) = (self.later(self.setup.costs.one_way), self.view());
        self.queue.push(at, Event::Welcome(attempt, view));
    }

    fn holds(&mut self, agent: u32, place: (ProxyId, Sequence)) {
        let (now, begun) = (self.now, self.tally.begun);
        let agent = &mut self.agents[agent as usize];
        agent.places.retain(|(proxy, _)| *proxy != place.0);
        agent.places.push(place);
        if std::mem::take(&mut agent.is_adrift) {
            self.tally.reached.push(now - begun);
        }
        let open = self.proxies.iter().filter(|(id, proxy)| proxy.lives && !self.table.is_draining(**id)).count();
        if agent.is_lacking && agent.places.len() >= self.setup.strategy.wanted(open) {
            agent.is_lacking = false;
            self.tally.whole.push(now - begun);
        }
    }

    fn withdrawn(&mut self, attempt: Try) {
        let Try { agent, sequence, proxy } = attempt;
        let tunnels = &mut self.proxy(proxy).tunnels;
        if tunnels.get(&agent) == Some(&sequence) {
            tunnels.remove(&agent);
            self.agents[agent as usize].places.retain(|place| *place != (proxy, sequence));
        }
        self.queue.push(self.later(self.setup.costs.one_way), Event::Retired(attempt));
    }

    fn draining(&mut self, id: ProxyId) {
        let now = self.instant();
        let proxy = self.proxy(id);
        proxy.handover.drain(proxy.tunnels.len(), DRAIN, now);
        self.queue.push(self.later(STEP), Event::Drain(id));
    }

    /// Its agents are told when they are to ask for signs of life more or less often.
    fn pulse(&mut self, id: ProxyId) {
        let proxy = self.proxy(id);
        if proxy.door.pulse(proxy.tunnels.len() as u64).is_some() {
            let (at, view) = (self.later(self.setup.costs.one_way), self.view());
            self.queue.push(at, Event::News(id, view));
        }
    }

    fn count(&mut self, batch: &Batch, answers: &Answers) {
        let second = self.tally.second(self.now);
        (second.entries, second.bytes) = (second.entries + 1, second.bytes + batch.bytes);
        for (command, answer) in batch.proposal.commands.iter().zip(answers) {
            match (command, answer) {
                (Command::RegisterRoute { .. }, Ok(_)) => second.registered += 1,
                (Command::WithdrawRoute { .. }, Ok(_)) => second.withdrawn += 1,
                _ => {}
            }
        }
    }

    /// Has a proxy say that it drains.
    pub(super) fn say_drain(&mut self, id: ProxyId, drain: Drain) {
        self.wait(id, Waiting::new(Command::DrainProxy { proxy: id, drain }, None));
    }
}

/// Whether agents are told of a change at once.
fn tells(command: &Command) -> bool {
    match command {
        Command::StartProxy(_) | Command::ExpireProxy { .. } | Command::SetStrategy(_) | Command::RemoveProxy { .. } => true,
        Command::DrainProxy { .. } | Command::ResumeProxy { .. } => true,
        Command::Bootstrap(_)
        | Command::RegisterRoute { .. }
        | Command::WithdrawRoute { .. }
        | Command::PublishServices { .. }
        | Command::CreateToken(_)
        | Command::RevokeToken { .. }
        | Command::Enroll(_)
        | Command::RaiseLevel { .. }
        | Command::BeginRotation(_)
        | Command::AdvanceRotation { .. }
        | Command::RollBackRotation { .. }
        | Command::RevokeSerial { .. }
        | Command::SetIngress { .. }
        | Command::IssueCredential { .. }
        | Command::RevokeCredentials { .. }
        | Command::ForgetProxy { .. }
        | Command::AllowClient { .. }
        | Command::RemoveAgent { .. }
        | Command::RemoveClient { .. }
        | Command::CreateAgentToken(_) => false,
    }
}
