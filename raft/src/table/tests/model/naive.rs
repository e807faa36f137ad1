//! What the documentation of commands and records promises, with maps of everything and no thought of speed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use crate::command::{Accepted, Rejection};

/// An answer without what a rejection tells.
pub(super) type Answer = Result<Accepted, String>;

/// The name of a rejection.
pub(super) fn kind(rejection: &Rejection) -> String {
    let shown = format!("{rejection:?}");
    shown.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn refused<T>(kind: &str) -> Result<T, String> {
    Err(kind.to_owned())
}

/// Everything that was ever said and still holds.
#[derive(Default)]
pub(super) struct Naive {
    pub(super) strategy: Option<Strategy>,
    pub(super) level: Level,
    pub(super) proxies: BTreeMap<ProxyId, Member>,
    pub(super) agents: BTreeMap<String, (KeyHash, BTreeSet<String>, String)>,
    pub(super) clients: BTreeMap<String, (KeyHash, Vec<crate::Pattern>)>,
    /// By agent, and by token: what may be published.
    pub(super) publishing: BTreeMap<String, Vec<crate::Pattern>>,
    pub(super) limiting: BTreeMap<TokenId, Vec<crate::Pattern>>,
    pub(super) removed: BTreeSet<KeyHash>,
    pub(super) tokens: BTreeMap<TokenId, (NewToken, Vec<KeyHash>, bool)>,
    /// By agent and proxy: epoch, sequence, since.
    pub(super) routes: BTreeMap<(String, ProxyId), (Epoch, Sequence, Timestamp)>,
    pub(super) seen: BTreeMap<String, (Timestamp, ProxyId)>,
    /// Proxies whose draining was ordered, and epochs in which proxies go away.
    pub(super) ordered: BTreeSet<ProxyId>,
    pub(super) leaving: BTreeMap<ProxyId, Epoch>,
    /// The authority, and the one that is to take its place with its phase and when it began.
    pub(super) authority: Vec<u8>,
    pub(super) rotation: Option<(Vec<u8>, RotationPhase, Timestamp)>,
    pub(super) revoked: BTreeMap<Serial, Timestamp>,
    pub(super) ingress: BTreeMap<ProxyId, Vec<IngressRule>>,
    /// By client: the hash of each secret, and when it ends.
    pub(super) credentials: BTreeMap<String, Vec<(KeyHash, Timestamp)>>,
    /// The rotation has made certificates of the new authority possible.
    issued: bool,
    proxies_ever: u64,
    epochs_ever: u64,
    last: BTreeMap<ProxyId, ((Incarnation, u64), Vec<Answer>)>,
}

/// A proxy.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) key: KeyHash,
    pub(super) zone: String,
    pub(super) epoch: Option<Epoch>,
    pub(super) level: Level,
    pub(super) removed: bool,
}

impl Naive {
    pub(super) fn apply(&mut self, proposal: &Proposal) -> Vec<Answer> {
        let this = (proposal.incarnation, proposal.number);
        let all = |kind: &str| proposal.commands.iter().map(|_| refused(kind)).collect();
        match self.last.get(&proposal.proposer) {
            Some((last, answers)) if *last == this => return answers.clone(),
            Some((last, _)) if *last > this => return all("Overtaken"),
            _ if self.strategy.is_some() && !self.proxies.contains_key(&proposal.proposer) => return all("ProxyUnknown"),
            _ => {}
        }
        let answers: Vec<_> = proposal.commands.iter().map(|command| self.change(command, proposal.at)).collect();
        if self.proxies.contains_key(&proposal.proposer) {
            self.last.insert(proposal.proposer, (this, answers.clone()));
        }
        answers
    }

    fn change(&mut self, command: &Command, at: Timestamp) -> Answer {
        match command {
            Command::Bootstrap(_) if self.strategy.is_some() => refused("ClusterExists"),
            Command::Bootstrap(bootstrap) => self.bootstrap(bootstrap),
            Command::StartProxy(start) => self.start(start),
            Command::ExpireProxy { proxy, epoch } => {
                let current = self.proxies.get(proxy).ok_or("ProxyUnknown")?.epoch;
                if current == Some(*epoch) {
                    self.end_epoch(*proxy)
                }
                Ok(Accepted::Done)
            }
            Command::RegisterRoute { agent, proxy, epoch, sequence } => self.register((agent.to_string(), *proxy), (*epoch, *sequence, at)),
            Command::WithdrawRoute { agent, proxy, epoch, sequence } => self.withdraw((agent.to_string(), *proxy), (*epoch, *sequence), at),
            Command::PublishServices { agent, services, version } => self.publish(agent, services, version),
            Command::CreateToken(token) if self.tokens.contains_key(&token.id) => refused("TokenExists"),
            Command::CreateToken(token) => {
                self.tokens.insert(token.id, (token.clone(), Vec::new(), false));
                Ok(Accepted::Done)
            }
            Command::RevokeToken { id } => {
                self.tokens.get_mut(id).ok_or("TokenUnknown")?.2 = true;
                Ok(Accepted::Done)
            }
            Command::Enroll(enrollment) => self.enroll(enrollment, at),
            Command::SetStrategy(strategy) => {
                self.strategy = Some(Strategy { agent_connection_count: strategy.agent_connection_count.max(1), ..*strategy });
                Ok(Accepted::Done)
            }
            Command::RaiseLevel { level } => self.raise(*level),
            Command::RemoveProxy { proxy } => self.remove(*proxy),
            Command::ForgetProxy { proxy } => {
                if self.proxies.get(proxy).is_some_and(|member| !member.removed) {
                    return refused("NotRemoved");
                }
                self.proxies.remove(proxy);
                self.last.remove(proxy);
                Ok(Accepted::Done)
            }
            Command::DrainProxy { proxy, drain } => self.drain(*proxy, *drain),
            Command::ResumeProxy { proxy } => {
                self.staying(*proxy)?;
                self.ordered.remove(proxy);
                Ok(Accepted::Done)
            }
            Command::BeginRotation(_)
            | Command::AdvanceRotation { .. }
            | Command::RollBackRotation { .. }
            | Command::RevokeSerial { .. } => self.certify(command, at),
            Command::AllowClient { client, allow } => {
                self.clients.get_mut(client.as_str()).ok_or("ClientUnknown")?.1 = allow.clone();
                Ok(Accepted::Done)
            }
            Command::SetIngress { .. } | Command::IssueCredential { .. } | Command::RevokeCredentials { .. } => self.let_in(command, at),
            Command::RemoveAgent { agent } => self.remove_agent(agent.as_str()),
            Command::RemoveClient { client } => self.remove_client(client.as_str()),
            Command::CreateAgentToken(token) => self.create_limiting(token, at),
        }
    }

    fn remove_client(&mut self, client: &str) -> Answer {
        self.credentials.remove(client);
        let removed = self.clients.remove(client).ok_or("ClientUnknown")?.0;
        self.keep(removed)
    }

    fn let_in(&mut self, command: &Command, at: Timestamp) -> Answer {
        if let Command::SetIngress { proxy, rules } = command {
            self.staying(*proxy)?;
            self.ingress.insert(*proxy, rules.clone());
        }
        let (Command::IssueCredential { client, .. } | Command::RevokeCredentials { client }) = command else {
            return Ok(Accepted::Done);
        };
        if !self.clients.contains_key(client.as_str()) {
            return refused("ClientUnknown");
        }
        let known = self.credentials.entry(client.to_string()).or_default();
        let Command::IssueCredential { secret, expires_at, .. } = command else {
            known.clear();
            return Ok(Accepted::Done);
        };
        let mut living: Vec<_> = known.iter().filter(|(of, until)| until > &at && of != secret).copied().collect();
        if living.len() == MAX_CREDENTIALS {
            return refused("TooMany");
        }
        living.push((*secret, *expires_at));
        *known = living;
        Ok(Accepted::Done)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller has looked which it is")]
    fn certify(&mut self, command: &Command, at: Timestamp) -> Answer {
        match command {
            Command::BeginRotation(_) if self.rotation.is_some() => refused("Rotating"),
            Command::BeginRotation(new) => {
                self.rotation = Some((new.certificate.clone(), RotationPhase::Trusting, at));
                Ok(Accepted::Done)
            }
            Command::AdvanceRotation { began_at, from } => self.advance(*began_at, *from),
            Command::RollBackRotation { began_at } => {
                let (certificate, phase, began) = self.rotation.take().ok_or("NotRotating")?;
                let is_it = began == *began_at;
                let phase = if is_it { RotationPhase::Returning } else { phase };
                let is_over = is_it && !self.issued;
                self.rotation = (!is_over).then_some((certificate, phase, began));
                if is_it { Ok(Accepted::Done) } else { refused("NotRotating") }
            }
            Command::RevokeSerial { serial, until } => {
                self.revoked.retain(|_, until| *until > at);
                let known = self.revoked.entry(*serial).or_insert(*until);
                *known = (*known).max(*until);
                Ok(Accepted::Done)
            }
            _ => panic!("it is about authorities"),
        }
    }

    fn advance(&mut self, began_at: Timestamp, from: RotationPhase) -> Answer {
        let (certificate, phase, began) = self.rotation.clone().ok_or("NotRotating")?;
        if began != began_at {
            return refused("NotRotating");
        }
        if phase != from {
            return refused("RotationElsewhere");
        }
        let next = match phase {
            RotationPhase::Trusting => Some(RotationPhase::Issuing),
            RotationPhase::Issuing => Some(RotationPhase::Presenting),
            RotationPhase::Presenting | RotationPhase::Returning => None,
        };
        if phase == RotationPhase::Presenting {
            self.authority.clone_from(&certificate);
        }
        // Certificates of the new one exist from the second phase on.
        self.issued = next.is_some();
        self.rotation = next.map(|next| (certificate, next, began));
        Ok(Accepted::Done)
    }

    fn raise(&mut self, level: Level) -> Answer {
        let knows = |member: &Member| member.level == Level(0) || member.level >= level;
        if !self.proxies.values().all(knows) {
            return refused("LevelHeldBack");
        }
        self.level = self.level.max(level);
        Ok(Accepted::Done)
    }

    fn bootstrap(&mut self, bootstrap: &Bootstrap) -> Answer {
        (self.strategy, self.level) = (Some(bootstrap.strategy), Level(1));
        self.authority.clone_from(&bootstrap.ca_certificate);
        self.newcomer(bootstrap.proxy.to_string(), bootstrap.key);
        Ok(Accepted::Done)
    }

    fn create_limiting(&mut self, token: &NewToken, at: Timestamp) -> Answer {
        let created = self.change(&Command::CreateToken(NewToken { allow: Vec::new(), ..token.clone() }), at)?;
        self.limiting.insert(token.id, token.allow.clone());
        Ok(created)
    }

    fn remove_agent(&mut self, name: &str) -> Answer {
        let removed = self.agents.remove(name).ok_or("AgentUnknown")?.0;
        self.routes.retain(|(of, _), _| of != name);
        self.seen.remove(name);
        self.publishing.remove(name);
        self.keep(removed)
    }

    /// What is left of a machine that was removed.
    fn keep(&mut self, key: KeyHash) -> Answer {
        if self.level >= Level(4) {
            self.removed.insert(key);
        }
        Ok(Accepted::Done)
    }

    fn newcomer(&mut self, name: String, key: KeyHash) -> ProxyId {
        self.proxies_ever += 1;
        let id = ProxyId(self.proxies_ever);
        self.proxies.insert(id, Member { name, key, zone: String::new(), epoch: None, level: Level(0), removed: false });
        id
    }

    /// What is of an epoch goes with it.
    fn end_epoch(&mut self, proxy: ProxyId) {
        if let Some(member) = self.proxies.get_mut(&proxy) {
            member.epoch = None
        }
        self.routes.retain(|(_, of), _| *of != proxy);
        self.leaving.remove(&proxy);
    }

    fn start(&mut self, start: &ProxyStart) -> Answer {
        self.staying(start.proxy)?;
        if start.level < self.level {
            return refused("LevelTooLow");
        }
        self.end_epoch(start.proxy);
        self.epochs_ever += 1;
        let epoch = Epoch(self.epochs_ever);
        let member = self.proxies.get_mut(&start.proxy).ok_or("ProxyUnknown")?;
        (member.epoch, member.level, member.zone) = (Some(epoch), start.level, start.zone.clone());
        Ok(Accepted::Epoch(epoch))
    }

    fn register(&mut self, key: (String, ProxyId), route: (Epoch, Sequence, Timestamp)) -> Answer {
        if self.proxies.get(&key.1).ok_or("ProxyUnknown")?.epoch != Some(route.0) {
            return refused("EpochOver");
        }
        if !self.agents.contains_key(&key.0) {
            return refused("AgentUnknown");
        }
        match self.routes.get(&key) {
            Some(known) if known.1 > route.1 => return refused("SequenceOld"),
            // The same again: since when stays.
            Some(known) if known.1 == route.1 => {}
            Some(_) | None => drop(self.routes.insert(key.clone(), route)),
        }
        self.seen.insert(key.0, (route.2, key.1));
        Ok(Accepted::Done)
    }

    fn withdraw(&mut self, key: (String, ProxyId), tunnel: (Epoch, Sequence), at: Timestamp) -> Answer {
        if self.routes.get(&key).is_some_and(|route| (route.0, route.1) == tunnel) {
            self.routes.remove(&key);
            self.seen.insert(key.0, (at, key.1));
        }
        Ok(Accepted::Done)
    }

    fn publish(&mut self, agent: &AgentName, services: &[Service], version: &str) -> Answer {
        let record = self.agents.get_mut(agent.as_str()).ok_or("AgentUnknown")?;
        let names: BTreeSet<_> = services.iter().map(|service| service.name.to_string()).collect();
        if names.len() < services.len() {
            return refused("NameInvalid");
        }
        let may = |service: &Service| match self.publishing.get(agent.as_str()) {
            Some(allow) => allow.iter().any(|pattern| pattern.allows(agent, &service.name)),
            None => true,
        };
        if !services.iter().all(may) {
            return refused("MayNotPublish");
        }
        (record.1, record.2) = (names, version.to_owned());
        Ok(Accepted::Done)
    }

    fn enroll(&mut self, enrollment: &Enrollment, at: Timestamp) -> Answer {
        let (token, used_by, revoked) = self.tokens.get(&enrollment.token).ok_or("TokenUnknown")?;
        let wrong = [
            (token.secret != enrollment.secret, "TokenUnknown"),
            (*revoked, "TokenRevoked"),
            (token.expires_at <= at, "TokenExpired"),
            (token.role != enrollment.role, "TokenRole"),
            (!token.name.matches(&enrollment.name), "TokenName"),
            (self.removed.contains(&enrollment.key), "KeyRemoved"),
            (enrollment.name.parse::<AgentName>().is_err(), "NameInvalid"),
        ];
        if let Some((_, kind)) = wrong.iter().find(|(is_so, _)| *is_so) {
            return refused(kind);
        }
        let proxy = self.proxies.iter().find(|(_, member)| member.name == enrollment.name).map(|(id, member)| (*id, member.key));
        let holder = match enrollment.role {
            TokenRole::Proxy => proxy.map(|(_, key)| key),
            TokenRole::Agent => self.agents.get(&enrollment.name).map(|agent| agent.0),
            TokenRole::Client => self.clients.get(&enrollment.name).map(|client| client.0),
        };
        let is_again = holder == Some(enrollment.key) && used_by.contains(&enrollment.key);
        if !is_again {
            if used_by.len() as u64 >= u64::from(token.uses) {
                return refused("TokenUsed");
            }
            if holder.is_some_and(|key| key != enrollment.key) {
                return refused("NameTaken");
            }
        }
        let allow = token.allow.clone();
        let (name, key) = (enrollment.name.clone(), enrollment.key);
        let id = (enrollment.role == TokenRole::Proxy).then(|| proxy.map_or_else(|| self.newcomer(name.clone(), key), |(id, _)| id));
        if !is_again {
            match enrollment.role {
                TokenRole::Proxy => {}
                TokenRole::Agent => self.admit(name, key, enrollment.token),
                TokenRole::Client => drop(self.clients.insert(name, (key, allow))),
            }
            self.tokens.get_mut(&enrollment.token).ok_or("TokenUnknown")?.1.push(key);
        }
        Ok(Accepted::Enrolled { proxy: id })
    }

    fn admit(&mut self, name: String, key: KeyHash, token: TokenId) {
        let record = self.agents.entry(name.clone()).or_insert((key, BTreeSet::new(), String::new()));
        self.publishing.remove(&name);
        if let (Some(allow), Ok(agent)) = (self.limiting.get(&token), name.parse()) {
            let may = |service: &String| allow.iter().any(|pattern| service.parse().is_ok_and(|service| pattern.allows(&agent, &service)));
            record.1.retain(may);
            self.publishing.insert(name, allow.clone());
        }
    }

    fn remove(&mut self, proxy: ProxyId) -> Answer {
        if !self.proxies.contains_key(&proxy) {
            return refused("ProxyUnknown");
        }
        if !self.proxies.iter().any(|(id, member)| *id != proxy && !member.removed) {
            return refused("LastProxy");
        }
        self.end_epoch(proxy);
        self.ordered.remove(&proxy);
        self.ingress.remove(&proxy);
        let member = self.proxies.get_mut(&proxy).ok_or("ProxyUnknown")?;
        let (first, key) = (!member.removed, member.key);
        member.removed = true;
        if first { self.keep(key) } else { Ok(Accepted::Done) }
    }

    fn drain(&mut self, proxy: ProxyId, drain: Drain) -> Answer {
        let epoch = self.staying(proxy)?;
        match drain {
            Drain::Ordered => drop(self.ordered.insert(proxy)),
            Drain::Leaving(leaving) if epoch == Some(leaving) => drop(self.leaving.insert(proxy, leaving)),
            Drain::Leaving(_) => return refused("EpochOver"),
        }
        Ok(Accepted::Done)
    }

    fn staying(&self, proxy: ProxyId) -> Result<Option<Epoch>, String> {
        let member = self.proxies.get(&proxy).ok_or("ProxyUnknown")?;
        if member.removed { refused("ProxyRemoved") } else { Ok(member.epoch) }
    }
}
