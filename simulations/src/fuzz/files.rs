//! The small files that proxies and agents keep, and the one header of a request that is looked at.

use warren::agent::lives_in;
use warren::proxy::decoding;

use super::kinds::{Kind, one_of};
use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "files", reads: "`member.json`, `opened` and `lives`, and the `Host` of a request", run: target, seeds };

const KINDS: &[Kind] = &[("member", member), ("opened", opened), ("lives", lives), ("host", host)];

fn target(data: &[u8]) -> Outcome {
    one_of(KINDS, data)
}

fn member(kind: &str, data: &[u8]) -> Outcome {
    match decoding::member(data) {
        Ok(written) => {
            assert_eq!(decoding::member(&written).as_deref(), Ok(written.as_slice()), "written and read again");
            Outcome::plain(kind, "read")
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

fn opened(kind: &str, data: &[u8]) -> Outcome {
    number(kind, decoding::opened(data).map(|opened| opened.0), |text| decoding::opened(text).map(|opened| opened.0))
}

fn lives(kind: &str, data: &[u8]) -> Outcome {
    number(kind, lives_in(data).map(u64::from), |text| lives_in(text).map(u64::from))
}

fn number(kind: &str, read: Option<u64>, again: impl Fn(&[u8]) -> Option<u64>) -> Outcome {
    match read {
        Some(number) => {
            assert_eq!(again(number.to_string().as_bytes()), Some(number), "written and read again");
            Outcome::plain(kind, "a number")
        }
        None => Outcome::refused(kind, &"no number"),
    }
}

fn host(kind: &str, data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::refused(kind, &"no text") };
    if !decoding::is_own_name(text) {
        return Outcome::refused(kind, &"another's name");
    }
    // A name that others can give has a letter that no address and no other spelling of `localhost` has.
    let rest = text.to_ascii_lowercase().replace("localhost", "");
    assert!(rest.chars().all(|c| c.is_ascii_hexdigit() || ".:[]".contains(c)), "{text}");
    assert!(!text.contains(char::is_whitespace), "{text}");
    Outcome::plain(kind, "this machine's")
}

fn seeds() -> Vec<Vec<u8>> {
    let with = |kind: u8, text: &str| [&[kind], text.as_bytes()].concat();
    let member = r#"{"id":2,"seeds":[{"id":1,"name":"proxy-1","peer_address":"a:1","public_addresses":["a:2"],"zone":"","state":"up","tunnels":3}]}"#;
    let mut seeds = vec![
        with(0, member),
        with(0, r#"{"id":1,"seeds":[]}"#),
        with(0, "{}"),
        with(1, "17\n"),
        with(1, "-1"),
        with(2, "3"),
        with(2, "4294967296"),
    ];
    let hosts = [
        "localhost",
        "LocalHost:3081",
        "127.0.0.1:3081",
        "[::1]:3081",
        "[::1]",
        "::1",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "[::1",
        "",
    ];
    seeds.extend(hosts.map(|host| with(3, host)));
    seeds
}
