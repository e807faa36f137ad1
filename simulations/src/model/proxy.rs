//! What proxies decide between the commits.

use warren_raft::command::Answers;
use warren_raft::{Accepted, Command, Epoch, Rejection, Sequence};

use super::Fault;
use super::event::View;
use super::setup::{agent, proxy_id, start};
use super::state::{Standing, State, Ticket, Tunnel, Wait};

impl State {
    /// Takes a hello in (proxy/public/agents.rs), unless a newer tunnel of the agent lives here. An older one is replaced (proxy/tunnels.rs).
    pub(super) fn accept(&mut self, tunnel: Tunnel, fault: Option<Fault>) {
        self.rest.agents[tunnel.agent].hellos.remove(&tunnel);
        if self.living(tunnel.proxy).any(|other| other.agent == tunnel.agent && other.sequence > tunnel.sequence) {
            return;
        }
        let proxy = &mut self.rest.proxies[tunnel.proxy];
        for (other, standing) in &mut proxy.tunnels {
            if other.agent == tunnel.agent && other.sequence < tunnel.sequence {
                *standing = Standing::Ended;
            }
        }
        proxy.tunnels.insert(tunnel, Standing::Pending);
        // `Registrar::keep` begins with that.
        let last = proxy.attempts.entry(tunnel.agent).or_insert(tunnel.sequence);
        *last = if fault == Some(Fault::CountsByNumber) { tunnel.sequence.max(*last) } else { tunnel.sequence };
    }

    /// Sends the next proposal (raft/src/store/proposer.rs: numbered within the incarnation, one at a time).
    fn propose(&mut self, proxy: usize, command: Command, wait: Wait) {
        let state = &mut self.rest.proxies[proxy];
        state.number += 1;
        let ticket = Ticket { proposer: proxy_id(proxy), incarnation: state.incarnation, number: state.number };
        state.waits = Some((ticket, wait));
        self.rest.sent.insert(ticket, command);
    }

    pub(super) fn ask_for_epoch(&mut self, proxy: usize) {
        self.propose(proxy, start(proxy_id(proxy)), Wait::Start);
    }

    /// `Registrar::register`.
    pub(super) fn register(&mut self, tunnel: Tunnel, fault: Option<Fault>) {
        let Some(epoch) = self.rest.proxies[tunnel.proxy].lease else { return };
        let (agent, proxy, sequence) = (agent(tunnel.agent), proxy_id(tunnel.proxy), tunnel.sequence);
        self.propose(tunnel.proxy, Command::RegisterRoute { agent, proxy, epoch, sequence }, Wait::Register(tunnel, epoch));
        if fault == Some(Fault::WelcomesTooEarly) {
            self.rest.proxies[tunnel.proxy].tunnels.insert(tunnel, Standing::Welcome(epoch));
        }
    }

    /// `Registrar::withdraw_until_done`: the route that the table shows for any tunnel of the agent, or this one's in the present epoch.
    pub(super) fn withdraw(&mut self, tunnel: Tunnel, view: View, fault: Option<Fault>) {
        let Some(held) = self.rest.proxies[tunnel.proxy].lease else { return };
        let visible = if view == View::Fresh { self.visible(tunnel, fault) } else { None };
        let (epoch, sequence) = visible.unwrap_or((held, tunnel.sequence));
        let (agent, proxy) = (agent(tunnel.agent), proxy_id(tunnel.proxy));
        self.propose(tunnel.proxy, Command::WithdrawRoute { agent, proxy, epoch, sequence }, Wait::Withdraw(tunnel));
    }

    /// `Registrar::visible`.
    fn visible(&self, tunnel: Tunnel, fault: Option<Fault>) -> Option<(Epoch, Sequence)> {
        let name = agent(tunnel.agent);
        let is_meant = |sequence: Sequence| sequence <= tunnel.sequence || fault != Some(Fault::CountsByNumber);
        let mut routes = self.table.routes_of(&name);
        routes.find(|route| route.proxy == proxy_id(tunnel.proxy) && is_meant(route.sequence)).map(|route| (route.epoch, route.sequence))
    }

    /// A withdrawal that nobody needs any more: another tunnel has been tried since, whose route replaces this one's or whose withdrawal includes it.
    pub(super) fn is_overtaken(&self, tunnel: Tunnel) -> bool {
        self.rest.proxies[tunnel.proxy].attempts.get(&tunnel.agent).is_some_and(|last| *last != tunnel.sequence)
    }

    /// Hears the answer to what it waits for. The member has applied it by then (`Core::applied_if_writable`; with a full disk a withdrawal waits for that by itself), so its
    /// view is fresh.
    pub(super) fn hear(&mut self, proxy: usize, fault: Option<Fault>) {
        let Some((ticket, wait)) = self.rest.proxies[proxy].waits.take() else { return };
        let Some((_, answers)) = self.rest.answered.get(&ticket.proposer) else { return };
        let answer = answers.first().cloned();
        match wait {
            Wait::Start => {
                if let Some(Ok(Accepted::Epoch(epoch))) = answer {
                    self.rest.proxies[proxy].lease = Some(epoch);
                }
            }
            Wait::Register(tunnel, epoch) => self.registered(tunnel, epoch, answer),
            Wait::Withdraw(tunnel) => {
                // An accepted withdrawal is the end unless the table still shows a route that it is about; a rejected one is the end as well.
                let is_shown = fault != Some(Fault::BelievesLaggingTable) && self.visible(tunnel, fault).is_some();
                if !matches!(answer, Some(Ok(_))) || !is_shown {
                    self.rest.proxies[proxy].tunnels.remove(&tunnel);
                }
            }
        }
    }

    /// `Registrar::keep`, after an answer.
    fn registered(&mut self, tunnel: Tunnel, epoch: Epoch, answer: Option<<Answers as IntoIterator>::Item>) {
        let proxy = &mut self.rest.proxies[tunnel.proxy];
        let Some(standing) = proxy.tunnels.get_mut(&tunnel).filter(|standing| **standing != Standing::Ended) else { return };
        match answer {
            Some(Ok(_)) => *standing = Standing::Welcome(epoch),
            // The next lease brings the next epoch.
            Some(Err(Rejection::EpochOver { .. })) | None => {}
            // It can never be: the tunnel is refused, and its end withdraws.
            Some(Err(_)) => *standing = Standing::Ended,
        }
    }

    /// A new process on the same disk: its incarnation is counted there, all else is gone (proxy/data_dir.rs).
    pub(super) fn crash(&mut self, proxy: usize) {
        let state = &mut self.rest.proxies[proxy];
        state.incarnation += 1;
        (state.number, state.lease, state.waits) = (0, None, None);
        state.tunnels.clear();
        state.attempts.clear();
        self.rest.crashes += 1;
    }

    /// A lease that was lost (raft/src/lease/holder.rs): the tunnels stay, and are registered again in the next epoch.
    pub(super) fn lose_lease(&mut self, proxy: usize) {
        let state = &mut self.rest.proxies[proxy];
        state.lease = None;
        for standing in state.tunnels.values_mut().filter(|standing| **standing != Standing::Ended) {
            *standing = Standing::Pending;
        }
        self.rest.lost_leases += 1;
    }
}
