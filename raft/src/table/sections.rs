//! The table in sections of records: how a snapshot holds it, whatever the maps in memory look like.
//!
//! A section's number is for good. What is added to the table gets a new section, and so does a record whose shape changes; an old
//! snapshot lacks the new section, and the table then has its default there. A section that is not known is refused: what is in
//! it would be lost.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::drains::Drains;
use super::presence::Presence;
use super::{Agent, Client, Cluster, Credentials, Ingress, LastProposal, Proxy, Publishing, RemovedKey, Rotation, Table, Token};
use crate::ids::{KeyHash, ProxyId, Serial, Timestamp, TokenId};
use crate::names::{AgentName, ClientName};

/// One record of a section.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SectionRecord<'a> {
    /// 2: the cluster itself, at most once.
    Cluster(&'a Cluster),
    /// 3: the next proxy's id and the next epoch, once.
    Counters(u64, u64),
    /// 4: a proxy.
    Proxy(&'a ProxyId, &'a Proxy),
    /// 5: an agent.
    Agent(&'a AgentName, &'a Agent),
    /// 6: an agent's routes, ordered by proxy, and when and where it was last seen.
    Presence(&'a AgentName, &'a Presence),
    /// 7: a client.
    Client(&'a ClientName, &'a Client),
    /// 8: a token.
    Token(&'a TokenId, &'a Token),
    /// 9: the last proposal of a proxy.
    Proposer(&'a ProxyId, &'a LastProposal),
    /// 10: a proxy that drains.
    Drain(&'a ProxyId, &'a Drains),
    /// 11: a token that says what its agents may publish.
    PublishingToken(&'a TokenId, &'a Publishing),
    /// 12: what an agent may publish.
    Publishing(&'a AgentName, &'a Publishing),
    /// 13: the key of a machine that was removed.
    RemovedKey(&'a KeyHash, &'a RemovedKey),
    /// 14: the authority that is to take the place of the cluster's, at most once.
    Rotation(&'a Rotation),
    /// 15: a certificate that is refused, and until when.
    Revoked(&'a Serial, &'a Timestamp),
    /// 16: the doors of a proxy.
    Ingress(&'a ProxyId, &'a Ingress),
    /// 17: the credentials of a client.
    Credentials(&'a ClientName, &'a Credentials),
}

impl SectionRecord<'_> {
    /// The section's number.
    pub(crate) fn section(self) -> u16 {
        match self {
            Self::Cluster(_) => 2,
            Self::Counters(..) => 3,
            Self::Proxy(..) => 4,
            Self::Agent(..) => 5,
            Self::Presence(..) => 6,
            Self::Client(..) => 7,
            Self::Token(..) => 8,
            Self::Proposer(..) => 9,
            Self::Drain(..) => 10,
            Self::PublishingToken(..) => 11,
            Self::Publishing(..) => 12,
            Self::RemovedKey(..) => 13,
            Self::Rotation(_) => 14,
            Self::Revoked(..) => 15,
            Self::Ingress(..) => 16,
            Self::Credentials(..) => 17,
        }
    }

    /// Appends the record's bytes.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Cluster(cluster) => append(&cluster, out),
            Self::Counters(proxy, epoch) => append(&(proxy, epoch), out),
            Self::Proxy(key, record) => append(&(key, record), out),
            Self::Agent(key, record) => append(&(key, record), out),
            Self::Presence(key, record) => append(&(key, record), out),
            Self::Client(key, record) => append(&(key, record), out),
            Self::Token(key, record) => append(&(key, record), out),
            Self::Proposer(key, record) => append(&(key, record), out),
            Self::Drain(key, record) => append(&(key, record), out),
            Self::PublishingToken(key, record) => append(&(key, record), out),
            Self::Publishing(key, record) => append(&(key, record), out),
            Self::RemovedKey(key, record) => append(&(key, record), out),
            Self::Rotation(rotation) => append(&rotation, out),
            Self::Revoked(key, record) => append(&(key, record), out),
            Self::Ingress(key, record) => append(&(key, record), out),
            Self::Credentials(key, record) => append(&(key, record), out),
        }
    }
}

/// Why a record is not one of the table's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// A later version wrote it.
    #[error("section {0} is not known to this version of warren")]
    Unknown(u16),
    /// Its bytes are no such record.
    #[error("a record of section {section} does not decode: {reason}")]
    Garbled {
        /// Which section.
        section: u16,
        /// What does not fit.
        reason: String,
    },
    /// The same key, or what there is only one of, a second time.
    #[error("a record of section {0} is there twice")]
    Twice(u16),
}

impl Table {
    /// Every record, section by section; the same table gives the same records in the same order.
    pub(crate) fn section_records(&self) -> impl Iterator<Item = SectionRecord<'_>> + Send {
        // Without `..`: what is added to the table is added here.
        let Self {
            cluster,
            proxies,
            presences,
            agents,
            clients,
            tokens,
            proposers,
            drains,
            publishing_tokens,
            publishing,
            removed_keys,
            rotation,
            revoked,
            ingress,
            credentials,
            next_proxy,
            next_epoch,
            census: _,
        } = self;
        let single = cluster.iter().map(SectionRecord::Cluster).chain([SectionRecord::Counters(*next_proxy, *next_epoch)]);
        single
            .chain(proxies.iter().map(|(key, record)| SectionRecord::Proxy(key, record)))
            .chain(agents.iter().map(|(key, record)| SectionRecord::Agent(key, record)))
            .chain(presences.iter().map(|(key, record)| SectionRecord::Presence(key, record)))
            .chain(clients.iter().map(|(key, record)| SectionRecord::Client(key, record)))
            .chain(tokens.iter().map(|(key, record)| SectionRecord::Token(key, record)))
            .chain(proposers.iter().map(|(key, record)| SectionRecord::Proposer(key, record)))
            .chain(drains.iter().map(|(key, record)| SectionRecord::Drain(key, record)))
            .chain(publishing_tokens.iter().map(|(key, record)| SectionRecord::PublishingToken(key, record)))
            .chain(publishing.iter().map(|(key, record)| SectionRecord::Publishing(key, record)))
            .chain(removed_keys.iter().map(|(key, record)| SectionRecord::RemovedKey(key, record)))
            .chain(rotation.iter().map(SectionRecord::Rotation))
            .chain(revoked.iter().map(|(key, record)| SectionRecord::Revoked(key, record)))
            .chain(ingress.iter().map(|(key, record)| SectionRecord::Ingress(key, record)))
            .chain(credentials.iter().map(|(key, record)| SectionRecord::Credentials(key, record)))
    }

    /// The bytes of all records as they are stored, without what frames them.
    pub fn stored_bytes(&self) -> u64 {
        let mut bytes = Vec::new();
        let sizes = self.section_records().map(|record| {
            bytes.clear();
            record.write(&mut bytes);
            bytes.len() as u64
        });
        sizes.sum()
    }

    /// Puts one record of a section into a table that is being read.
    ///
    /// # Errors
    /// [`SectionError`]
    pub(crate) fn put_section_record(&mut self, section: u16, bytes: &[u8]) -> Result<(), SectionError> {
        let replaced = match section {
            2 => self.cluster.replace(read(section, bytes)?).is_some(),
            3 => {
                let earlier = (self.next_proxy, self.next_epoch);
                (self.next_proxy, self.next_epoch) = read(section, bytes)?;
                earlier != (0, 0)
            }
            4 => put(read(section, bytes)?, |key, record| self.proxies.insert(key, record)),
            5 => put(read(section, bytes)?, |key, record: Agent| self.agents.insert(key, Arc::new(record)).map(Arc::unwrap_or_clone)),
            6 => put(read(section, bytes)?, |key, record| self.read_presence(key, record)),
            7 => put(read(section, bytes)?, |key, record| self.clients.insert(key, record)),
            8 => put(read(section, bytes)?, |key, record| self.tokens.insert(key, record)),
            9 => put(read(section, bytes)?, |key, record| self.proposers.insert(key, record)),
            10 => put(read(section, bytes)?, |key, record| self.drains.insert(key, record)),
            11 => put(read(section, bytes)?, |key, record| self.publishing_tokens.insert(key, Arc::new(record)).map(Arc::unwrap_or_clone)),
            12 => put(read(section, bytes)?, |key, record| self.publishing.insert(key, Arc::new(record)).map(Arc::unwrap_or_clone)),
            13 => put(read(section, bytes)?, |key, record| self.removed_keys.insert(key, record)),
            14 => self.rotation.replace(read(section, bytes)?).is_some(),
            15 => put(read(section, bytes)?, |key, record| self.revoked.insert(key, record)),
            16 => put(read(section, bytes)?, |key, record| self.ingress.insert(key, record)),
            17 => put(read(section, bytes)?, |key, record| self.credentials.insert(key, record)),
            unknown => return Err(SectionError::Unknown(unknown)),
        };
        if replaced { Err(SectionError::Twice(section)) } else { Ok(()) }
    }
}

fn append(record: &impl Serialize, out: &mut Vec<u8>) {
    let taken = std::mem::take(out);
    *out = postcard::to_extend(record, taken).expect("our records have no type that postcard refuses, and a vector grows");
}

fn read<T: DeserializeOwned>(section: u16, bytes: &[u8]) -> Result<T, SectionError> {
    let garbled = |reason: String| SectionError::Garbled { section, reason };
    match postcard::take_from_bytes(bytes) {
        Ok((record, [])) => Ok(record),
        Ok((_, rest)) => Err(garbled(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(garbled(error.to_string())),
    }
}

fn put<K, V>((key, record): (K, V), insert: impl FnOnce(K, V) -> Option<V>) -> bool {
    insert(key, record).is_some()
}
