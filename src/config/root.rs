//! The whole configuration.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::document::Document;
use super::error::{ConfigError, ConfigErrors, Place};
use super::reader::{Reader, Shown};
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
        let Some(path) = path else { return Self::read(None, overrides) };
        let text = read_file(path).map_err(|reason| unreadable(path, &reason))?;
        Self::parse(&path.display().to_string(), &text, overrides)
    }

    /// Reads `text`, which errors call `path`, and lays `overrides` over it.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every problem found.
    pub fn parse(path: &str, text: &str, overrides: &Overrides) -> Result<Self, ConfigErrors> {
        Self::read(Some(Document::parse(path, text)?), overrides)
    }

    /// Every key with its value and where that came from, in the order of the documented file.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    fn read(document: Option<Document<'_>>, overrides: &Overrides) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(document, overrides);
        let proxy = ProxyTable::read(&mut reader);
        let mut config = Self {
            peer: PeerTable::read(&mut reader),
            public: PublicTable::read(&mut reader),
            cluster: ClusterTable::read(&mut reader),
            tunnel_strategy: TunnelStrategyTable::read(&mut reader),
            raft: RaftTable::read(&mut reader),
            liveness: LivenessTable::read(&mut reader),
            transport: TransportTable::read(&mut reader),
            ingress: IngressTable::read(&mut reader),
            limits: LimitsTable::read(&mut reader),
            admin: AdminTable::read(&mut reader, &proxy.data_dir),
            audit: AuditTable::read(&mut reader),
            telemetry: TelemetryTable::read(&mut reader),
            agent: AgentTable::read(&mut reader),
            proxy,
            shown: Vec::new(),
        };
        config.shown = reader.finish()?;
        Ok(config)
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
    ConfigErrors::from(ConfigError { message, place: Place::Whole, hint: None })
}
