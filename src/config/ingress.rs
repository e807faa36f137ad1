//! `[ingress.*]`: ways in for programs that know nothing of warren. A table that is absent is off.

use std::net::SocketAddr;

use warren_raft::{IngressAdmits, Pattern};

use super::document::Value;
use super::inline_table::{InlineTable, yes_or_no};
use super::reader::{Reader, Section};
use super::setting::{Faults, Setting, choice, one_of, quote};
use crate::failure::Printable;
use crate::ingress::{Domain, Network};
use crate::target::Target;

/// Most static ports: with the other listeners they fit into what a proxy may publish.
const MAX_PORTS: usize = 60;
/// Everything.
const EVERYTHING: &str = "*/*";

/// `[ingress]` and the tables below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressTable {
    /// `[[ingress.tcp]]`: ports that lead to one target each.
    pub tcp: Vec<PortSettings>,
    /// `[ingress.tls]`: by the name in TLS.
    pub tls: Option<NamedSettings>,
    /// `[ingress.http_connect]`.
    pub http_connect: Option<NamedSettings>,
    /// `[ingress.socks5]`.
    pub socks5: Option<NamedSettings>,
}

/// `[[ingress.tcp]]`, or `LISTEN=TARGET` as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSettings {
    /// Where to listen, TCP.
    pub listen: SocketAddr,
    /// Whither each connection goes.
    pub target: Target,
    /// The networks from which a PROXY header is expected in front; none: from nowhere.
    pub trusted: Vec<Network>,
}

/// A way in where whoever comes names a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSettings {
    /// Where to listen, TCP.
    pub listen: SocketAddr,
    /// What follows the names of agents.
    pub domain: Domain,
    /// What may be reached by whoever shows no identity.
    pub allow: Vec<Pattern>,
    /// Whom it lets in.
    pub admits: IngressAdmits,
    /// The networks from which a PROXY header is expected in front; none: from nowhere.
    pub trusted: Vec<Network>,
}

/// Whether a PROXY header is expected in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    Off,
    Accept,
}

/// Whether everybody who reaches a port on a network may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Openness {
    Closed,
    ToAnybody,
}

impl IngressTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let tls = {
            let mut section = reader.section("ingress.tls");
            named(&mut section, |section| {
                let (domain, allow) = target_keys(section);
                (domain, allow, IngressAdmits::Anybody)
            })
        };
        let http_connect = named(&mut reader.section("ingress.http_connect"), identified_keys);
        let socks5 = named(&mut reader.section("ingress.socks5"), identified_keys);
        let mut section = reader.section("ingress");
        let tcp = section.get("tcp", Vec::<PortSettings>::new());
        if tcp.len() > MAX_PORTS {
            section.refuse("tcp", format!("has more than {MAX_PORTS} ports"));
        }
        Self { tcp, tls, http_connect, socks5 }
    }
}

/// The keys that all ways in with names have, and those in the middle.
fn named(
    section: &mut Section<'_, '_>,
    middle: impl FnOnce(&mut Section<'_, '_>) -> (Domain, Vec<Pattern>, IngressAdmits),
) -> Option<NamedSettings> {
    let listen = section.get("listen", None::<SocketAddr>);
    let (domain, allow, admits) = middle(section);
    let trusted = front_keys(section);
    if listen.is_none() && section.is_there() && !section.is_set("listen") {
        section.refuse("listen", "is missing: a table says where it listens, and is left out where it does not");
    }
    Some(NamedSettings { listen: listen?, domain, allow, admits, trusted })
}

fn target_keys(section: &mut Section<'_, '_>) -> (Domain, Vec<Pattern>) {
    let everything = EVERYTHING.parse().expect("a pattern");
    (section.get("domain", Domain::default()), section.get("allow", vec![everything]))
}

/// The keys of a way in that can ask who comes.
fn identified_keys(section: &mut Section<'_, '_>) -> (Domain, Vec<Pattern>, IngressAdmits) {
    let (domain, allow) = target_keys(section);
    let admits = section.get("authentication", IngressAdmits::Anybody);
    let openness = section.get("open_to_anybody", Openness::Closed);
    let listen: Option<SocketAddr> = section.peek("listen");
    if let Some(listen) = listen.filter(|listen| !listen.ip().to_canonical().is_loopback())
        && (admits, openness) == (IngressAdmits::Anybody, Openness::Closed)
    {
        section.refuse_with_hint(
            "listen",
            format!("is {listen}, which is not loopback, and `authentication` is \"none\": whoever reaches it could dial everything that `allow` says"),
            "`authentication = \"password\"` or \"certificate\", a loopback address, or `open_to_anybody = true` if that is what is meant",
        );
    }
    (domain, allow, admits)
}

fn front_keys(section: &mut Section<'_, '_>) -> Vec<Network> {
    let front = section.get("proxy_protocol", Front::Off);
    let from = section.get("proxy_protocol_from", Vec::<Network>::new());
    if front == Front::Accept && from.is_empty() {
        section.refuse("proxy_protocol_from", "is empty: with `proxy_protocol = \"accept\"` it lists the networks of the load balancers");
    }
    if front == Front::Accept { from } else { Vec::new() }
}

impl std::str::FromStr for PortSettings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{}` is not `ADDRESS:PORT=TARGET`", Printable(text));
        let (listen, target) = text.split_once('=').ok_or_else(form)?;
        Ok(Self { listen: SocketAddr::parse(listen)?, target: Target::parse(target)?, trusted: Vec::new() })
    }
}

impl Setting for PortSettings {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn from_toml(value: &Value<'_>, faults: &mut Faults) -> Option<Self> {
        let table = InlineTable::of(value, &["listen", "target", "proxy_protocol", "proxy_protocol_from"], faults)?;
        let (listen, target) = (table.needed("listen", faults), table.needed("target", faults));
        let front = table.get("proxy_protocol", Front::Off, faults);
        let from = table.get("proxy_protocol_from", Vec::<Network>::new(), faults);
        let (front, from) = (front?, from?);
        if front == Front::Accept && from.is_empty() {
            faults.add(value.span(), "`proxy_protocol_from` is missing: it lists the networks of the load balancers");
        }
        let trusted = if front == Front::Accept { from } else { Vec::new() };
        Some(Self { listen: listen?, target: target?, trusted })
    }

    fn show(&self) -> String {
        let front = match self.trusted.as_slice() {
            [] => String::new(),
            trusted => format!(", proxy_protocol = \"accept\", proxy_protocol_from = {}", trusted.to_vec().show()),
        };
        format!("{{ listen = {}, target = {}{front} }}", self.listen.show(), quote(&self.target.to_string()))
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({
            "type": "object",
            "properties": {
                "listen": SocketAddr::schema(),
                "target": Target::schema(),
                "proxy_protocol": Front::schema(),
                "proxy_protocol_from": Vec::<Network>::schema(),
            },
            "required": ["listen", "target"],
            "additionalProperties": false,
        })
    }
}

impl Setting for Front {
    fn parse(text: &str) -> Result<Self, String> {
        match one_of(text, "way to take a PROXY header", ["off", "accept"])? {
            "accept" => Ok(Self::Accept),
            _ => Ok(Self::Off),
        }
    }

    fn show(&self) -> String {
        quote(if *self == Self::Off { "off" } else { "accept" })
    }

    fn schema() -> serde_json::Value {
        choice(["off", "accept"])
    }
}

impl Setting for Openness {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "false" => Ok(Self::Closed),
            "true" => Ok(Self::ToAnybody),
            _ => Err(format!("`{}` is neither true nor false", Printable(text))),
        }
    }

    fn from_toml(value: &Value<'_>, faults: &mut Faults) -> Option<Self> {
        yes_or_no(value, (Self::ToAnybody, Self::Closed), faults)
    }

    fn show(&self) -> String {
        (*self == Self::ToAnybody).to_string()
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "boolean" })
    }
}

impl Setting for IngressAdmits {
    fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Anybody, Self::Password, Self::Certificate];
        let name = one_of(text, "way to show who comes", all.map(Self::as_str))?;
        Ok(all.into_iter().find(|known| known.as_str() == name).expect("it is one of them"))
    }

    fn show(&self) -> String {
        quote(self.as_str())
    }

    fn schema() -> serde_json::Value {
        choice([Self::Anybody, Self::Password, Self::Certificate].map(Self::as_str))
    }
}
