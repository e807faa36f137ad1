//! Where each answer is found, on the admin socket and, what is only read, on the HTTP address.

use std::fmt;

use warren_raft::TokenId;

/// A resource of the admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// GET: [`StatusView`](super::StatusView).
    Status,
    /// GET: [`AgentsView`](super::AgentsView).
    Agents,
    /// POST of an [`AgentRemovalRequest`](super::AgentRemovalRequest): [`AgentRemovalView`](super::AgentRemovalView); on the admin socket only.
    AgentRemoval,
    /// GET: [`ClientsView`](super::ClientsView); on the admin socket only.
    Clients,
    /// POST of an [`AllowRequest`](super::AllowRequest): [`ClientView`](super::ClientView); on the admin socket only.
    Allow,
    /// POST of a [`ClientRemovalRequest`](super::ClientRemovalRequest): [`ClientRemovalView`](super::ClientRemovalView); on the admin socket only.
    ClientRemoval,
    /// POST of a [`CredentialRequest`](super::CredentialRequest): [`CredentialIssued`](super::CredentialIssued); on the admin socket only.
    Credential,
    /// POST of a [`CredentialRevocationRequest`](super::CredentialRevocationRequest): [`CredentialsRevoked`](super::CredentialsRevoked); on the admin socket only.
    CredentialRevocation,
    /// GET: [`RoutesView`](super::RoutesView).
    Routes,
    /// GET: [`RaftView`](super::RaftView); on the admin socket only.
    Raft,
    /// GET: a snapshot, bytes that [`warren_raft::saved::Reader`] reads; it holds the authority's key, so on the admin socket only.
    Snapshot(Freshness),
    /// GET: [`TokensView`](super::TokensView); POST of a [`TokenRequest`](super::TokenRequest):
    /// [`TokenCreated`](super::TokenCreated). On the admin socket only.
    Tokens,
    /// POST: [`RevokeView`](super::RevokeView); on the admin socket only.
    Revoke(TokenId),
    /// POST of a [`TransferRequest`](super::TransferRequest): [`TransferView`](super::TransferView); on the admin socket only.
    Transfer,
    /// POST of a [`RemovalRequest`](super::RemovalRequest): [`RemovalView`](super::RemovalView); on the admin socket only.
    Removal,
    /// POST of a [`RemovalRequest`](super::RemovalRequest): [`RemovalPlan`](super::RemovalPlan), and nothing changes; on the admin socket only.
    RemovalCheck,
    /// POST of a [`DrainRequest`](super::DrainRequest): [`DrainView`](super::DrainView); on the admin socket only.
    Drain,
    /// POST of a [`ResumeRequest`](super::ResumeRequest): [`DrainView`](super::DrainView); on the admin socket only.
    Resume,
    /// GET: [`StrategyShown`](super::StrategyShown); POST of a [`StrategyRequest`](super::StrategyRequest):
    /// [`StrategyPlan`](super::StrategyPlan), on the admin socket only.
    Strategy,
    /// POST of a [`StrategyRequest`](super::StrategyRequest): [`StrategyPlan`](super::StrategyPlan), and nothing changes; on the admin
    /// socket only.
    StrategyPlan,
    /// POST: [`ReloadView`](super::ReloadView); on the admin socket only.
    Reload,
    /// GET: [`AuthorityView`](super::AuthorityView); on the admin socket only.
    Authority,
    /// GET: [`CertificatesView`](super::CertificatesView); on the admin socket only.
    Certificates,
    /// POST of a [`RotateRequest`](super::RotateRequest): [`AuthorityView`](super::AuthorityView); on the admin socket only.
    Rotate,
    /// POST of a [`RollbackRequest`](super::RollbackRequest), or of nothing: [`AuthorityView`](super::AuthorityView); on the admin socket only.
    Rollback,
    /// POST of a [`SerialRequest`](super::SerialRequest): [`SerialRevoked`](super::SerialRevoked); on the admin socket only.
    RevokeSerial,
}

/// How new a snapshot must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It has everything that was acknowledged before it was asked for.
    Confirmed,
    /// What the asked proxy happens to know.
    Stale,
}

impl Path {
    /// What a request's path means; `None` when it means nothing.
    pub fn parse(path: &str) -> Option<Self> {
        match path {
            "/v1/status" => Some(Self::Status),
            "/v1/agents" => Some(Self::Agents),
            "/v1/agents/remove" => Some(Self::AgentRemoval),
            "/v1/clients" => Some(Self::Clients),
            "/v1/clients/allow" => Some(Self::Allow),
            "/v1/clients/remove" => Some(Self::ClientRemoval),
            "/v1/clients/credential" => Some(Self::Credential),
            "/v1/clients/credential/revoke" => Some(Self::CredentialRevocation),
            "/v1/routes" => Some(Self::Routes),
            "/v1/raft" => Some(Self::Raft),
            "/v1/raft/snapshot/confirmed" => Some(Self::Snapshot(Freshness::Confirmed)),
            "/v1/raft/snapshot/stale" => Some(Self::Snapshot(Freshness::Stale)),
            "/v1/tokens" => Some(Self::Tokens),
            "/v1/raft/transfer" => Some(Self::Transfer),
            "/v1/proxies/remove" => Some(Self::Removal),
            "/v1/proxies/remove/check" => Some(Self::RemovalCheck),
            "/v1/proxies/drain" => Some(Self::Drain),
            "/v1/proxies/resume" => Some(Self::Resume),
            "/v1/strategy" => Some(Self::Strategy),
            "/v1/strategy/plan" => Some(Self::StrategyPlan),
            "/v1/config/reload" => Some(Self::Reload),
            "/v1/ca" => Some(Self::Authority),
            "/v1/ca/certificates" => Some(Self::Certificates),
            "/v1/ca/rotate" => Some(Self::Rotate),
            "/v1/ca/rollback" => Some(Self::Rollback),
            "/v1/ca/revoke" => Some(Self::RevokeSerial),
            _ => path.strip_prefix("/v1/tokens/")?.strip_suffix("/revoke")?.parse().ok().map(Self::Revoke),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.pad("/v1/status"),
            Self::Agents => f.pad("/v1/agents"),
            Self::AgentRemoval => f.pad("/v1/agents/remove"),
            Self::Clients => f.pad("/v1/clients"),
            Self::Allow => f.pad("/v1/clients/allow"),
            Self::ClientRemoval => f.pad("/v1/clients/remove"),
            Self::Credential => f.pad("/v1/clients/credential"),
            Self::CredentialRevocation => f.pad("/v1/clients/credential/revoke"),
            Self::Routes => f.pad("/v1/routes"),
            Self::Raft => f.pad("/v1/raft"),
            Self::Snapshot(Freshness::Confirmed) => f.pad("/v1/raft/snapshot/confirmed"),
            Self::Snapshot(Freshness::Stale) => f.pad("/v1/raft/snapshot/stale"),
            Self::Tokens => f.pad("/v1/tokens"),
            Self::Transfer => f.pad("/v1/raft/transfer"),
            Self::Removal => f.pad("/v1/proxies/remove"),
            Self::RemovalCheck => f.pad("/v1/proxies/remove/check"),
            Self::Drain => f.pad("/v1/proxies/drain"),
            Self::Resume => f.pad("/v1/proxies/resume"),
            Self::Strategy => f.pad("/v1/strategy"),
            Self::StrategyPlan => f.pad("/v1/strategy/plan"),
            Self::Reload => f.pad("/v1/config/reload"),
            Self::Authority => f.pad("/v1/ca"),
            Self::Certificates => f.pad("/v1/ca/certificates"),
            Self::Rotate => f.pad("/v1/ca/rotate"),
            Self::Rollback => f.pad("/v1/ca/rollback"),
            Self::RevokeSerial => f.pad("/v1/ca/revoke"),
            Self::Revoke(id) => write!(f, "/v1/tokens/{id}/revoke"),
        }
    }
}
