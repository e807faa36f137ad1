//! What programs see: the JSON of `-o json`, of the admin socket and of `/v1`.
//!
//! One type per answer, with exactly the keys of the contract. Keys are only ever added. Nothing here looks anything up:
//! the proxy fills the types, the command line shows them.

mod agents;
mod authority;
mod clients;
mod credentials;
mod drain;
mod error;
mod paths;
mod ping;
mod proxies;
mod raft;
mod recovery;
mod reload;
mod routes;
mod saved;
mod schema;
mod seen;
mod services;
mod status;
mod strategy;
#[cfg(test)]
pub(crate) mod strategy_tests;
#[cfg(test)]
pub(crate) mod tests;
mod time;
mod tokens;
mod transfer;

pub use agents::{AgentRow, AgentView, AgentsView, ServiceRow};
pub use authority::{
    AbsentRow, AuthorityRow, AuthorityView, CertificateRow, CertificatesView, LaggardRow, RevokedRow, RollbackRequest, RotateRequest,
    RotationView, SerialRequest, SerialRevoked, SerialText,
};
pub use clients::{
    AgentRemovalRequest, AgentRemovalView, AllowRequest, ClientRemovalRequest, ClientRemovalView, ClientRow, ClientView, ClientsView,
};
pub use credentials::{
    CredentialIssued, CredentialRequest, CredentialRequestError, CredentialRevocationRequest, CredentialRow, CredentialsRevoked,
    MAX_CREDENTIAL_TTL,
};
pub use drain::{DrainRequest, DrainRow, DrainView, ResumeRequest};
pub use error::{Declined, DeclinedView, ErrorView};
pub use paths::{Freshness, Path};
pub use ping::{PingFailure, PingRow, PingView, RoundTrip};
pub use proxies::{IngressRow, ProxiesView, ProxyView, RemovalPlan, RemovalRequest, RemovalView};
pub use raft::{RaftState, RaftView};
pub use recovery::{DroppedRow, RecoveryView};
pub use reload::{ChangeRow, ReloadView};
pub use routes::{RouteRow, RoutesView};
pub use saved::{RestoredView, SavedView, SnapshotContent};
pub use schema::Schema;
pub use seen::ClusterSeen;
pub use services::{ReachableRow, ServicesView};
pub use status::{LastSeen, ProxyCertificate, ProxyRole, ProxyRow, ProxyState, StatusProblem, StatusView, StrategyView};
pub use strategy::{
    AgentCounts, CutOffRow, LaggingAgent, MAX_LAGGING, ObstacleRow, ProxyPlan, ProxyTunnels, StrategyPlan, StrategyRequest,
    StrategyRequestError, StrategyShown, ZonePlan,
};
pub use time::Time;
pub use tokens::{
    MAX_TTL, MAX_USES, RevokeView, TokenCreated, TokenRequest, TokenRequestError, TokenRow, TokenState, TokenText, TokensView, command_for,
};
pub use transfer::{TransferRequest, TransferView};
