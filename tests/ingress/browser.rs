//! A real browser on pages of services behind an agent, by each of the ways in that it knows.

use std::collections::BTreeMap;

use crate::support::{Browser, Cluster, EVERY_WAY_IN, Process, Target};
use crate::{Secure, TEST, text};

/// A page that is there only with all that belongs to it, each on a connection of its own.
const PAGE: &[u8] = b"<!doctype html><title>loading</title><p id=\"shed\">A page behind an agent</p><script src=\"/script.js\"></script>";
const SCRIPT: &[u8] = b"Promise.all([...Array(8).keys()].map(n => fetch('/part?' + n).then(part => part.text())))\
    .then(parts => { document.title = parts.join('') })";

/// The page, what its script has fetched, and a page by TLS, which is a tunnel.
fn looks(mut browser: Browser, domain: &str) {
    browser.open(&format!("http://web.shed.{domain}/"));
    browser.wait_for("the page", "document.getElementById('shed').textContent === 'A page behind an agent'");
    browser.wait_for("all its parts", "document.title === '01234567'");
    browser.open(&format!("https://tls.shed.{domain}/"));
    browser.wait_for("the page by TLS", "document.body.textContent.trim() === 'secure'");
}

#[test]
fn a_browser_through_the_proxies() {
    let cluster = Cluster::start_with(2, |proxy| proxy.configured(EVERY_WAY_IN));
    let parts = [("/part?0", b"0".to_vec()), ("/part?1", b"1".to_vec()), ("/part?2", b"2".to_vec()), ("/part?3", b"3".to_vec())];
    let more = [("/part?4", b"4".to_vec()), ("/part?5", b"5".to_vec()), ("/part?6", b"6".to_vec()), ("/part?7", b"7".to_vec())];
    let pages = [("/", PAGE.to_vec()), ("/script.js", SCRIPT.to_vec())];
    let site = Target::http(BTreeMap::from_iter(pages.into_iter().chain(parts).chain(more)));
    let secure = Secure::start(cluster.home(), &["tls.shed.mesh.test"]);
    let _agent = cluster.agent("shed", &[1], &[("web", site.address().to_string()), ("tls", secure.address.to_string())]);
    let proxy = cluster.proxy(0);
    proxy.wait_published(3);
    for url in [format!("socks5://{}", proxy.ingress("socks5")), format!("http://{}", proxy.ingress("http_connect"))] {
        let Some(browser) = Browser::start_behind(TEST, &url) else { return };
        looks(browser, "mesh.test");
    }
    let client = cluster.client("ada", "shed/*");
    let at = proxy.public_address().to_string();
    let words = ["socks", "--socks5", "0", "--http", "0", "--identity", text(client.identity()), "--proxy", &at];
    let mut socks = Process::start("socks", cluster.home(), &words, &[]);
    for (scheme, word) in [("socks5", "socks5 "), ("http", "http ")] {
        let url = format!("{scheme}://{}", &socks.wait_for_line(word)[word.len()..]);
        let Some(browser) = Browser::start_behind(TEST, &url) else { return };
        looks(browser, "warren");
    }
}
