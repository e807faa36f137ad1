//! How a proposal changes the table: once, whatever the number of times it arrives.

use super::{LastProposal, Table};
use crate::command::{Accepted, Answers, Command, Proposal, Rejection};
#[cfg(simulation)]
use crate::fault::Observation;
use crate::ids::Timestamp;
use crate::{mutant, observe};

/// What one command did.
pub(super) type Answer = Result<Accepted, Rejection>;

impl Table {
    /// Applies one proposal and returns the answer to each of its commands.
    ///
    /// The last proposal of each proposer is remembered with its answers: the same one again changes nothing and gets
    /// them again, an older one gets [`Rejection::Overtaken`].
    pub fn apply(&mut self, proposal: &Proposal) -> Answers {
        if let Some(last) = self.proposers.get(&proposal.proposer).filter(|_| !mutant!("no_deduplication")) {
            let newest = (last.incarnation, last.number);
            let this = (proposal.incarnation, proposal.number);
            if this == newest {
                return last.answers.clone();
            }
            if this < newest {
                return refuse(proposal, &Rejection::Overtaken);
            }
        }
        // Only members are remembered, or a stranger could grow the table by inventing proposers.
        if self.cluster.is_some() && !self.proxies.contains_key(&proposal.proposer) {
            return refuse(proposal, &Rejection::ProxyUnknown(proposal.proposer));
        }
        observe!(Observation::Changing {
            proposer: proposal.proposer,
            this: (proposal.incarnation, proposal.number),
            last: self.proposers.get(&proposal.proposer).map(|last| (last.incarnation, last.number)),
        });
        let answers: Answers = proposal.commands.iter().map(|command| self.change(command, proposal.at)).collect();
        if self.proxies.contains_key(&proposal.proposer) {
            let last = LastProposal { incarnation: proposal.incarnation, number: proposal.number, answers: answers.clone() };
            self.proposers.insert(proposal.proposer, last);
        }
        answers
    }

    fn change(&mut self, command: &Command, at: Timestamp) -> Answer {
        if self.cluster.is_none() && !matches!(command, Command::Bootstrap(_)) {
            return Err(Rejection::NoCluster);
        }
        match command {
            Command::Bootstrap(bootstrap) => self.bootstrap(bootstrap, at),
            Command::StartProxy(start) => self.start_proxy(start, at),
            Command::ExpireProxy { proxy, epoch } => self.expire_proxy(*proxy, *epoch, at),
            Command::RegisterRoute { agent, proxy, epoch, sequence } => self.register_route(agent, (*proxy, *epoch, *sequence), at),
            Command::WithdrawRoute { agent, proxy, epoch, sequence } => self.withdraw_route(agent, (*proxy, *epoch, *sequence), at),
            Command::PublishServices { agent, services, version } => self.publish_services(agent, services, version),
            Command::CreateToken(token) => self.create_token(token, at),
            Command::RevokeToken { id } => self.revoke_token(*id),
            Command::Enroll(enrollment) => self.enroll(enrollment, at),
            Command::SetStrategy(strategy) => self.set_strategy(*strategy),
            Command::RaiseLevel { level } => self.raise_level(*level),
            Command::RemoveProxy { proxy } => self.remove_proxy(*proxy, at),
            Command::ForgetProxy { proxy } => self.forget_proxy(*proxy),
            Command::DrainProxy { proxy, drain } => self.drain_proxy(*proxy, *drain),
            Command::ResumeProxy { proxy } => self.resume_proxy(*proxy),
            Command::AllowClient { client, allow } => self.allow_client(client, allow),
            Command::RemoveAgent { agent } => self.remove_agent(agent, at),
            Command::RemoveClient { client } => self.remove_client(client, at),
            Command::CreateAgentToken(token) => self.create_agent_token(token, at),
            Command::BeginRotation(new) => self.begin_rotation(new, at),
            Command::AdvanceRotation { began_at, from } => self.advance_rotation(*began_at, *from, at),
            Command::RollBackRotation { began_at } => self.roll_back_rotation(*began_at, at),
            Command::RevokeSerial { serial, until } => self.revoke_serial(*serial, *until, at),
            Command::SetIngress { proxy, rules } => self.set_ingress(*proxy, rules),
            Command::IssueCredential { client, secret, expires_at } => self.issue_credential(client, (*secret, *expires_at), at),
            Command::RevokeCredentials { client } => self.revoke_credentials(client),
        }
    }
}

fn refuse(proposal: &Proposal, rejection: &Rejection) -> Answers {
    proposal.commands.iter().map(|_| Err(rejection.clone())).collect()
}
