//! `[agent]` and `[[agent.service]]`: an agent and what it publishes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use warren_raft::table::MAX_SERVICES;
use warren_raft::{AgentName, ServiceName};

use super::document::Value;
use super::error::{ConfigError, ConfigErrors, Place};
use super::inline_table::InlineTable;
use super::reader::Reader;
use super::setting::{Faults, Setting, quote};
use super::{Config, HostPort, LimitsTable, TelemetryTable, TokenSource, TransportTable};

/// `[agent]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentTable {
    /// Its name, unique in the cluster; the machine's by default.
    pub name: AgentName,
    /// Public addresses of any proxies.
    pub proxies: Vec<HostPort>,
    /// Where it keeps its identity.
    pub data_dir: PathBuf,
    /// Where the token to enrol is; needed only until the agent has its identity.
    pub token_file: Option<TokenSource>,
    /// How long streams in flight may go on once it is to end.
    pub drain_timeout: Duration,
    /// What it publishes, each name once.
    pub services: Vec<ServiceSettings>,
}

/// `[[agent.service]]`, or `NAME=HOST:PORT` as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Its name, unique on its agent.
    pub name: ServiceName,
    /// What the agent dials.
    pub target: HostPort,
    /// Whether the target is told where each connection comes from.
    pub proxy_protocol: Announcing,
}

/// Whether a target is told where each connection comes from, by a PROXY header of version 2 in front of its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Announcing {
    /// It is not.
    #[default]
    Off,
    /// It is, and has to expect it.
    On,
}

/// What an agent runs with: it has proxies to go to and something to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// Its name.
    pub name: AgentName,
    /// Public addresses of any proxies, at least one.
    pub proxies: Vec<HostPort>,
    /// Where it keeps its identity.
    pub data_dir: PathBuf,
    /// Where the token to enrol is.
    pub token_file: Option<TokenSource>,
    /// What it publishes, at least one, each name once.
    pub services: Vec<ServiceSettings>,
    /// Its QUIC.
    pub transport: TransportTable,
    /// What it may use.
    pub limits: LimitsTable,
    /// Its logs.
    pub telemetry: TelemetryTable,
}

impl AgentTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let host = reader.host_name().parse().expect("a host name is made of what a name can have");
        let mut section = reader.section("agent");
        let table = Self {
            name: section.get_or("name", host),
            proxies: section.get("proxies", Vec::new()),
            data_dir: section.get("data_dir", PathBuf::from("/var/lib/warren-agent")),
            token_file: section.get("token_file", None),
            drain_timeout: section.get("drain_timeout", Duration::from_secs(30)),
            services: section.get("service", Vec::<ServiceSettings>::new()),
        };
        section.require_within("drain_timeout", table.drain_timeout, Duration::ZERO..Duration::from_secs(24 * 3600));
        let mut names = BTreeSet::new();
        for (index, twice) in table.services.iter().enumerate().filter(|(_, service)| !names.insert(&service.name)) {
            section.refuse_element("service", (index, "name"), format!("has two services called `{}`", twice.name));
        }
        if table.services.len() > MAX_SERVICES {
            section.refuse("service", format!("has more than {MAX_SERVICES} services"));
        }
        table
    }
}

impl TryFrom<Config> for AgentSettings {
    type Error = ConfigErrors;

    fn try_from(config: Config) -> Result<Self, ConfigErrors> {
        let missing =
            |message: &str, hint: &str| ConfigError { message: message.to_owned(), place: Place::Whole, hint: Some(hint.to_owned()) };
        let AgentTable { name, proxies, data_dir, token_file, services, .. } = config.agent;
        let mut errors = Vec::new();
        if proxies.is_empty() {
            errors.push(missing("the agent has no proxy to go to", "`--proxy ADDR`, or `proxies` in [agent]"));
        }
        if services.is_empty() {
            errors.push(missing("the agent has no service to publish", "`--publish NAME=HOST:PORT`, or [[agent.service]]"));
        }
        ConfigErrors::unless_empty(errors)?;
        let (transport, limits, telemetry) = (config.transport, config.limits, config.telemetry);
        Ok(Self { name, proxies, data_dir, token_file, services, transport, limits, telemetry })
    }
}

impl std::str::FromStr for ServiceSettings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{}` is not `NAME=HOST:PORT`", crate::failure::Printable(text));
        let (name, target) = text.split_once('=').ok_or_else(form)?;
        Ok(Self { name: ServiceName::parse(name)?, target: HostPort::parse(target)?, proxy_protocol: Announcing::Off })
    }
}

impl std::fmt::Display for ServiceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.name, self.target)
    }
}

impl Setting for ServiceSettings {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn from_toml(value: &Value<'_>, faults: &mut Faults) -> Option<Self> {
        let table = InlineTable::of(value, &["name", "target", "proxy_protocol"], faults)?;
        let (name, target) = (table.needed("name", faults), table.needed("target", faults));
        let announcing = table.switch("proxy_protocol", (Announcing::On, Announcing::Off), faults);
        Some(Self { name: name?, target: target?, proxy_protocol: announcing? })
    }

    fn show(&self) -> String {
        let announcing = if self.proxy_protocol == Announcing::On { ", proxy_protocol = true" } else { "" };
        format!("{{ name = {}, target = {}{announcing} }}", quote(self.name.as_str()), quote(&self.target.to_string()))
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({
            "type": "object",
            "properties": { "name": ServiceName::schema(), "target": HostPort::schema(), "proxy_protocol": { "type": "boolean" } },
            "required": ["name", "target"],
            "additionalProperties": false,
        })
    }
}
