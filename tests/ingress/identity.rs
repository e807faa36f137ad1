//! Who comes in, by a secret and by a certificate; and `warren socks`, where everybody is the client.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{Client, Cluster, Process, Proxy, Target, all_installed, get, wait_for};
use crate::{TEST, connect, fetch, text};
use std::io::{Read, Write};

/// Two HTTP proxies that ask who comes, and a SOCKS5 that does.
const ASKING: &str = "\
    [ingress.http_connect]\nlisten = \"127.0.0.1:0\"\nauthentication = \"password\"\n\
    [ingress.socks5]\nlisten = \"127.0.0.1:0\"\nauthentication = \"password\"\n\
    [limits]\nfailed_logins_per_source = 4\n";
const BY_CERTIFICATE: &str = "\
    [ingress.http_connect]\nlisten = \"127.0.0.1:0\"\nauthentication = \"certificate\"\n\
    [ingress.socks5]\nlisten = \"127.0.0.1:0\"\nauthentication = \"certificate\"\n";

fn secret(cluster: &Cluster, proxy: &Proxy, client: &str) -> String {
    let issued = cluster.run_at(proxy, &["clients", "credential", client, "--ttl", "1h", "-o", "json"]);
    issued["secret"].as_str().expect("a secret").to_owned()
}

#[test]
fn a_secret_lets_its_client_in_and_nobody_else() {
    let Some([curl]) = all_installed(TEST, ["curl"]) else { return };
    let cluster = Cluster::start_with(2, |proxy| proxy.configured(ASKING));
    let site = Target::http(BTreeMap::from([("/", b"home".to_vec())]));
    let held = Target::echo();
    let services = [("web", site.address().to_string()), ("hidden", site.address().to_string()), ("echo", held.address().to_string())];
    let _agent = cluster.agent("shed", &[1], &services);
    let _ada = cluster.client("ada", "shed/web,shed/echo");
    let proxy = cluster.proxy(0);
    let http = format!("http://{}", proxy.ingress("http_connect"));
    let socks = format!("socks5h://{}", proxy.ingress("socks5"));
    // Issued at one proxy and shown to the other at once.
    let secret = secret(&cluster, cluster.proxy(1), "ada");
    let way = |to: &str, user: &str, url: &str| fetch(&curl, &["--proxy", to, "--proxy-user", user, "-w", "%{http_code}", url]);
    let right = format!("ada:{secret}");
    for to in [&http, &socks] {
        assert_eq!(way(to, &right, "http://web.shed.warren/").must_succeed(), b"home200", "{to}");
    }
    // As anybody it comes nowhere, and as itself no further than its allowance.
    let out = |ended: crate::support::Ended| String::from_utf8(ended.must_succeed()).expect("a text");
    let no_one = out(fetch(&curl, &["--proxy", &http, "-o", "/dev/null", "-w", "%{http_code}", "http://web.shed.warren/"]));
    assert_eq!(no_one, "407");
    assert!(out(way(&http, &right, "http://hidden.shed.warren/")).ends_with("403"));
    assert_eq!(way(&socks, &right, "http://hidden.shed.warren/").status, Some(97));
    let unasked = fetch(&curl, &["--proxy", &socks, "http://web.shed.warren/"]);
    assert_eq!(unasked.status, Some(97), "{unasked:?}");

    // What runs by a secret ends with it.
    let mut stream = connect(proxy.ingress("socks5"));
    let login = [&[1, 3][..], b"ada", &[u8::try_from(secret.len()).expect("short")], secret.as_bytes()].concat();
    let request = [&[5, 1, 0, 3, 16][..], b"echo.shed.warren", &[0, 7]].concat();
    stream.write_all(&[&[5, 1, 2][..], &login, &request, b"echo"].concat()).expect("it is taken");
    let mut answer = [0; 18];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!((&answer[..5], &answer[14..]), (&[5, 2, 1, 0, 5][..], &b"echo"[..]));
    let shown = cluster.run_at(proxy, &["clients", "show", "ada", "-o", "json"]);
    assert_eq!(shown["client"]["credentials"].as_array().map(Vec::len), Some(1), "{shown}");
    let revoked = cluster.run_at(cluster.proxy(1), &["clients", "credential", "ada", "--revoke", "-o", "json"]);
    assert_eq!(revoked["revoked"], 1);
    assert!(stream.read_exact(&mut [0]).is_err(), "it is cut");
    wait_for("the cut is counted", || (proxy.counter("warren_streams_cut_total{reason=\"denied\"}") == 1).then_some(()));
    wrong_ones_are_slowed_down(proxy, &curl, &right);
}

/// The secret is worth nothing any more; whoever goes on trying is not looked at.
fn wrong_ones_are_slowed_down(proxy: &Proxy, curl: &Path, right: &str) {
    let http = format!("http://{}", proxy.ingress("http_connect"));
    let code = |user: &str| {
        let said =
            fetch(curl, &["--proxy", &http, "--proxy-user", user, "-o", "/dev/null", "-w", "%{http_code}", "http://web.shed.warren/"]);
        String::from_utf8(said.must_succeed()).expect("a text")
    };
    let codes: Vec<_> = [right, "ada:", "ada:warrenc1_00", "nobody:x", right, right].into_iter().map(code).collect();
    assert_eq!(codes, ["407", "407", "407", "407", "503", "503"]);
    assert_eq!(proxy.counter("warren_limit_reached_total{limit=\"failed_logins_per_source\"}"), 2);
    wait_for("all are counted", || {
        let counted = proxy.counter("warren_ingress_connections_total{ingress=\"http_connect\",outcome=\"unauthenticated\"}");
        (counted == 7).then_some(())
    });
}

/// Whoever asks beside whom nobody answers has as many tries as one after the other: without a quorum each of them waits for an answer that does not come.
#[test]
fn wrong_secrets_that_come_together_are_not_all_looked_at() {
    let mut cluster = Cluster::start_with(2, |proxy| proxy.configured(ASKING));
    let right = secret_of_a_client(&cluster);
    let port = cluster.proxy(0).ingress("socks5");
    cluster.proxy_mut(1).kill();
    let last = if right.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &right[..right.len() - 1]);
    let login = [&[1, 3][..], b"ada", &[u8::try_from(wrong.len()).expect("short")], wrong.as_bytes()].concat();
    // All have shown what they have before the first one is answered.
    let tries: Vec<_> = (0..12)
        .map(|_| {
            let mut stream = connect(port);
            stream.write_all(&[&[5, 1, 2][..], &login].concat()).expect("it is taken");
            stream
        })
        .collect();
    for mut stream in tries {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert_eq!(answer, [5, 2, 1, 1], "it is refused, looked at or not");
    }
    let unseen = cluster.proxy(0).counter("warren_limit_reached_total{limit=\"failed_logins_per_source\"}");
    assert_eq!(unseen, 8, "four were looked at");
}

fn secret_of_a_client(cluster: &Cluster) -> String {
    let _ada = cluster.client("ada", "shed/web");
    secret(cluster, cluster.proxy(0), "ada")
}

#[test]
fn a_certificate_lets_its_client_in_and_nobody_else() {
    let Some([curl]) = all_installed(TEST, ["curl"]) else { return };
    let cluster = Cluster::start_with(2, |proxy| proxy.configured(BY_CERTIFICATE));
    let site = Target::http(BTreeMap::from([("/", b"home".to_vec())]));
    let _agent = cluster.agent("shed", &[1], &[("web", site.address().to_string()), ("hidden", site.address().to_string())]);
    let ada = cluster.client("ada", "shed/web");
    let other = Cluster::start(1);
    let stranger = other.client("ada", "*/*");
    let proxy = cluster.proxy(0);
    let port = proxy.ingress("http_connect");
    // The proxy is known by its name, too.
    let names = [format!("https://{port}"), format!("https://proxy-1:{}", port.port())];
    let code = |client: &Client, to: &str, url: &str| {
        let file = |name: &str| client.identity().join(name);
        let (key, certificate, ca) = (file("key.pem"), file("certificate.pem"), ada.identity().join("ca.pem"));
        let identity = ["--proxy-cacert", text(&ca), "--proxy-cert", text(&certificate), "--proxy-key", text(&key)];
        let resolve = format!("proxy-1:{}:127.0.0.1", port.port());
        fetch(&curl, &[&identity[..], &["--resolve", &resolve, "--proxy", to, "-o", "/dev/null", "-w", "%{http_code}", url]].concat())
    };
    for name in &names {
        assert_eq!(code(&ada, name, "http://web.shed.warren/").must_succeed(), b"200", "{name}");
    }
    assert_eq!(code(&ada, &names[0], "http://hidden.shed.warren/").must_succeed(), b"403");
    let refused = code(&stranger, &names[0], "http://web.shed.warren/");
    assert!(refused.status.is_some_and(|status| status != 0), "a certificate of another cluster: {refused:?}");
    let nobody = fetch(&curl, &["--proxy-insecure", "--proxy", &names[0], "http://web.shed.warren/"]);
    assert!(nobody.status.is_some_and(|status| status != 0), "no certificate: {nobody:?}");
    wait_for("both are counted", || {
        let counted = proxy.counter("warren_ingress_connections_total{ingress=\"http_connect\",outcome=\"unauthenticated\"}");
        (counted == 2).then_some(())
    });
    cluster.run_at(cluster.proxy(1), &["clients", "rm", "ada", "--yes", "-o", "json"]);
    wait_for("a removed client is refused", || {
        let removed = code(&ada, &names[0], "http://web.shed.warren/");
        removed.status.is_some_and(|status| status != 0).then_some(())
    });
}

#[test]
fn warren_socks_reaches_what_its_client_may_and_survives_a_lost_proxy() {
    let Some([curl]) = all_installed(TEST, ["curl"]) else { return };
    let mut cluster = Cluster::start(3);
    let site = Target::http(BTreeMap::from([("/", b"home".to_vec())]));
    let _agent = cluster.agent("shed", &[1], &[("web", site.address().to_string()), ("hidden", site.address().to_string())]);
    let ada = cluster.client("ada", "shed/web");
    let proxies: Vec<_> = [0, 2].map(|index| cluster.proxy(index).public_address().to_string()).into();
    let words = ["socks", "--socks5", "0", "--http", "0", "--identity", text(ada.identity()), "--proxy", &proxies.join(",")];
    let mut socks = Process::start("socks", cluster.home(), &words, &[]);
    let address = |line: String| line.split_once(' ').expect("a word and an address").1.to_owned();
    let socks5 = format!("socks5h://{}", address(socks.wait_for_line("socks5 ")));
    let http = format!("http://{}", address(socks.wait_for_line("http ")));
    let way = |to: &str, host: &str| fetch(&curl, &["--proxy", to, "-w", "%{http_code}", &format!("http://{host}.shed.warren/")]);
    for to in [&socks5, &http] {
        assert_eq!(way(to, "web").must_succeed(), b"home200", "{to}");
    }
    assert!(String::from_utf8_lossy(&way(&http, "hidden").must_succeed()).ends_with("403"));
    assert_eq!(way(&socks5, "hidden").status, Some(97));
    assert!(
        String::from_utf8_lossy(&way(&http, "nothing").must_succeed()).ends_with("403"),
        "what it may not reach it cannot tell from nothing"
    );
    cluster.proxy_mut(0).kill();
    for to in [&socks5, &http] {
        wait_for("another proxy is asked", || (way(to, "web").stdout == b"home200").then_some(()));
    }
    assert_eq!(get(cluster.proxy(1).http_address(), "/livez").expect("an answer").0, 200);
}
