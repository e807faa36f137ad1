//! The whole configuration.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::document::Document;
use super::error::{ConfigError, ConfigErrors, Place};
use super::listening;
use super::reader::{Described, Reader, Shown};
use super::{
    AdminTable, AgentTable, AuditTable, ClusterTable, IngressTable, LimitsTable, LivenessTable, Overrides, PeerTable, ProxyTable,
    PublicTable, RaftTable, TelemetryTable, TransportTable, TunnelStrategyTable,
};

/// Largest configuration file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// One file for proxy, agent and client; each of them uses its own tables.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[proxy]`.
    pub proxy: ProxyTable,
    /// `[peer]`.
    pub peer: PeerTable,
    /// `[public]`.
    pub public: PublicTable,
    /// `[cluster]`.
    pub cluster: ClusterTable,
    /// `[tunnel_strategy]`.
    pub tunnel_strategy: TunnelStrategyTable,
    /// `[raft]`.
    pub raft: RaftTable,
    /// `[liveness]`.
    pub liveness: LivenessTable,
    /// `[transport]`.
    pub transport: TransportTable,
    /// `[ingress.*]`.
    pub ingress: IngressTable,
    /// `[limits]`.
    pub limits: LimitsTable,
    /// `[admin]`.
    pub admin: AdminTable,
    /// `[audit]`.
    pub audit: AuditTable,
    /// `[telemetry]`.
    pub telemetry: TelemetryTable,
    /// `[agent]`.
    pub agent: AgentTable,
    shown: Vec<Shown>,
}

impl Config {
    /// Reads the file at `path`, or none, and lays `overrides` over it.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every problem found.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigErrors> {
        let Some(path) = path else { return Self::read(Reader::new(None, overrides)) };
        let text = read_file(path).map_err(|reason| unreadable(path, &reason))?;
        Self::parse(&path.display().to_string(), &text, overrides)
    }

    /// Reads `text`, which errors call `path`, and lays `overrides` over it.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every problem found.
    pub fn parse(path: &str, text: &str, overrides: &Overrides) -> Result<Self, ConfigErrors> {
        let (document, malformed) = Document::parse(path, text);
        Self::read(Reader::new(Some(document), overrides).with_malformed(malformed))
    }

    /// What a file with mistakes says all the same, with the defaults in the place of what is wrong: to find the process that runs with it, and for nothing else. `None` where the
    /// file cannot be read, and where it is no TOML and says nothing of these keys, each a table and a key in it: they may stand in the lines that are lost.
    pub fn salvage(path: &Path, overrides: &Overrides, keys: &[(&str, &str)]) -> Option<Self> {
        let (text, path) = (read_file(path).ok()?, path.display().to_string());
        let (document, malformed) = Document::parse(&path, &text);
        let mut reader = Reader::new(Some(document), overrides);
        let config = Self::tables(&mut reader);
        let is_said = keys.iter().any(|(section, key)| reader.is_set(section, key));
        (malformed.is_empty() || is_said).then_some(config)
    }

    /// Every key with its value and where that came from, in the order of the documented file.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// What values each key takes, in the order of the documented file.
    pub(super) fn described() -> Vec<Described> {
        let overrides = Overrides::none("");
        let mut reader = Reader::new(None, &overrides);
        Self::tables(&mut reader);
        reader.described()
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, ConfigErrors> {
        let config = Self::tables(&mut reader);
        listening::check(&mut reader, (&config.peer, &config.public), (&config.ingress, &config.admin));
        Ok(Self { shown: reader.finish()?, ..config })
    }

    fn tables(reader: &mut Reader<'_>) -> Self {
        let proxy = ProxyTable::read(reader);
        Self {
            peer: PeerTable::read(reader),
            public: PublicTable::read(reader),
            cluster: ClusterTable::read(reader),
            tunnel_strategy: TunnelStrategyTable::read(reader),
            raft: RaftTable::read(reader),
            liveness: LivenessTable::read(reader),
            transport: TransportTable::read(reader),
            ingress: IngressTable::read(reader),
            limits: LimitsTable::read(reader),
            admin: AdminTable::read(reader, &proxy.data_dir),
            audit: AuditTable::read(reader),
            telemetry: TelemetryTable::read(reader),
            agent: AgentTable::read(reader),
            proxy,
            shown: Vec::new(),
        }
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    let size = read.map_err(|error| error.to_string())?;
    if size as u64 > MAX_FILE {
        return Err(format!("it has more than {MAX_FILE} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

fn unreadable(path: &Path, reason: &str) -> ConfigErrors {
    let message = format!("cannot read `{}`: {reason}", path.display());
    ConfigErrors::from(ConfigError { message, place: Place::File, hint: None })
}
