//! What can change: the commands of the log, and what the table answers to each.
//!
//! A command is written once and read by every later version, so each variant has its number for good: postcard stores a
//! variant as its position in the declaration. New ones go at the end, with the next [`Level`]; none is ever removed or moved.

use serde::{Deserialize, Serialize};

use crate::ids::{ClusterId, Epoch, Incarnation, KeyHash, Level, ProxyId, Sequence, Serial, Timestamp, TokenId};
use crate::names::{AgentName, ClientName, Glob, Pattern, ProxyName, ServiceName};
use crate::table::{Drain, IngressRule, RotationPhase, Service, Strategy, TokenRole};

/// One entry of the log: commands that are applied together, by one proposer, exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The proxy that proposes.
    pub proposer: ProxyId,
    /// Its incarnation; a proposal of an earlier one is stale.
    pub incarnation: Incarnation,
    /// Counts up within an incarnation; the table keeps the last one applied and its answers.
    pub number: u64,
    /// The proposer's wall clock.
    pub at: Timestamp,
    /// Applied in this order.
    pub commands: Vec<Command>,
}

/// A change to the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// 0: creates the cluster; only ever the first. Creates the record of its first proxy too, with id 1.
    Bootstrap(Box<Bootstrap>),
    /// 1: a proxy has started, or lost its lease and is back: grants it a new epoch and updates its record.
    StartProxy(ProxyStart),
    /// 2: a proxy's lease has ended: its epoch is over and with it every route of that epoch.
    ExpireProxy {
        /// The proxy that stopped renewing.
        proxy: ProxyId,
        /// The epoch that ends; another one is left alone.
        epoch: Epoch,
    },
    /// 3: a tunnel was accepted.
    RegisterRoute {
        /// The agent at the other end.
        agent: AgentName,
        /// The proxy that accepted it.
        proxy: ProxyId,
        /// That proxy's epoch.
        epoch: Epoch,
        /// The agent's number for this tunnel.
        sequence: Sequence,
    },
    /// 4: a tunnel has ended. Removes the route only if it is still the one of this epoch and sequence.
    WithdrawRoute {
        /// The agent at the other end.
        agent: AgentName,
        /// The proxy that held it.
        proxy: ProxyId,
        /// The epoch it was registered in.
        epoch: Epoch,
        /// The agent's number for this tunnel.
        sequence: Sequence,
    },
    /// 5: an agent's services, as it states them whenever they differ from the table's.
    PublishServices {
        /// The agent.
        agent: AgentName,
        /// All of its services, each name once.
        services: Vec<Service>,
        /// The agent's version.
        version: String,
    },
    /// 6: a token was created.
    CreateToken(NewToken),
    /// 7: a token is worth nothing any more.
    RevokeToken {
        /// The token.
        id: TokenId,
    },
    /// 8: a machine presents a token and its public key: uses the token once and records the identity. The same key
    /// with the same token gets the same answer again and costs no further use, so a lost answer can be asked for again.
    Enroll(Enrollment),
    /// 9: how agents hold their tunnels.
    SetStrategy(Strategy),
    /// 10: every proxy knows this feature level: the commands of it may be written from now on. Applied only if that is so.
    RaiseLevel {
        /// The cluster's new level.
        level: Level,
    },
    /// 11: a proxy is to leave the cluster for good: it gets no epoch any more, and the leader sees to it that it votes no more and is
    /// a member no more. The last proxy cannot.
    RemoveProxy {
        /// The proxy.
        proxy: ProxyId,
    },
    /// 12: a proxy that was removed is no member any more: its record goes, its name is free, its id is refused for good.
    ForgetProxy {
        /// The proxy.
        proxy: ProxyId,
    },
    /// 13: a proxy gives its agents away and takes no others, until it is resumed or, where it goes away, until its epoch is over.
    DrainProxy {
        /// The proxy.
        proxy: ProxyId,
        /// Why.
        drain: Drain,
    },
    /// 14: the operator's order to drain is taken back. A proxy that goes away goes all the same.
    ResumeProxy {
        /// The proxy.
        proxy: ProxyId,
    },
    /// 15: what a client may reach, instead of what it might before.
    AllowClient {
        /// The client.
        client: ClientName,
        /// At most [`MAX_PATTERNS`](crate::table::MAX_PATTERNS); none: nothing.
        allow: Vec<Pattern>,
    },
    /// 16: an agent is forgotten, with its services and routes, and its key is refused for good.
    RemoveAgent {
        /// The agent.
        agent: AgentName,
    },
    /// 17: a client is forgotten, and its key is refused for good.
    RemoveClient {
        /// The client.
        client: ClientName,
    },
    /// 18: a token for agents was created that says what they may publish: its `allow`, which means nothing in a token for agents of
    /// [`CreateToken`](Self::CreateToken).
    CreateAgentToken(NewToken),
    /// 19: another authority is to take the place of the cluster's: from now on both are trusted.
    BeginRotation(Box<NewAuthority>),
    /// 20: everybody is ready for the next phase of the rotation. After the last one the other authority is forgotten.
    AdvanceRotation {
        /// When the rotation began.
        began_at: Timestamp,
        /// The phase that is over; in another one nothing happens.
        from: RotationPhase,
    },
    /// 21: the rotation is not wanted any more.
    RollBackRotation {
        /// When the rotation began.
        began_at: Timestamp,
    },
    /// 22: one certificate is refused from now on.
    RevokeSerial {
        /// Its serial number.
        serial: Serial,
        /// When it ends by itself: then it need not be remembered any more.
        until: Timestamp,
    },
    /// 23: the doors of a proxy by which clients without warren come in, instead of those that it had.
    SetIngress {
        /// The proxy.
        proxy: ProxyId,
        /// At most [`MAX_INGRESS_RULES`](crate::table::MAX_INGRESS_RULES).
        rules: Vec<IngressRule>,
    },
    /// 24: a client has a further password.
    IssueCredential {
        /// The client.
        client: ClientName,
        /// The hash of the secret, which never enters the log.
        secret: KeyHash,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// 25: no password of a client is worth anything any more.
    RevokeCredentials {
        /// The client.
        client: ClientName,
    },
}

impl Command {
    /// Since which level the command exists. The leader writes it only when the cluster is there.
    pub fn level(&self) -> Level {
        match self {
            Self::Bootstrap(_)
            | Self::StartProxy(_)
            | Self::ExpireProxy { .. }
            | Self::RegisterRoute { .. }
            | Self::WithdrawRoute { .. }
            | Self::PublishServices { .. }
            | Self::CreateToken(_)
            | Self::RevokeToken { .. }
            | Self::Enroll(_)
            | Self::SetStrategy(_)
            | Self::RaiseLevel { .. } => Level(1),
            Self::RemoveProxy { .. } | Self::ForgetProxy { .. } => Level(2),
            Self::DrainProxy { .. } | Self::ResumeProxy { .. } => Level(3),
            Self::AllowClient { .. } | Self::RemoveAgent { .. } | Self::RemoveClient { .. } | Self::CreateAgentToken(_) => Level(4),
            Self::BeginRotation(_) | Self::AdvanceRotation { .. } | Self::RollBackRotation { .. } | Self::RevokeSerial { .. } => Level(4),
            Self::SetIngress { .. } | Self::IssueCredential { .. } | Self::RevokeCredentials { .. } => Level(4),
        }
    }

    /// Whether it ends or begins a life: few such commands wait at a time, and much depends on each.
    pub fn is_urgent(&self) -> bool {
        match self {
            Self::StartProxy(_) | Self::ExpireProxy { .. } | Self::WithdrawRoute { .. } | Self::RevokeToken { .. } => true,
            Self::RemoveProxy { .. } | Self::ForgetProxy { .. } | Self::DrainProxy { .. } | Self::ResumeProxy { .. } => true,
            Self::AllowClient { .. } | Self::RemoveAgent { .. } | Self::RemoveClient { .. } => true,
            Self::RevokeSerial { .. } | Self::RollBackRotation { .. } | Self::RevokeCredentials { .. } => true,
            Self::Bootstrap(_)
            | Self::RegisterRoute { .. }
            | Self::PublishServices { .. }
            | Self::CreateToken(_)
            | Self::CreateAgentToken(_)
            | Self::Enroll(_)
            | Self::SetStrategy(_)
            | Self::RaiseLevel { .. }
            | Self::BeginRotation(_)
            | Self::AdvanceRotation { .. }
            | Self::SetIngress { .. }
            | Self::IssueCredential { .. } => false,
        }
    }
}

/// What creates a cluster.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The cluster's random id.
    pub id: ClusterId,
    /// Its name, for people.
    pub name: String,
    /// The CA's certificate, DER.
    pub ca_certificate: Vec<u8>,
    /// The CA's private key, PKCS #8 DER.
    pub ca_key: Vec<u8>,
    /// How agents hold their tunnels.
    pub strategy: Strategy,
    /// The first proxy's name.
    pub proxy: ProxyName,
    /// The first proxy's public key.
    pub key: KeyHash,
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrap").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// An authority that is to take the place of the cluster's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAuthority {
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Its private key, PKCS #8 DER.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for NewAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAuthority").finish_non_exhaustive()
    }
}

/// What a proxy says of itself when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStart {
    /// Which proxy.
    pub proxy: ProxyId,
    /// Where peers reach it: `HOST:PORT`, UDP.
    pub peer_address: String,
    /// Where agents and clients reach it: `HOST:PORT` each, UDP.
    pub public_addresses: Vec<String>,
    /// Its zone; empty when there is only one.
    pub zone: String,
    /// Its version of warren.
    pub version: String,
    /// The highest feature level that it knows; [`RoutingStore::live`](crate::RoutingStore::live) says it.
    pub level: Level,
}

/// A token as it is created: the secret itself never enters the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// Its public name.
    pub id: TokenId,
    /// The hash of its secret.
    pub secret: KeyHash,
    /// What it admits.
    pub role: TokenRole,
    /// Which names it admits.
    pub name: Glob,
    /// What a client admitted by it may reach.
    pub allow: Vec<Pattern>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How often it can be used.
    pub uses: u32,
}

/// A machine that presents a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrollment {
    /// Which token.
    pub token: TokenId,
    /// The hash of the secret that was presented.
    pub secret: KeyHash,
    /// What the machine wants to be.
    pub role: TokenRole,
    /// The name it wants, checked by the table against the rules of its role.
    pub name: String,
    /// Its public key.
    pub key: KeyHash,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accepted {
    /// 0: it is so now, or was so already.
    Done,
    /// 1: the proxy's new epoch.
    Epoch(Epoch),
    /// 2: the identity that was enrolled; a proxy's id with it.
    Enrolled {
        /// The id given to a proxy; `None` for agents and clients.
        proxy: Option<ProxyId>,
    },
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// 0: bootstrap of a cluster that exists.
    #[error("the cluster exists already")]
    ClusterExists,
    /// 1: any other command before bootstrap.
    #[error("there is no cluster yet")]
    NoCluster,
    /// 2: a proxy that never was, or was removed.
    #[error("proxy {0} is not a member of the cluster")]
    ProxyUnknown(ProxyId),
    /// 3: a route for an epoch that is over.
    #[error("the epoch is over; the current one is {current}")]
    EpochOver {
        /// The proxy's epoch now.
        current: Epoch,
    },
    /// 4: a newer tunnel of the same agent at the same proxy is registered.
    #[error("a newer tunnel is registered, sequence {current}")]
    SequenceOld {
        /// The registered one.
        current: Sequence,
    },
    /// 5: an agent that never enrolled, or was removed.
    #[error("agent `{0}` is not enrolled")]
    AgentUnknown(AgentName),
    /// 6: no such token, or its secret is another.
    #[error("the token is not known to the cluster")]
    TokenUnknown,
    /// 7: its time is over.
    #[error("the token has expired")]
    TokenExpired,
    /// 8: its uses are.
    #[error("the token was used already")]
    TokenUsed,
    /// 9: it was revoked.
    #[error("the token was revoked")]
    TokenRevoked,
    /// 10: it admits another role.
    #[error("the token admits the role `{0}` only")]
    TokenRole(TokenRole),
    /// 11: it admits other names.
    #[error("the token admits names like `{0}` only")]
    TokenName(Glob),
    /// 12: another machine has the name.
    #[error("the name `{0}` belongs to another machine")]
    NameTaken(String),
    /// 13: the name breaks the rules of names.
    #[error("the name is not valid: {0}")]
    NameInvalid(String),
    /// 14: the proposal belongs to an incarnation or number that was overtaken; it was never applied, and never will be.
    #[error("the proposal was overtaken by a later one of the same proxy")]
    Overtaken,
    /// 15: more of something than the table holds per owner.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: String,
        /// The bound.
        limit: u64,
    },
    /// 16: a token with this id exists.
    #[error("a token with this id exists")]
    TokenExists,
    /// 17: a proxy that does not know what the others write already.
    #[error("this version of warren knows feature level {known} and the cluster is at {cluster}: update warren on this machine")]
    LevelTooLow {
        /// The highest that the proxy knows.
        known: Level,
        /// The cluster's.
        cluster: Level,
    },
    /// 18: a level that a proxy of the cluster does not know.
    #[error("proxy `{0}` does not know the feature level")]
    LevelHeldBack(ProxyName),
    /// 19: it was removed and is about to be forgotten.
    #[error("proxy {0} was removed from the cluster")]
    ProxyRemoved(ProxyId),
    /// 20: it is the only proxy there is.
    #[error("it is the only proxy of the cluster")]
    LastProxy,
    /// 21: to be forgotten it must first be removed.
    #[error("proxy {0} was not removed")]
    NotRemoved(ProxyId),
    /// 22: a client that never enrolled, or was removed.
    #[error("client `{0}` is not enrolled")]
    ClientUnknown(ClientName),
    /// 23: a machine with this key was removed from the cluster.
    #[error("a machine with this key was removed from the cluster")]
    KeyRemoved,
    /// 24: the token that the agent enrolled with does not let it publish the service.
    #[error("agent `{agent}` may not publish the service `{service}`")]
    MayNotPublish {
        /// The agent.
        agent: AgentName,
        /// The first service that it may not publish.
        service: ServiceName,
    },
    /// 25: one rotation at a time.
    #[error("the certificate authority is being rotated already")]
    Rotating,
    /// 26: there is none, or it is another one.
    #[error("the certificate authority is not being rotated, or the rotation is another one by now")]
    NotRotating,
    /// 27: the rotation is in another phase than the one that was said to be over.
    #[error("the rotation is in the phase `{phase}` by now")]
    RotationElsewhere {
        /// The phase.
        phase: RotationPhase,
    },
}

/// The answers to a proposal, one per command, in its order.
pub type Answers = Vec<Result<Accepted, Rejection>>;
