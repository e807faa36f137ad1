//! The JSON as programs read it, and the values that the command line's tests show.

use warren_raft::{ProxyId, Serial, Strategy, StrategyKind, Timestamp, TokenId, TokenRole};

use super::*;
use crate::failure::{Code, Failure, Stage};

pub(crate) const AT: Timestamp = Timestamp(1_795_352_645_250);

pub(super) fn check<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(view: &T, expected: &str) {
    let json = serde_json::to_string(view).expect("a view");
    assert_eq!(json, expected.replace('\n', ""));
    assert_eq!(&serde_json::from_str::<T>(&json).expect("a view"), view);
}

pub(crate) fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a name")
}

pub(crate) fn transfer() -> TransferView {
    TransferView { schema: Schema, from: name("proxy-1"), to: name("proxy-2"), took_ms: 12 }
}

pub(crate) fn services() -> ServicesView {
    let row = |agent: &str, service: &str, online| ReachableRow {
        target: format!("{agent}/{service}"),
        agent: name(agent),
        service: name(service),
        online,
    };
    ServicesView { schema: Schema, services: vec![row("lab-pi", "ssh", true), row("old-pi", "web", false)], more: true }
}

pub(crate) fn proxies() -> ProxiesView {
    ProxiesView { schema: Schema, proxies: status().proxies }
}

pub(crate) fn proxy() -> ProxyView {
    ProxyView { schema: Schema, proxy: status().proxies.remove(0) }
}

/// A proxy with so many tunnels and streams left, of which so many were cut at the deadline, if it is over.
pub(crate) fn drain((tunnels, streams): (u64, u64), cut: Option<u64>) -> DrainView {
    let drain = DrainRow { ordered: true, done: cut.is_some(), cut_streams: Some(cut.unwrap_or_default()) };
    let (tunnels, streams) = (Some(tunnels), Some(streams));
    DrainView { schema: Schema, id: ProxyId(3), name: name("proxy-3"), state: ProxyState::Draining, tunnels, streams, drain: Some(drain) }
}

pub(crate) fn resumed() -> DrainView {
    DrainView { state: ProxyState::Healthy, drain: None, ..drain((4, 1), None) }
}

#[test]
fn drains() {
    check(&DrainRequest { name: name("proxy-3"), force: false }, r#"{"name":"proxy-3","force":false}"#);
    check(&ResumeRequest { name: name("proxy-3") }, r#"{"name":"proxy-3"}"#);
    check(
        &drain((0, 0), Some(2)),
        r#"{"schema":1,"id":3,"name":"proxy-3","state":"draining","tunnels":0,"streams":0,"drain":{"ordered":true,"done":true,"cut_streams":2}}"#,
    );
    check(&resumed(), r#"{"schema":1,"id":3,"name":"proxy-3","state":"healthy","tunnels":4,"streams":1,"drain":null}"#);
}

pub(crate) fn removal() -> RemovalView {
    RemovalView { schema: Schema, id: ProxyId(3), name: name("proxy-3"), gone: true }
}

#[test]
fn leadership_and_removals() {
    check(&transfer(), r#"{"schema":1,"from":"proxy-1","to":"proxy-2","took_ms":12}"#);
    check(&removal(), r#"{"schema":1,"id":3,"name":"proxy-3","gone":true}"#);
    check(&TransferRequest { to: None }, r#"{"to":null}"#);
    check(&RemovalRequest { name: name("proxy-3") }, r#"{"name":"proxy-3"}"#);
    let plan = RemovalPlan { schema: Schema, id: ProxyId(3), name: name("proxy-3"), voters: 2, tolerates: 0 };
    check(&plan, r#"{"schema":1,"id":3,"name":"proxy-3","voters":2,"tolerates":0}"#);
    let declined = DeclinedView { schema: Schema, declined: Declined::new("it leads already", "`warren status`") };
    check(&declined, r#"{"schema":1,"declined":{"message":"it leads already","hint":"`warren status`"}}"#);
}

fn proxy_certificate() -> ProxyCertificate {
    let (serial, expires_at) = (SerialText(Serial([0x4a; 16])), Timestamp(86_400_000).into());
    ProxyCertificate { serial, expires_at, remaining_seconds: 3_600, renewal_failed: None }
}

fn last_offline() -> LastSeen {
    LastSeen { name: name("old-pi"), last_seen: Timestamp(1_790_000_000_000).into() }
}

/// What there is to know of a proxy that is down.
fn problem() -> StatusProblem {
    let (code, message) = ("proxy_down".to_owned(), "proxy `proxy-2` is down".to_owned());
    StatusProblem { code, message, hint: Some("start it again".to_owned()) }
}

pub(crate) fn status() -> StatusView {
    let first = ProxyRow {
        id: ProxyId(1),
        name: name("proxy-1"),
        peer_address: "10.0.0.1:3021".to_owned(),
        public_addresses: vec!["10.0.0.1:3024".to_owned()],
        role: ProxyRole::Voter,
        joining: false,
        leader: true,
        state: ProxyState::Healthy,
        epoch: Some(4),
        rtt_ms: None,
        lag_entries: Some(0),
        agents: 2,
        streams: Some(7),
        version: "0.1.0".to_owned(),
        feature_level: Some(2),
        tunnels: Some(3),
        drain: None,
        certificate: Some(proxy_certificate()),
        ingress: vec![ingress()],
    };
    let second = ProxyRow {
        id: ProxyId(2),
        name: name("proxy-2"),
        role: ProxyRole::Learner,
        leader: false,
        state: ProxyState::Down,
        epoch: None,
        rtt_ms: Some(1.25),
        lag_entries: None,
        agents: 0,
        streams: None,
        feature_level: Some(1),
        tunnels: None,
        drain: Some(DrainRow { ordered: true, done: false, cut_streams: None }),
        certificate: None,
        ingress: Vec::new(),
        ..first.clone()
    };
    StatusView {
        schema: Schema,
        cluster: "warren".to_owned(),
        healthy: false,
        leader: Some(name("proxy-1")),
        term: 3,
        committed_index: 42,
        voters: 1,
        voters_up: 1,
        tolerates: 0,
        proxies: vec![first, second],
        agents: 2,
        agents_offline: 1,
        last_offline: Some(last_offline()),
        routes: 2,
        strategy: Strategy { kind: StrategyKind::ProxyPeering, agent_connection_count: 1 }.into(),
        problems: vec![problem()],
        feature_level: 1,
    }
}

pub(crate) fn authority() -> AuthorityView {
    let row = |digit: &str, issues, presented| AuthorityRow {
        fingerprint: digit.repeat(64),
        issues,
        presented,
        expires_at: Some(Timestamp(86_400_000).into()),
    };
    AuthorityView {
        schema: Schema,
        authorities: vec![row("b", true, false), row("a", false, true)],
        rotation: Some(RotationView {
            phase: "issuing".to_owned(),
            began_at: Timestamp(1_000).into(),
            phase_at: Timestamp(2_000).into(),
            ready: 2,
            lagging: 1,
            away: 3,
            laggards: vec![LaggardRow { role: "agent".to_owned(), name: "lab-pi".to_owned(), outdated: true }],
            absent: vec![AbsentRow { role: "client".to_owned(), name: "ann".to_owned() }],
            waits_for: vec!["1 connection of agents or clients has not followed yet".to_owned()],
        }),
        revoked: vec![RevokedRow { serial: SerialText(Serial([0x4b; 16])), until: Timestamp(86_400_000).into() }],
    }
}

pub(crate) fn certificates() -> CertificatesView {
    let row = CertificateRow {
        role: "agent".to_owned(),
        name: "lab-pi".to_owned(),
        proxy: name("proxy-1"),
        serial: SerialText(Serial([0x4a; 16])),
        expires_at: Some(Timestamp(86_400_000).into()),
        authority: Some("b".repeat(64)),
    };
    let silent = CertificateRow { name: "old-pi".to_owned(), expires_at: None, authority: None, ..row.clone() };
    CertificatesView { schema: Schema, certificates: vec![row, silent] }
}

pub(crate) fn serial_revoked() -> SerialRevoked {
    SerialRevoked {
        schema: Schema,
        serial: SerialText(Serial([0x4a; 16])),
        until: Timestamp(86_400_000).into(),
        holder: Some("agent `lab-pi`".to_owned()),
    }
}

#[test]
fn authority_keys() {
    let (a, b, serial) = ("a".repeat(64), "b".repeat(64), "4a".repeat(16));
    let until = "1970-01-02T00:00:00Z";
    check(
        &authority(),
        &format!(
            r#"{{"schema":1,"authorities":[{{"fingerprint":"{b}","issues":true,"presented":false,"expires_at":"{until}"}},
{{"fingerprint":"{a}","issues":false,"presented":true,"expires_at":"{until}"}}],
"rotation":{{"phase":"issuing","began_at":"1970-01-01T00:00:01Z","phase_at":"1970-01-01T00:00:02Z","ready":2,"lagging":1,"away":3,
"laggards":[{{"role":"agent","name":"lab-pi","outdated":true}}],"absent":[{{"role":"client","name":"ann"}}],
"waits_for":["1 connection of agents or clients has not followed yet"]}},
"revoked":[{{"serial":"{}","until":"{until}"}}]}}"#,
            "4b".repeat(16)
        ),
    );
    check(
        &certificates(),
        &format!(
            r#"{{"schema":1,"certificates":[{{"role":"agent","name":"lab-pi","proxy":"proxy-1","serial":"{serial}","expires_at":"{until}","authority":"{b}"}},
{{"role":"agent","name":"old-pi","proxy":"proxy-1","serial":"{serial}","expires_at":null,"authority":null}}]}}"#
        ),
    );
    check(&serial_revoked(), &format!(r#"{{"schema":1,"serial":"{serial}","until":"{until}","holder":"agent `lab-pi`"}}"#));
    check(&SerialRequest { serial: SerialText(Serial([0x4a; 16])) }, &format!(r#"{{"serial":"{serial}"}}"#));
    check(&RotateRequest { skip_absent: true }, r#"{"skip_absent":true}"#);
    check(&RollbackRequest { skip_absent: true }, r#"{"skip_absent":true}"#);
}

pub(crate) fn agents() -> AgentsView {
    let service = |name: &str, target: &str| ServiceRow { name: self::name(name), target: target.to_owned(), kind: "tcp".to_owned() };
    let online = AgentRow {
        name: name("lab-pi"),
        online: true,
        services: vec![service("ssh", "127.0.0.1:22"), service("web", "127.0.0.1:3000")],
        proxies: vec![name("proxy-1")],
        last_seen: Some(AT.into()),
        version: "0.1.0".to_owned(),
        allow: None,
    };
    let new = AgentRow {
        name: name("new"),
        online: false,
        services: vec![],
        proxies: vec![],
        last_seen: None,
        version: String::new(),
        allow: Some(vec![name("*/web")]),
    };
    AgentsView { schema: Schema, agents: vec![online, new] }
}

pub(crate) fn agent() -> AgentView {
    let routes = routes().routes.into_iter().filter(|route| route.agent == name("lab-pi")).collect();
    AgentView { schema: Schema, agent: agents().agents.remove(0), routes }
}

pub(crate) fn agent_removal() -> AgentRemovalView {
    AgentRemovalView { schema: Schema, name: name("lab-pi"), removed: true, tokens_left: Vec::new() }
}

pub(crate) fn clients() -> ClientsView {
    let ada = ClientRow {
        name: name("ada"),
        allow: vec![name("lab-*/ssh"), name("*/web")],
        enrolled_at: AT.into(),
        key: "0a".repeat(32),
        credentials: vec![CredentialRow { issued_at: AT.into(), expires_at: AT.into() }],
    };
    let bob = ClientRow { name: name("bob"), allow: vec![], credentials: vec![], ..ada.clone() };
    ClientsView { schema: Schema, clients: vec![ada, bob] }
}

pub(crate) fn credential_issued() -> CredentialIssued {
    let secret = format!("warrenc1_{}", "cd".repeat(32));
    CredentialIssued { schema: Schema, client: name("ada"), secret, expires_at: AT.into() }
}

pub(crate) fn credentials_revoked() -> CredentialsRevoked {
    CredentialsRevoked { schema: Schema, client: name("ada"), revoked: 2 }
}

#[test]
fn credentials() {
    check(&CredentialRequest { name: name("ada"), ttl_ms: 1000 }, r#"{"name":"ada","ttl_ms":1000}"#);
    check(&CredentialRevocationRequest { name: name("ada") }, r#"{"name":"ada"}"#);
    check(&credentials_revoked(), r#"{"schema":1,"client":"ada","revoked":2}"#);
    assert!(!format!("{:?}", credential_issued()).contains("cdcd"), "a secret is not shown");
    for (ttl_ms, expected) in [(999, false), (1_000, true), (366 * 24 * 3_600_000, true), (366 * 24 * 3_600_000 + 1, false)] {
        assert_eq!(CredentialRequest { name: name("ada"), ttl_ms }.check().is_ok(), expected, "{ttl_ms}");
    }
}

pub(crate) fn ingress() -> IngressRow {
    let reach = vec!["*/web".to_owned()];
    IngressRow { kind: "tls".to_owned(), listen: "0.0.0.0:443".to_owned(), authentication: "none".to_owned(), reach }
}

pub(crate) fn client() -> ClientView {
    ClientView { schema: Schema, client: clients().clients.remove(0) }
}

pub(crate) fn client_removal() -> ClientRemovalView {
    ClientRemovalView { schema: Schema, name: name("ada"), removed: true, tokens_left: vec![TokenText(TokenId([1; 8]))] }
}

#[test]
fn clients_and_machines_that_are_removed() {
    let key = "0a".repeat(32);
    check(
        &client(),
        &format!(
            r#"{{"schema":1,"client":{{"name":"ada","allow":["lab-*/ssh","*/web"],"enrolled_at":"2026-11-22T13:04:05.25Z","key":"{key}","credentials":[{{"issued_at":"2026-11-22T13:04:05.25Z","expires_at":"2026-11-22T13:04:05.25Z"}}]}}}}"#
        ),
    );
    check(&AllowRequest { name: name("ada"), allow: vec![name("*/web")] }, r#"{"name":"ada","allow":["*/web"]}"#);
    check(&ClientRemovalRequest { name: name("ada") }, r#"{"name":"ada"}"#);
    check(&client_removal(), r#"{"schema":1,"name":"ada","removed":true,"tokens_left":["0101010101010101"]}"#);
    check(&AgentRemovalRequest { name: name("lab-pi") }, r#"{"name":"lab-pi"}"#);
    check(&agent_removal(), r#"{"schema":1,"name":"lab-pi","removed":true,"tokens_left":[]}"#);
}

pub(crate) fn routes() -> RoutesView {
    let route = RouteRow {
        agent: name("lab-pi"),
        proxy: name("proxy-1"),
        epoch: warren_raft::Epoch(4),
        sequence: warren_raft::Sequence(9),
        since: AT.into(),
    };
    RoutesView { schema: Schema, applied_index: 42, routes: vec![route] }
}

pub(crate) fn raft() -> RaftView {
    RaftView {
        schema: Schema,
        id: ProxyId(1),
        state: RaftState::Leader,
        term: 3,
        last_log_index: 43,
        committed_index: 42,
        applied_index: 42,
        snapshot_index: None,
        voters: vec![ProxyId(1), ProxyId(3)],
        learners: vec![ProxyId(2)],
        feature_level: 1,
        known_feature_level: 2,
        held_back_by: vec![name("proxy-2")],
    }
}

pub(crate) fn recovery() -> RecoveryView {
    RecoveryView {
        schema: Schema,
        done: false,
        cluster: "warren".to_owned(),
        cluster_id: "07".repeat(16),
        id: ProxyId(2),
        name: name("proxy-2"),
        role: ProxyRole::Learner,
        last_log_term: 3,
        last_log_index: 41,
        term: 5,
        index: 42,
        voters: vec![ProxyId(1), ProxyId(3)],
        dropped: vec![DroppedRow { id: ProxyId(1), name: name("proxy-1") }, DroppedRow { id: ProxyId(3), name: name("proxy-3") }],
        routes: 2,
        agents: 3,
        clients: 1,
        tokens: 0,
    }
}

fn snapshot_content() -> SnapshotContent {
    let cluster_id = "07".repeat(16);
    SnapshotContent { cluster: "warren".to_owned(), cluster_id, term: 3, index: 41, agents: 3, clients: 1, tokens: 2 }
}

pub(crate) fn saved() -> SavedView {
    SavedView { schema: Schema, file: "warren.snapshot".to_owned(), size_bytes: 4_242, content: snapshot_content() }
}

pub(crate) fn restored() -> RestoredView {
    RestoredView {
        schema: Schema,
        file: "warren.snapshot".to_owned(),
        id: ProxyId(1_001),
        name: name("proxy-1"),
        data_dir: "/var/lib/warren".to_owned(),
        content: snapshot_content(),
    }
}

pub(crate) fn token_created() -> TokenCreated {
    TokenCreated {
        schema: Schema,
        token: "warren1_00_secret".to_owned(),
        id: TokenText(TokenId([1; 8])),
        role: TokenRole::Client,
        expires_at: AT.into(),
        uses: 1,
        command: command_for(TokenRole::Client, &name("*"), "10.0.0.1:3024"),
    }
}

pub(crate) fn tokens() -> TokensView {
    let token = TokenRow {
        id: TokenText(TokenId([1; 8])),
        role: TokenRole::Client,
        name: name("dev-*"),
        allow: vec![name("lab-*/ssh"), name("*/web")],
        created_at: AT.into(),
        expires_at: Timestamp(AT.0 + 3_600_000).into(),
        uses: 2,
        uses_left: 1,
        state: TokenState::Valid,
    };
    TokensView { schema: Schema, tokens: vec![token] }
}

#[test]
fn status_keys() {
    check(
        &status(),
        r#"{"schema":1,"cluster":"warren","healthy":false,"leader":"proxy-1","term":3,"committed_index":42,"voters":1,
"voters_up":1,"tolerates":0,"proxies":[{"id":1,"name":"proxy-1","peer_address":"10.0.0.1:3021",
"public_addresses":["10.0.0.1:3024"],"role":"voter","joining":false,"leader":true,"state":"healthy","epoch":4,"rtt_ms":null,"lag_entries":0,
"agents":2,"streams":7,"version":"0.1.0","feature_level":2,"tunnels":3,"drain":null,
"certificate":{"serial":"4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a","expires_at":"1970-01-02T00:00:00Z","remaining_seconds":3600,"renewal_failed":null},"ingress":[{"kind":"tls","listen":"0.0.0.0:443","authentication":"none","reach":["*/web"]}]},{"id":2,"name":"proxy-2","peer_address":"10.0.0.1:3021",
"public_addresses":["10.0.0.1:3024"],"role":"learner","joining":false,"leader":false,"state":"down","epoch":null,"rtt_ms":1.25,
"lag_entries":null,"agents":0,"streams":null,"version":"0.1.0","feature_level":1,"tunnels":null,
"drain":{"ordered":true,"done":false,"cut_streams":null},"certificate":null,"ingress":[]}],"agents":2,"agents_offline":1,"last_offline":{"name":"old-pi","last_seen":"2026-09-21T14:13:20Z"},"routes":2,
"strategy":{"type":"proxy_peering","agent_connection_count":1},
"problems":[{"code":"proxy_down","message":"proxy `proxy-2` is down","hint":"start it again"}],
"feature_level":1}"#,
    );
}

#[test]
fn agents_and_routes_keys() {
    check(
        &agents(),
        r#"{"schema":1,"agents":[{"name":"lab-pi","online":true,"services":[{"name":"ssh","target":"127.0.0.1:22","kind":"tcp"},
{"name":"web","target":"127.0.0.1:3000","kind":"tcp"}],"proxies":["proxy-1"],"last_seen":"2026-11-22T13:04:05.25Z",
"version":"0.1.0","allow":null},{"name":"new","online":false,"services":[],"proxies":[],"last_seen":null,"version":"","allow":["*/web"]}]}"#,
    );
    check(
        &routes(),
        r#"{"schema":1,"applied_index":42,"routes":[{"agent":"lab-pi","proxy":"proxy-1","epoch":4,"sequence":9,
"since":"2026-11-22T13:04:05.25Z"}]}"#,
    );
}

#[test]
fn raft_keys() {
    check(
        &raft(),
        r#"{"schema":1,"id":1,"state":"leader","term":3,"last_log_index":43,"committed_index":42,"applied_index":42,
"snapshot_index":null,"voters":[1,3],"learners":[2],
"feature_level":1,"known_feature_level":2,"held_back_by":["proxy-2"]}"#,
    );
}

#[test]
fn recovery_keys() {
    check(
        &recovery(),
        r#"{"schema":1,"done":false,"cluster":"warren","cluster_id":"07070707070707070707070707070707","id":2,"name":"proxy-2",
"role":"learner","last_log_term":3,"last_log_index":41,"term":5,"index":42,"voters":[1,3],
"dropped":[{"id":1,"name":"proxy-1"},{"id":3,"name":"proxy-3"}],"routes":2,"agents":3,"clients":1,"tokens":0}"#,
    );
}

#[test]
fn snapshot_keys() {
    check(
        &saved(),
        r#"{"schema":1,"file":"warren.snapshot","size_bytes":4242,"cluster":"warren","cluster_id":"07070707070707070707070707070707",
"term":3,"index":41,"agents":3,"clients":1,"tokens":2}"#,
    );
    check(
        &restored(),
        r#"{"schema":1,"file":"warren.snapshot","id":1001,"name":"proxy-1","data_dir":"/var/lib/warren","cluster":"warren",
"cluster_id":"07070707070707070707070707070707","term":3,"index":41,"agents":3,"clients":1,"tokens":2}"#,
    );
}

#[test]
fn token_keys() {
    check(
        &token_created(),
        r#"{"schema":1,"token":"warren1_00_secret","id":"0101010101010101","role":"client","expires_at":"2026-11-22T13:04:05.25Z",
"uses":1,"command":"warren enroll 10.0.0.1:3024 --token-file warren.token"}"#,
    );
    check(
        &tokens(),
        r#"{"schema":1,"tokens":[{"id":"0101010101010101","role":"client","name":"dev-*","allow":["lab-*/ssh","*/web"],
"created_at":"2026-11-22T13:04:05.25Z","expires_at":"2026-11-22T14:04:05.25Z","uses":2,"uses_left":1,"state":"valid"}]}"#,
    );
    check(
        &RevokeView { schema: Schema, id: TokenText(TokenId([1; 8])), revoked: true },
        r#"{"schema":1,"id":"0101010101010101","revoked":true}"#,
    );
    check(
        &TokenRequest { role: TokenRole::Agent, name: name("lab-pi"), allow: vec![], ttl_ms: 3_600_000, uses: 1 },
        r#"{"role":"agent","name":"lab-pi","allow":[],"ttl_ms":3600000,"uses":1}"#,
    );
}

#[test]
fn error_keys() {
    let failure = Failure::new(Code::NoQuorum, Stage::Store, "no quorum").at("proxy-1");
    check(
        &ErrorView::from(failure),
        r#"{"schema":1,"error":{"code":"no_quorum","message":"no quorum","causes":[],"hint":null,"stage":"store",
"proxy":"proxy-1","trace":null}}"#,
    );
}

#[test]
fn requests_for_tokens_are_bounded() {
    let good = TokenRequest { role: TokenRole::Client, name: name("*"), allow: vec![name("*/*")], ttl_ms: 1, uses: 1 };
    assert_eq!(good.check(), Ok(()));
    assert_eq!(TokenRequest { role: TokenRole::Agent, ..good.clone() }.check(), Ok(()));
    for bad in [
        TokenRequest { uses: 0, ..good.clone() },
        TokenRequest { uses: MAX_USES + 1, ..good.clone() },
        TokenRequest { ttl_ms: 0, ..good.clone() },
        TokenRequest { ttl_ms: u64::MAX, ..good.clone() },
        TokenRequest { role: TokenRole::Proxy, ..good.clone() },
        TokenRequest { allow: vec![name("*/*"); 257], ..good.clone() },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}

#[test]
fn commands_name_what_is_known() {
    let agent = |name: &str| command_for(TokenRole::Agent, &self::name(name), "10.0.0.1:3024");
    assert_eq!(agent("lab-pi"), "warren agent --proxy 10.0.0.1:3024 --token-file warren.token --name lab-pi --publish NAME=HOST:PORT");
    assert_eq!(agent("lab-*"), agent("*"));
    assert_eq!(command_for(TokenRole::Proxy, &name("*"), "[::1]:3024"), "warren join [::1]:3024 --token-file warren.token");
}

#[test]
fn paths_round_trip() {
    for path in [Path::Authority, Path::Certificates, Path::Rotate, Path::Rollback, Path::RevokeSerial] {
        assert_eq!(Path::parse(&path.to_string()), Some(path));
    }
    for path in [Path::Strategy, Path::StrategyPlan, Path::AgentRemoval, Path::Clients, Path::Allow, Path::ClientRemoval] {
        assert_eq!(Path::parse(&path.to_string()), Some(path));
    }
    for path in [Path::Status, Path::Agents, Path::Routes, Path::Raft, Path::Tokens, Path::Revoke(TokenId([7; 8]))] {
        assert_eq!(Path::parse(&path.to_string()), Some(path));
    }
    for bad in ["", "/", "/v1", "/v1/status/", "/v1/tokens/x/revoke", "/v1/tokens//revoke"] {
        assert_eq!(Path::parse(bad), None);
    }
}

#[test]
fn times_beyond_what_can_be_written_are_capped() {
    assert_eq!(Time::from(Timestamp(u64::MAX)).to_string(), "9999-12-31T23:59:59.615Z");
    assert_eq!(Time::from(Timestamp(0)).to_string(), "1970-01-01T00:00:00Z");
}
