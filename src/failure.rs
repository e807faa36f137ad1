//! What can go wrong with a dial or a write, as a code that is the same on the wire, in HTTP, SOCKS5 and exit statuses.
//!
//! This is the only place that maps a code to anything. A [`Failure`] that comes from a peer is cut to its bounds as it is
//! read, and control characters never reach a terminal.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Most characters of a message, cause or hint.
pub const MAX_TEXT: usize = 512;
/// Most causes of one failure.
pub const MAX_CAUSES: usize = 8;

/// What went wrong. Stored and sent as its position in this declaration, shown as its name in snake case. One that is read and not known is [`Other`](Self::Other).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 0: no such agent or service.
    ServiceUnknown,
    /// 1: the agent is known and none of its tunnels is online.
    AgentOffline,
    /// 2: the agent is online and its target refused.
    TargetRefused,
    /// 3: no answer within the deadline.
    Timeout,
    /// 4: the proxy that holds the agent's tunnel cannot be reached.
    PeerUnreachable,
    /// 5: not allowed.
    Denied,
    /// 6: over a limit.
    LimitReached,
    /// 7: too few voters are up to write.
    NoQuorum,
    /// 8: what has no code of its own, or one that only a later version of warren knows; the message says it.
    Other,
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Self::ALL, Self::Other)
    }
}

/// One row of the table of failures.
struct Row {
    name: &'static str,
    http: u16,
    proxy_status: &'static str,
    socks5: u8,
    exit: u8,
}

impl Code {
    /// Every code, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::ServiceUnknown,
        Self::AgentOffline,
        Self::TargetRefused,
        Self::Timeout,
        Self::PeerUnreachable,
        Self::Denied,
        Self::LimitReached,
        Self::NoQuorum,
        Self::Other,
    ];

    /// Its name, as in JSON and in labels of metrics.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// Its number on the wire, stable for good.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The HTTP status of a response that carries it.
    pub fn http_status(self) -> u16 {
        self.row().http
    }

    /// The `error` parameter of the `Proxy-Status` field (RFC 9209, section 2.3).
    pub fn proxy_status_error(self) -> &'static str {
        self.row().proxy_status
    }

    /// The reply field of a SOCKS5 answer (RFC 1928, section 6).
    pub fn socks5_reply(self) -> u8 {
        self.row().socks5
    }

    /// The exit status of a command that ends with it.
    pub fn exit_status(self) -> u8 {
        self.row().exit
    }

    #[rustfmt::skip]
    fn row(self) -> Row {
        let (name, http, proxy_status, socks5, exit) = match self {
            Self::ServiceUnknown  => ("service_unknown",  404, "destination_not_found",      4, 4),
            Self::AgentOffline    => ("agent_offline",    503, "destination_unavailable",    3, 6),
            Self::TargetRefused   => ("target_refused",   502, "connection_refused",         5, 1),
            Self::Timeout         => ("timeout",          504, "connection_timeout",         6, 6),
            Self::PeerUnreachable => ("peer_unreachable", 502, "destination_ip_unroutable",  3, 6),
            Self::Denied          => ("denied",           403, "http_request_denied",        2, 5),
            Self::LimitReached    => ("limit_reached",    503, "connection_limit_reached",   1, 1),
            Self::NoQuorum        => ("no_quorum",        503, "proxy_internal_error",       1, 6),
            Self::Other           => ("other",            500, "proxy_internal_error",       1, 1),
        };
        Row { name, http, proxy_status, socks5, exit }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where on the way it happened. Stored and sent as its position in this declaration. One that is read and not known is [`Other`](Self::Other).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// 0: on the caller's machine, before any proxy was asked.
    Local,
    /// 1: at the ingress proxy: who asks, and what they are allowed.
    Ingress,
    /// 2: finding the agent and its routes.
    Route,
    /// 3: from the ingress proxy to the owner proxy.
    Peer,
    /// 4: from the owner proxy to the agent.
    Tunnel,
    /// 5: from the agent to its target.
    Target,
    /// 6: writing to the routing store.
    Store,
    /// 7: where only a later version of warren goes.
    Other,
}

impl Stage {
    /// Every stage, in the order of its number.
    pub const ALL: [Self; 8] = [Self::Local, Self::Ingress, Self::Route, Self::Peer, Self::Tunnel, Self::Target, Self::Store, Self::Other];
}

impl<'de> Deserialize<'de> for Stage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Self::ALL, Self::Other)
    }
}

/// Reads one of `all` by its name in JSON and by its number everywhere else.
fn read<'de, T: fmt::Display, D: Deserializer<'de>, const N: usize>(deserializer: D, all: [T; N], other: T) -> Result<T, D::Error> {
    let found = if deserializer.is_human_readable() {
        let name = String::deserialize(deserializer)?;
        all.into_iter().find(|one| one.to_string() == name)
    } else {
        let number = u32::deserialize(deserializer)? as usize;
        all.into_iter().nth(number)
    };
    Ok(found.unwrap_or(other))
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Local => "local",
            Self::Ingress => "ingress",
            Self::Route => "route",
            Self::Peer => "peer",
            Self::Tunnel => "tunnel",
            Self::Target => "target",
            Self::Store => "store",
            Self::Other => "other",
        })
    }
}

/// A failure as its user sees it: what, why, where, and what to do next.
///
/// Every text is at most [`MAX_TEXT`] characters, and there are at most [`MAX_CAUSES`] causes, whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Parts")]
pub struct Failure {
    /// Boxed, since a failure travels in many results and is rarely there.
    parts: Box<Parts>,
}

/// A failure's fields, in the order of the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    code: Code,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    stage: Stage,
    proxy: Option<String>,
    trace: Option<String>,
}

impl Failure {
    /// A failure without causes; `message` is a lower-case fragment with values in backticks.
    pub fn new(code: Code, stage: Stage, message: impl Into<String>) -> Self {
        Parts { code, message: message.into(), causes: Vec::new(), hint: None, stage, proxy: None, trace: None }.into()
    }

    /// Adds what it was caused by, after the causes it has.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        if self.parts.causes.len() < MAX_CAUSES {
            self.parts.causes.push(cut(cause.into()));
        }
        self
    }

    /// Sets what to do next, usually a command in backticks.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.parts.hint = Some(cut(hint.into()));
        self
    }

    /// Names the proxy where it happened, unless one is named already: the first to say so was nearest.
    #[must_use]
    pub fn at(mut self, proxy: impl Into<String>) -> Self {
        self.parts.proxy.get_or_insert_with(|| cut(proxy.into()));
        self
    }

    /// Sets the id that every hop has logged.
    #[must_use]
    pub fn with_trace(mut self, trace: impl Into<String>) -> Self {
        self.parts.trace = Some(cut(trace.into()));
        self
    }

    /// What went wrong.
    pub fn code(&self) -> Code {
        self.parts.code
    }

    /// Where on the way it happened.
    pub fn stage(&self) -> Stage {
        self.parts.stage
    }

    /// What went wrong, as a fragment.
    pub fn message(&self) -> &str {
        &self.parts.message
    }

    /// Why, the nearest cause first.
    pub fn causes(&self) -> &[String] {
        &self.parts.causes
    }

    /// The proxy where it happened, if one was reached.
    pub fn proxy(&self) -> Option<&str> {
        self.parts.proxy.as_deref()
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&str> {
        self.parts.hint.as_deref()
    }

    /// The id that every hop has logged.
    pub fn trace(&self) -> Option<&str> {
        self.parts.trace.as_deref()
    }

    /// The lines after `error: `: the message, its causes, where it happened, and the hint. Ends without a line break.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.parts.message))?;
        for cause in &self.parts.causes {
            write!(f, "\n  caused by: {}", Printable(cause))?;
        }
        if self.parts.proxy.is_some() || self.parts.trace.is_some() {
            write!(f, "\n  at: stage {}", self.parts.stage)?;
        }
        if let Some(proxy) = &self.parts.proxy {
            write!(f, ", proxy `{}`", Printable(proxy))?;
        }
        if let Some(trace) = &self.parts.trace {
            write!(f, ", trace `{}`", Printable(trace))?;
        }
        match &self.parts.hint {
            Some(hint) => write!(f, "\nhint: {}", Printable(hint)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error: ")?;
        self.describe(f)
    }
}

impl std::error::Error for Failure {}

/// A text in which every control character is escaped, so that what a peer sent cannot drive the terminal it is shown on, nor turn the order in which that shows what is beside it.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

/// Control characters, separators of lines, and those that turn the direction of writing (Unicode, annex 9).
fn is_escaped(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| if is_escaped(c) { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") })
    }
}

impl Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.parts.serialize(serializer)
    }
}

impl From<Parts> for Failure {
    /// Cuts every part to its bound.
    fn from(parts: Parts) -> Self {
        let parts = Parts {
            message: cut(parts.message),
            causes: parts.causes.into_iter().take(MAX_CAUSES).map(cut).collect(),
            hint: parts.hint.map(cut),
            proxy: parts.proxy.map(cut),
            trace: parts.trace.map(cut),
            ..parts
        };
        Self { parts: Box::new(parts) }
    }
}

fn cut(text: String) -> String {
    if text.chars().nth(MAX_TEXT).is_none() { text } else { text.chars().take(MAX_TEXT - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_stable() {
        let names = [
            "service_unknown",
            "agent_offline",
            "target_refused",
            "timeout",
            "peer_unreachable",
            "denied",
            "limit_reached",
            "no_quorum",
            "other",
        ];
        for (number, (code, name)) in (0_u8..).zip(Code::ALL.into_iter().zip(names)) {
            assert_eq!(code.number(), number);
            assert_eq!(code.as_str(), name);
            assert_eq!(postcard::to_stdvec(&code).expect("a code"), [number]);
            assert_eq!(serde_json::to_string(&code).expect("a code"), format!("\"{name}\""));
        }
    }

    #[test]
    fn what_a_later_version_has_added_is_unspecific() {
        let sent = (99_u32, "new", Vec::<String>::new(), None::<String>, 300_u32, Some("p"), None::<String>);
        let failure: Failure = postcard::from_bytes(&postcard::to_stdvec(&sent).expect("bytes")).expect("a failure");
        assert_eq!((failure.code(), failure.stage(), failure.message(), failure.proxy()), (Code::Other, Stage::Other, "new", Some("p")));
        let json = r#"{"code":"new_code","message":"new","causes":[],"hint":null,"stage":"new_stage","proxy":null,"trace":null}"#;
        let failure: Failure = serde_json::from_str(json).expect("a failure");
        assert_eq!((failure.code(), failure.stage()), (Code::Other, Stage::Other));
        for stage in Stage::ALL {
            let json = serde_json::to_string(&stage).expect("a stage");
            assert_eq!(serde_json::from_str::<Stage>(&json).expect("a stage"), stage, "{json}");
        }
    }

    #[test]
    fn a_terminal_shows_it_as_documented() {
        let failure = Failure::new(Code::AgentOffline, Stage::Route, "service `lab-pi/web` has no agent online")
            .with_cause("agent `lab-pi` left proxy-2 4m ago (drained)")
            .with_hint("`warren agents show lab-pi`");
        assert_eq!(
            failure.to_string(),
            "error: service `lab-pi/web` has no agent online\n  caused by: agent `lab-pi` left proxy-2 4m ago (drained)\n\
             hint: `warren agents show lab-pi`"
        );
        let failure =
            Failure::new(Code::Timeout, Stage::Peer, "no answer\u{1b}[2J within 10s").at("proxy-2").at("proxy-1").with_trace("4f1c");
        assert_eq!(failure.to_string(), "error: no answer\\u{1b}[2J within 10s\n  at: stage peer, proxy `proxy-2`, trace `4f1c`");
    }

    #[test]
    fn what_a_peer_sends_stays_where_it_is_shown() {
        let table = [
            ("127.0.0.1:22", "127.0.0.1:22"),
            ("caf\u{e9} \u{5d0}", "caf\u{e9} \u{5d0}"),
            ("a\nb\u{1b}[2J\u{9b}", "a\\nb\\u{1b}[2J\\u{9b}"),
            ("22\u{202e}1:reverof", "22\\u{202e}1:reverof"),
            ("\u{2028}\u{2066}\u{200f}\u{61c}", "\\u{2028}\\u{2066}\\u{200f}\\u{61c}"),
        ];
        for (text, shown) in table {
            assert_eq!(Printable(text).to_string(), shown);
        }
    }

    #[test]
    fn what_a_peer_sends_is_cut() {
        let huge = "x".repeat(10 * MAX_TEXT);
        let causes = vec![huge.clone(); 50];
        let sent = (Code::Denied, &huge, &causes, Some(&huge), Stage::Ingress, Some(&huge), None::<String>);
        let bytes = postcard::to_stdvec(&sent).expect("a failure");
        let failure: Failure = postcard::from_bytes(&bytes).expect("a failure");
        assert_eq!(failure.message().chars().count(), MAX_TEXT);
        assert_eq!(failure.causes().len(), MAX_CAUSES);
        let again = postcard::to_stdvec(&failure).expect("a failure");
        assert_eq!(postcard::from_bytes::<Failure>(&again).expect("a failure"), failure);
    }
}
