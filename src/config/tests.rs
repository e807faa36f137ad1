//! Cases for the configuration as a whole.

use std::num::NonZeroU32;

use super::{AgentSettings, Config, ConfigErrors, Origin, Overrides};
use crate::audit::{Output, Rotation};
use proptest::prelude::*;
use warren_raft::IngressAdmits;

const DOCUMENTED: &str = include_str!("../../config.toml");

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse("config.toml", text, &Overrides::none("host-1"))
}

fn check(text: &str, expected: &str) {
    let errors = parse(text).expect_err(text).to_string();
    assert_eq!(errors, expected, "\n--- of ---\n{text}\n--- came ---\n{errors}\n---");
}

#[test]
fn the_documented_file_has_every_key_at_its_default() {
    let documented = parse(DOCUMENTED).expect("the documented file");
    let defaults = Config::load(None, &Overrides::none("host-1")).expect("the defaults");
    for (documented, default) in documented.shown().iter().zip(defaults.shown()) {
        assert_eq!((documented.section, documented.key), (default.section, default.key));
        assert_eq!(documented.value, default.value, "{}.{}", default.section, default.key);
    }
    // The settings that stand there as examples are commented out by `#` without a blank.
    let uncommented: Vec<_> =
        DOCUMENTED.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line)).collect();
    let uncommented = uncommented.join("\n");
    parse(&uncommented).expect("the examples");
    let table: toml::Table = uncommented.parse().expect("the documented file");
    for shown in defaults.shown() {
        let mut labels = shown.section.split('.').chain([shown.key]);
        let outer = labels.next().and_then(|label| table.get(label));
        let found = labels.try_fold(outer.expect(shown.section), |outer, label| outer.get(label));
        assert!(found.is_some(), "{}.{} is not documented", shown.section, shown.key);
    }
}

#[test]
fn an_audit_log_goes_somewhere_that_can_be() {
    let read = |text: &str| parse(&format!("[audit]\n{text}")).map(|config| config.audit.output()).map_err(|errors| errors.to_string());
    assert_eq!(read(""), Ok(None));
    assert_eq!(read("output = \"\""), Ok(None));
    assert_eq!(read("output = \"stdout\""), Ok(Some(Output::Stdout)));
    let file = Output::File { path: "/a".into(), rotation: Rotation { size: 64 << 10, keep: NonZeroU32::MIN } };
    assert_eq!(read("output = \"/a\"\nrotate_size = \"64KiB\"\nrotate_keep = 1"), Ok(Some(file)));
    for (text, part) in [
        ("rotate_size = \"1B\"", "must be from 64KiB to 1024GiB"),
        ("rotate_size = \"2000GiB\"", "must be from 64KiB to 1024GiB"),
        ("rotate_keep = 0", "rotate_keep"),
        ("rotate_keep = 1001", "must be from 1 to 1000, and is 1001"),
        ("output = 1", "expected a string"),
        ("file = \"/a\"", "unknown key `file` in [audit]"),
    ] {
        assert!(read(text).is_err_and(|error| error.contains(part)), "{text}: {:?}", read(text));
    }
}

#[test]
fn ways_in_are_off_until_they_are_there() {
    let read = |text: &str| parse(text).expect(text).ingress;
    let off = read("");
    assert_eq!((off.tcp.len(), off.tls, off.http_connect, off.socks5), (0, None, None, None));
    // As short as they can be.
    let on = read(
        "[ingress.socks5]\nlisten = \"127.0.0.1:1080\"\n[ingress.http_connect]\nlisten = \"[::1]:8080\"\n\
         [ingress.tls]\nlisten = \"0.0.0.0:443\"\ndomain = \"mesh.example.net\"\n\
         [[ingress.tcp]]\nlisten = \"127.0.0.1:5432\"\ntarget = \"any/postgres\"\n",
    );
    let socks5 = on.socks5.expect("it is there");
    assert_eq!(
        (socks5.listen.port(), socks5.domain.as_str(), socks5.allow.len(), socks5.admits),
        (1080, "warren", 1, IngressAdmits::Anybody)
    );
    assert_eq!(on.tls.expect("it is there").domain.as_str(), "mesh.example.net");
    assert_eq!((on.tcp[0].listen.port(), on.tcp[0].target.to_string().as_str()), (5432, "any/postgres"));
    assert!(on.http_connect.is_some());
    for meant in ["authentication = \"password\"", "authentication = \"certificate\"", "open_to_anybody = true"] {
        assert!(read(&format!("[ingress.socks5]\nlisten = \"0.0.0.0:1080\"\n{meant}")).socks5.is_some(), "{meant}");
    }
    let trusting = read("[ingress.tls]\nlisten = \"0.0.0.0:443\"\nproxy_protocol = \"accept\"\nproxy_protocol_from = [\"10.0.0.0/8\"]");
    assert_eq!(trusting.tls.expect("it is there").trusted.len(), 1);
    let by_variable = Overrides::none("host-1")
        .with_variable("WARREN_INGRESS_SOCKS5_LISTEN", "127.0.0.1:9")
        .with_variable("WARREN_INGRESS_TCP", "127.0.0.1:7=lab-pi:22");
    let by_variable = Config::load(None, &by_variable).expect("variables").ingress;
    assert_eq!((by_variable.socks5.map(|socks5| socks5.listen.port()), by_variable.tcp.len()), (Some(9), 1));
}

#[test]
fn an_open_door_is_refused_with_its_line() {
    check(
        "[ingress.socks5]\nlisten = \"0.0.0.0:1080\"\n",
        "error: `ingress.socks5.listen` is 0.0.0.0:1080, which is not loopback, and `authentication` is \"none\": whoever reaches it could dial \
         everything that `allow` says\n  --> config.toml:2:10\n  |\n2 | listen = \"0.0.0.0:1080\"\n  |          ^^^^^^^^^^^^^^\n\
         hint: `authentication = \"password\"` or \"certificate\", a loopback address, or `open_to_anybody = true` if that is what is meant",
    );
}

#[test]
fn errors_show_the_line() {
    check(
        "[proxy]\nzone = \"a\"\ndrain_timout = \"30s\"\n",
        "error: unknown key `drain_timout` in [proxy]\n  --> config.toml:3:1\n  |\n3 | drain_timout = \"30s\"\n  | ^^^^^^^^^^^^\n\
         hint: did you mean `drain_timeout`?",
    );
    check(
        "[raft]\nheartbeat = \"fast\"",
        "error: `raft.heartbeat`: `fast` is not a duration such as `150ms`, `3s` or `1m 30s`\n  --> config.toml:2:13\n  |\n\
         2 | heartbeat = \"fast\"\n  |             ^^^^^^",
    );
    check(
        "[raft]\nmax_voters = \"5\"",
        "error: `raft.max_voters`: expected an integer, found a string\n  --> config.toml:2:14\n  |\n\
         2 | max_voters = \"5\"\n  |              ^^^",
    );
    check("proxy = 3", "error: this should be a table: `proxy`\n  --> config.toml:1:1\n  |\n1 | proxy = 3\n  | ^^^^^");
    check("[proxi]\n", "error: unknown table `proxi`\n  --> config.toml:1:2\n  |\n1 | [proxi]\n  |  ^^^^^\nhint: did you mean `proxy`?");
}

/// Each row: a text, and a fragment of each error that it gets.
#[test]
fn wrong_values_are_refused() {
    let table: &[(&str, &[&str])] = &[
        ("[proxy]\nname = \"Lab\"", &["`Lab` has `L`"]),
        ("[proxy]\nname = \"any\"", &["reserved"]),
        ("[peer]\nlisten = \"3021\"", &["not an address"]),
        ("[peer]\nadvertise = \"proxy\"", &["not `HOST:PORT`"]),
        ("[public]\nadvertise = [\"a:1\", \"b\", 3]", &["`b` is not", "found an integer"]),
        ("[tunnel_strategy]\ntype = \"mesh\"\nagent_connection_count = 0", &["no strategy", "must be from 1 to 64, and is 0"]),
        ("[raft]\nheartbeat = \"334ms\"", &["more than three times `raft.heartbeat`"]),
        ("[liveness]\nlease = \"999ms\"", &["at least 1s"]),
        ("[limits]\nstreams_per_agent = -1\ndial_timeout = 10", &["must be from 1 to 4096, and is -1", "found an integer"]),
        (
            "[limits]\nhandshakes = 5000\nheader_timeout = \"1ms\"\nmessage_size = \"1KiB\"\nservices_per_agent = 257\nenrollments = 0",
            &[
                "`limits.handshakes` must be from 1 to 4096, and is 5000",
                "from 500ms to 1m",
                "from 8KiB to 64KiB",
                "from 1 to 256",
                "from 1 to 4096",
            ],
        ),
        (
            "[transport]\npeer_congestion_control = \"vegas\"\nudp_buffer = \"1KiB\"\nmax_udp_payload = \"9\"",
            &["no congestion control: `cubic`", "must be from 64KiB to 256MiB", "is not a size"],
        ),
        ("[telemetry]\nlog = \"warren=loud\"\nformat = \"xml\"", &["no log filter", "no format"]),
        ("[agent]\n[[agent.service]]\nname = \"web\"", &["`target` is missing"]),
        ("[[agent.service]]\nname = \"web\"\ntarget = \"a:1\"\ntraget = 1", &["unknown key `traget`; did you mean `target`?"]),
        ("[agent]\nservice = [{ name = \"a\", target = \"a:1\" }, { name = \"a\", target = \"b:1\" }]", &["two services called `a`"]),
        ("drain_timeout = 30", &["unknown key `drain_timeout` outside of any table"]),
        ("[ingress.socks4]\nlisten = \"127.0.0.1:1080\"", &["unknown key `socks4` in [ingress]"]),
        (
            "[ingress.socks5]\nlisen = \"127.0.0.1:1080\"",
            &["`ingress.socks5.listen` is missing", "unknown key `lisen` in [ingress.socks5]"],
        ),
        ("ingress = { tls = 3 }", &["`ingress.tls.listen` is missing", "this should be a table: `tls`"]),
        ("[ingress.socks5]\nlisten = \"0.0.0.0:1080\"", &["is 0.0.0.0:1080, which is not loopback, and `authentication` is \"none\""]),
        (
            "[ingress.http_connect]\nlisten = \"[::]:1\"\nauthentication = \"token\"\nopen_to_anybody = 1",
            &["is [::]:1, which is not loopback", "`token` is no way to show who comes", "expected true or false"],
        ),
        (
            "[ingress.tls]\nlisten = \"0.0.0.0:443\"\ndomain = \"Mesh\"\nallow = [\"web\"]\nproxy_protocol = \"accept\"",
            &["proxy_protocol_from` is empty", "`Mesh` is no domain", "a pattern is `AGENT/SERVICE`"],
        ),
        ("[ingress.tls]\nlisten = \"1.2.3.4:443\"\nproxy_protocol_from = [\"10/8\"]", &["`10/8` is no network"]),
        (
            "[[ingress.tcp]]\nlisten = \"127.0.0.1:1\"\ntargt = \"any\"\nproxy_protocol = \"accept\"",
            &["`target` is missing", "`proxy_protocol_from` is missing", "unknown key `targt`; did you mean `target`?"],
        ),
        (
            "[ingress]\ntcp = [{ listen = \"127.0.0.1:1\", target = \"a/b\" }, { listen = \"127.0.0.1:1\", target = \"any:2\" }]",
            &["`any` is reserved"],
        ),
        (
            "[admin]\nsocket = \"/tmp/x\"\n\n[proxy]\nzone = 1\ndrain = \"1s\"\n[what]",
            &["found an integer", "unknown key `drain`", "unknown table `what`"],
        ),
    ];
    check_refused(table);
}

#[test]
fn ranges_words_and_malformed_lines_are_told_together() {
    check_refused(&[
        ("[peer]\ndata_connections = 0", &["`peer.data_connections` must be from 1 to 16, and is 0"]),
        ("[peer]\ndata_connections = 99999999999", &["must be from 1 to 16, and is 99999999999"]),
        ("[peer]\ndata_connections = 1.5", &["expected an integer, found a float"]),
        (
            "[tunnel_strategy]\ntype = \"agent_mush\"",
            &["`agent_mush` is no strategy: `agent_mesh` or `proxy_peering`; did you mean `agent_mesh`?"],
        ),
        (
            "[ingress.socks5]\nlisten = \"127.0.0.1:1080\"\nauthentication = \"pasword\"",
            &["`pasword` is no way to show who comes: `none`, `password` or `certificate`; did you mean `password`?"],
        ),
        ("[telemetry]\nformat = \"jsn\"", &["`jsn` is no format: `auto`, `text` or `json`; did you mean `json`?"]),
        ("[cluster]\ntoken_file = \"credential:../x\"", &["`../x` is not the name of a credential"]),
        ("[proxy]\nname = \"x\"\nname = \"y\"", &["duplicate"]),
        ("[proxy\nzone = 1\nx", &["unclosed table", "key with no value"]),
        // What is no TOML hides nothing else, and what follows from it is not told.
        (
            "[proxy]\nzone = 3\ndrain_timeout = 30s\n[raft]\nmax_voters = 0\nmax_voters = 3",
            &["found an integer", "", "must be from 1 to 9", "duplicate key"],
        ),
    ]);
}

/// Whatever is spoken at them: one of two would not get its address.
#[test]
fn addresses_that_clash_are_refused() {
    let http = "[admin]\nhttp = \"127.0.0.1:8080\"\n";
    let tcp = |first: &str, second: &str| {
        format!("[ingress]\ntcp = [{{ listen = \"{first}\", target = \"a/b\" }}, {{ listen = \"{second}\", target = \"a/b\" }}]")
    };
    check_refused(&[
        (
            &format!("{http}[ingress.socks5]\nlisten = \"127.0.0.1:8080\""),
            &["`ingress.socks5.listen` is at 127.0.0.1:8080, where `admin.http` is"],
        ),
        (
            &format!("{http}[ingress.tls]\nlisten = \"0.0.0.0:8080\""),
            &["`ingress.tls.listen` is at 0.0.0.0:8080, and `admin.http` at 127.0.0.1:8080: the one takes in the other"],
        ),
        (
            "[ingress.socks5]\nlisten = \"127.0.0.1:80\"\n[[ingress.tcp]]\nlisten = \"[::]:80\"\ntarget = \"a/b\"",
            &["`ingress.tcp` is at [::]:80, and `ingress.socks5.listen` at 127.0.0.1:80: the one takes in the other"],
        ),
        (&tcp("127.0.0.1:80", "127.0.0.1:80"), &["`ingress.tcp` has two ports at 127.0.0.1:80"]),
        (
            &tcp("127.0.0.1:80", "0.0.0.0:80"),
            &["`ingress.tcp` has ports at 127.0.0.1:80 and 0.0.0.0:80, of which the one takes in the other"],
        ),
        (
            "[peer]\nlisten = \"127.0.0.1:3024\"",
            &["`peer.listen` is at 127.0.0.1:3024, and `public.listen` at 0.0.0.0:3024: the one takes in the other"],
        ),
    ]);
    // Each with each, and each at its own line.
    check_lines(
        "[ingress.socks5]\nlisten = \"[::1]:80\"\n[[ingress.tcp]]\nlisten = \"127.0.0.1:80\"\ntarget = \"a/b\"\n\
         [[ingress.tcp]]\ntarget = \"a/b\"\nlisten = \"[::]:80\"\n[[ingress.tcp]]\nlisten = \"127.0.0.1:80\"\ntarget = \"a/c\"",
        &[
            (8, "`ingress.socks5.listen` at [::1]:80"),
            (8, "ports at 127.0.0.1:80 and [::]:80"),
            (10, "two ports at 127.0.0.1:80"),
            (10, "ports at [::]:80 and"),
        ],
    );
    check_lines("[peer]\nlisten = \"127.0.0.1:3024\"", &[(2, "`peer.listen` is at 127.0.0.1:3024")]);
    // Another protocol, another family, another address, and ports that the system picks.
    for fine in [
        "[ingress.socks5]\nlisten = \"127.0.0.1:3024\"".to_owned(),
        "[ingress.tls]\nlisten = \"0.0.0.0:80\"\n[ingress.socks5]\nlisten = \"[::1]:80\"".to_owned(),
        tcp("127.0.0.1:80", "127.0.0.2:80"),
        tcp("127.0.0.1:0", "0.0.0.0:0"),
    ] {
        assert!(parse(&fine).is_ok(), "{fine}");
    }
}

#[test]
fn a_range_includes_what_it_says() {
    for most in ["handshake_timeout = \"1m\"", "header_timeout = \"1m\"", "header_timeout = \"500ms\"", "dial_timeout = \"10m\""] {
        assert!(parse(&format!("[limits]\n{most}")).is_ok(), "{most}");
    }
    check_refused(&[("[limits]\nheader_timeout = \"60001ms\"", &["`limits.header_timeout` must be from 500ms to 1m, and is 1m 1ms"])]);
    check_refused(&[
        ("[liveness]\nlease = \"999ms\"", &["and is 999ms"]),
        ("[transport]\nudp_buffer = \"1024B\"", &["to 256MiB, and is 1KiB"]),
    ]);
}

/// Each service has a name of its own; the one that has another's is shown.
#[test]
fn services_of_one_name_are_shown_where_they_are() {
    let service = |name: &str| format!("[[agent.service]]\nname = \"{name}\"\ntarget = \"a:1\"\n");
    let text = ["a", "b", "a", "b"].map(service).concat();
    check_lines(&text, &[(8, "two services called `a`"), (11, "two services called `b`")]);
}

/// Each error's line, and a fragment of it.
fn check_lines(text: &str, expected: &[(usize, &str)]) {
    let errors = parse(text).expect_err(text);
    let found: Vec<_> = errors.iter().map(|error| (error.place.line_number(), error.message.as_str())).collect();
    let is_as_expected =
        |(found, expected): (&(Option<usize>, &str), &(usize, &str))| found.0 == Some(expected.0) && found.1.contains(expected.1);
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(is_as_expected), "{text}: {found:#?}");
}

fn check_refused(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        let errors = parse(text).expect_err(text);
        let messages: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages.len(), expected.len(), "{text}: {messages:#?}");
        for (message, fragment) in messages.iter().zip(*expected) {
            assert!(message.contains(fragment), "{text}: {message}");
        }
    }
}

#[test]
fn a_text_without_quotes_is_told_to_have_some() {
    let errors = parse("[proxy]\ndrain_timeout = 30s # long\n").expect_err("no TOML");
    let hints: Vec<_> = errors.iter().filter_map(|error| error.hint.clone()).collect();
    assert_eq!(hints, ["texts, durations, sizes and addresses are quoted: `drain_timeout = \"30s\"`"], "{errors}");
}

#[test]
fn flags_beat_variables_beat_the_file_beat_defaults() {
    let overrides = Overrides::none("Host-1.example.net")
        .with_variable("WARREN_PROXY_ZONE", "variable")
        .with_variable("WARREN_PROXY_DRAIN_TIMEOUT", "2s")
        .with_variable("WARREN_CLUSTER_JOIN", "a:1, b:2")
        .with_variable("WARREN_AGENT_SERVICE", "web=127.0.0.1:80,ssh=[::1]:22")
        .with_flag("proxy.zone", "--zone", "flag");
    let text = "[proxy]\nzone = \"file\"\ndrain_timeout = \"1s\"\ndata_dir = \"/tmp/file\"";
    let config = Config::parse("config.toml", text, &overrides).expect("a configuration");
    assert_eq!(config.proxy.zone, "flag");
    assert_eq!(config.proxy.drain_timeout.as_secs(), 2);
    assert_eq!(config.proxy.name.as_str(), "host-1");
    assert_eq!(config.admin.socket.to_str(), Some("/tmp/file/admin.sock"));
    assert_eq!(config.cluster.join.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "b:2"]);
    assert_eq!(config.agent.services[1].to_string(), "ssh=[::1]:22");
    let origins: Vec<_> = config.shown().iter().take(4).map(|shown| shown.origin.clone()).collect();
    let file = Origin::File("config.toml".to_owned());
    assert_eq!(origins, [Origin::Default, file, Origin::Flag("--zone"), Origin::Variable("WARREN_PROXY_DRAIN_TIMEOUT".to_owned())]);
}

#[test]
fn a_wrong_variable_or_flag_is_named() {
    let overrides = Overrides::none("host-1")
        .with_variable("WARREN_LIVENESS_LEASE", "10ms")
        .with_variable("WARREN_PEER_LISTEN", "x")
        .with_flag("agent.proxies", "--proxy", "nowhere");
    let errors = Config::load(None, &overrides).expect_err("wrong values").to_string();
    for line in ["variable `WARREN_LIVENESS_LEASE`", "variable `WARREN_PEER_LISTEN`", "flag `--proxy`"] {
        assert!(errors.contains(line), "{errors}");
    }
}

#[test]
fn an_agent_needs_a_proxy_and_a_service() {
    let errors = AgentSettings::try_from(parse("").expect("an empty file")).expect_err("nothing to do");
    assert_eq!(errors.iter().count(), 2);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "([a-z_]{0,8}|\\[\\[?(proxy|agent|raft)\\]\\]?|name|=|\"|\n|[0-9]|\\PC){0,40}") {
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.to_string().is_empty());
        }
    }
}
