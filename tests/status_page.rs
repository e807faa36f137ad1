//! The status page: readable without scripts, live with them, whatever state the cluster is in, in a real browser where one is installed.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use support::{Browser, Cluster, LONG, Target, get, wait_for};

const TEST: &str = "tests/status_page.rs";
/// Most of a page.
const MOST: usize = 220_000;

/// Status line and headers, and the body, of any request.
fn exchange(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect_timeout(&address, LONG).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a deadline");
    write!(stream, "{request}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.to_owned())
}

/// The page of a proxy, as somebody without scripts has it.
fn page(address: SocketAddr) -> String {
    let (status, body) = get(address, "/").expect("a page");
    assert_eq!(status, 200, "{body}");
    assert!(body.len() < MOST);
    body
}

/// What is between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(inner, _)| inner).unwrap_or_default()
}

#[test]
fn the_page_says_what_is_wrong_without_a_script_and_without_a_quorum() {
    let mut cluster = Cluster::start(2);
    let _agent = cluster.agent("lab-pi", &[0], &[("web", "127.0.0.1:1".to_owned())]);
    let address = cluster.proxy(0).http_address();

    // Nothing comes from outside, and a browser is told that nothing may.
    let (head, body) = exchange(address, "GET / HTTP/1.1\r\nHost: localhost");
    for line in ["content-type: text/html; charset=utf-8", "cache-control: no-store", "x-content-type-options: nosniff"] {
        assert!(head.contains(line), "{head}");
    }
    let policy = between(&head, "content-security-policy: ", "\r\n");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert!(!body.contains("://"), "no address of anything else");
    // Who may read it is asked by its name, and nobody can write.
    assert!(exchange(address, "GET / HTTP/1.1\r\nHost: evil.example").0.starts_with("http/1.1 421"));
    assert!(exchange(address, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0").0.starts_with("http/1.1 404"));
    assert!(exchange(address, "GET /favicon.svg HTTP/1.1\r\nHost: localhost").0.contains("content-type: image/svg+xml"));
    let (head, body) = exchange(address, "HEAD / HTTP/1.1\r\nHost: localhost");
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}");

    let text = wait_for("the agent is on the page", || Some(page(address)).filter(|page| page.contains(">lab-pi</th>")));
    let verdict = |page: &str| between(page, r#"<h2 id="verdict-word">"#, "</h2>").to_owned();
    assert_eq!(verdict(&text), "Healthy");
    for section in ["verdict", "picture", "events", "members", "plots", "agents"] {
        assert!(!between(&text, &format!(r#"<section id="{section}">"#), "</section>").is_empty(), "{section}");
    }
    assert!(text.contains("proxy-2") && text.contains(" ms</text>"), "the link and how long it takes");

    // The sections alone are those of the page.
    let (status, sections) = get(address, "/page.json").expect("an answer");
    let sections: Value = serde_json::from_str(&sections).expect("JSON");
    assert_eq!((status, &sections["schema"]), (200, &json!(1)));
    let ids: Vec<_> =
        sections["sections"].as_array().expect("sections").iter().map(|section| section[0].as_str().expect("an id")).collect();
    assert_eq!(ids, ["verdict", "problems", "picture", "events", "members", "plots", "agents"]);

    // One of two is gone: nobody has a majority, and the page says so, with the next command.
    cluster.proxy_mut(1).kill();
    let text = wait_for("the page tells of the lost quorum", || Some(page(address)).filter(|page| verdict(page) == "No quorum"));
    assert!(text.contains("warren raft status") && text.contains("data-copy="), "the next command can be copied");
    assert!(text.contains("lab-pi"), "what is known is shown all the same");
}

#[test]
fn a_browser_shows_it_live_in_every_light_and_width() {
    let Some(mut browser) = Browser::start(TEST) else { return };
    let cluster = Cluster::start(2);
    let first = cluster.agent("early", &[0], &[("web", "127.0.0.1:1".to_owned())]);
    let address = cluster.proxy(0).http_address();
    browser.open(&format!("http://{address}/"));
    browser.evaluate("addEventListener('securitypolicyviolation', e => { window.violated = e.blockedURI }); addEventListener('error', e => { window.erred = e.message }); window.same = true");
    browser.wait_for("the verdict", "document.getElementById('verdict-word').textContent === 'Healthy'");
    browser.wait_for("it is live", "document.documentElement.dataset.live === 'on'");

    // An agent comes and one goes, and the page is the same one.
    let _second = cluster.agent("late", &[1], &[("web", "127.0.0.1:1".to_owned())]);
    browser.wait_for("the new agent", "document.getElementById('agents').textContent.includes('late')");
    browser.wait_for("its coming", "document.getElementById('events').textContent.includes('late')");
    browser.wait_for("and it in the picture", "document.getElementById('picture').textContent.includes('late')");
    drop(first);
    browser.wait_for("the other one's going", "document.getElementById('agents').textContent.includes('away')");
    assert_eq!(
        browser.evaluate("window.same === true && !window.violated && !window.erred"),
        true,
        "{}",
        browser.evaluate("`${window.same} ${window.violated} ${window.erred}`")
    );

    // Every text can be read in both lights and at every width, and nothing is wider than the screen.
    for (light, width) in [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)] {
        browser.ask("Emulation.setEmulatedMedia", &json!({ "features": [{ "name": "prefers-color-scheme", "value": light }] }));
        let size = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500 });
        browser.ask("Emulation.setDeviceMetricsOverride", &size);
        assert_eq!(browser.evaluate(PALE), json!([]), "{light} {width}");
        assert_eq!(browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), true, "{light} {width}");
    }
    assert_eq!(browser.evaluate(UNNAMED), json!([]), "what who hears the page is not told");

    // Without scripts the same is there.
    browser.ask("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.ask("Page.reload", &json!({}));
    wait_for("the page without scripts", || {
        let root = browser.ask("DOM.getDocument", &json!({ "depth": 0 }))["root"]["nodeId"].clone();
        let html = browser.ask("DOM.getOuterHTML", &json!({ "nodeId": root }))["outerHTML"].clone();
        let html = html.as_str()?;
        (html.contains("verdict-word") && html.contains("late") && !html.contains(r#"class="scripted""#)).then_some(())
    });
}

#[test]
fn a_browser_reaches_a_page_behind_an_agent() {
    let Some(mut browser) = Browser::start(TEST) else { return };
    let cluster = Cluster::start(2);
    let site = Target::http(BTreeMap::from([("/", b"<!doctype html><title>t</title><h1>behind an agent</h1>".to_vec())]));
    let _agent = cluster.agent("shed", &[1], &[("web", site.address().to_string())]);
    let forward = cluster.client("browser", "shed/*").forward("web", "shed/web", &[cluster.proxy(0).public_address()]);
    browser.open(&format!("http://{}/", forward.address()));
    assert_eq!(browser.evaluate("document.querySelector('h1').textContent"), "behind an agent");
}

/// Texts whose contrast is below what WCAG 2.1 wants (success criterion 1.4.3, AA).
const PALE: &str = r#"(() => {
  const parse = (color) => (color.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const pale = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3 && node.textContent.trim()).length;
    if (!text || ["SCRIPT", "STYLE", "title"].includes(element.tagName) || !element.getClientRects().length) continue;
    const style = getComputedStyle(element), drawn = element instanceof SVGElement;
    const [one, other] = [light(parse(drawn ? style.fill : style.color)), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) pale.push(`${element.tagName}.${element.getAttribute("class")} ${element.textContent.trim().slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return pale;
})()"#;

/// Pictures, buttons, links and regions without a name, and headings that skip a level.
const UNNAMED: &str = r#"(() => {
  const found = [];
  for (const one of document.querySelectorAll("svg[role=img],[role=region],nav,button,a")) {
    if (!(one.getAttribute("aria-label") || one.textContent).trim()) found.push(one.outerHTML.slice(0, 60));
  }
  for (const one of document.querySelectorAll("svg:not([role=img])")) {
    if (one.getAttribute("aria-hidden") !== "true") found.push(one.outerHTML.slice(0, 60));
  }
  const levels = [...document.querySelectorAll("h1,h2,h3")].map((one) => Number(one.tagName[1]));
  if (levels[0] !== 1 || levels.filter((level) => level === 1).length !== 1) found.push(`headings ${levels}`);
  if (!document.documentElement.lang || !document.title) found.push("no language or title");
  return found;
})()"#;
