//! warren's replicated routing store: who is where, agreed by the proxies and read locally by each of them.
//!
//! The store never knows what travels through a tunnel, how a peer is reached or where a setting came from: it is
//! given a [`Transport`], a [`Disk`] and a [`StoreConfig`], and gives back a [`Table`] that can be read without
//! waiting.
//!
//! Read in this order: [`names`] and [`ids`] (the words), [`command`] (what can change), [`table`] (what is known and
//! how a command changes it), [`store`] (the running member: openraft on a disk), [`membership`] and [`lease`] (who
//! votes, who is alive).

pub mod command;
#[doc(hidden)]
pub mod decoding;
pub mod disk;
pub mod fault;
#[cfg(test)]
mod golden;
pub mod ids;
pub mod lease;
pub mod membership;
pub mod names;
pub mod store;
pub mod table;
pub mod transport;

pub use command::{Accepted, Command, Proposal, Rejection};
pub use disk::{Disk, DiskDrive, LEAST_FREE, MemoryDisk, SledDisk, SledVolume, Volume};
pub use ids::{ClusterId, Epoch, Incarnation, KeyHash, Level, ProxyId, Sequence, Serial, Timestamp, TokenId};
pub use names::{AgentName, ClientName, NameError, Pattern, ProxyName, ServiceName};
pub use store::{
    CommitTimes, Committed, DiskState, LeaseState, NotHandedOver, OpenError, Outage, ProposeError, ReadError, RemoveError, RoutingStore,
    SnapshotError, StoreConfig, StoreStatus, StoreUsage, TransferError, Tuning,
};
pub use store::{offline, saved};
pub use table::{
    Agent, AuthorityRecord, Client, Cluster, Drain, IngressAdmits, IngressKind, IngressRule, Proxy, ProxyState, Reach, Rotation,
    RotationPhase, Route, SectionError, Service, ServiceKind, Strategy, StrategyKind, Table, Token, TokenRole,
};
pub use transport::{Transport, TransportError};
