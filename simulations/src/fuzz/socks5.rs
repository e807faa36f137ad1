//! What a SOCKS5 client sends.

use warren::ingress::socks5_message::{MAX_MESSAGE, Parsed, greeting, login, request};

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "socks5", reads: "greetings, logins and requests of SOCKS5 clients", run: target, seeds };

/// The first byte says which message the others are.
fn target(data: &[u8]) -> Outcome {
    let Some((first, rest)) = data.split_first() else { return Outcome::refused("nothing", &"no message") };
    match first % 3 {
        0 => check("greeting", rest, greeting),
        1 => check("login", rest, login),
        _ => check("request", rest, request),
    }
}

fn check<T: std::fmt::Debug + PartialEq>(kind: &str, bytes: &[u8], read: fn(&[u8]) -> Parsed<T>) -> Outcome {
    match read(bytes) {
        Ok(Some((message, length))) => {
            assert!(length <= bytes.len() && length <= MAX_MESSAGE, "{length} bytes");
            assert_eq!(read(&bytes[..length]), Ok(Some((message, length))), "what follows plays no part");
            assert!(matches!(read(&bytes[..length - 1]), Ok(None)), "less is not whole");
            Outcome::plain(kind, "read")
        }
        Ok(None) => {
            assert!(bytes.len() <= MAX_MESSAGE, "no message is longer");
            Outcome::plain(kind, "not whole")
        }
        Err(error) => Outcome::refused(kind, &error),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let host = |kind: u8, host: &[u8]| [&[2, 5, 1, 0, kind], host, &[0, 80]].concat();
    vec![
        vec![0, 5, 1, 0],
        vec![0, 5, 2, 0, 2, 9],
        vec![0, 5, 0],
        vec![0, 4, 1, 0, 80, 127, 0, 0, 1, 0],
        b"\x01\x01\x03ada\x05right".to_vec(),
        b"\x01\x01\x00\x05right".to_vec(),
        b"\x01\x01\x01\xff\x01x".to_vec(),
        host(3, b"\x11web.lab-pi.warren"),
        host(3, b"\0"),
        host(1, &[127, 0, 0, 1]),
        host(4, &[0; 16]),
        host(9, &[0; 16]),
        vec![2, 5, 3, 1, 3],
        vec![2, 5, 9],
        host(3, b"\x01\xff"),
        b"\0GET / HTTP/1.1".to_vec(),
    ]
}
