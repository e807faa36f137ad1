//! The hello of a TLS client.

use std::sync::Arc;

use warren::ingress::sni::{Hello, HelloReader, MAX_HELLO};

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "sni", reads: "the hello of a TLS client, for the name in it", run: target, seeds };

fn target(data: &[u8]) -> Outcome {
    let whole = read(data, data.len().max(1));
    // However it comes.
    let pieces = read(data, 7);
    match (&whole, &pieces) {
        (Hello::Malformed(alert, _), Hello::Malformed(..)) => {
            assert!(alert.starts_with(&[21, 3]), "an alert is one of TLS: {alert:?}");
        }
        (Hello::Partial | Hello::Whole(_) | Hello::Malformed(..), _) => assert_eq!(whole, pieces, "in pieces as in one"),
    }
    match whole {
        Hello::Partial => {
            assert!(data.len() <= MAX_HELLO, "nothing longer is waited for");
            Outcome::plain("hello", "not whole")
        }
        Hello::Whole(Some(_)) => Outcome::plain("hello", "with a name"),
        Hello::Whole(None) => Outcome::plain("hello", "without a name"),
        Hello::Malformed(_, reason) => Outcome::refused("hello", &reason),
    }
}

fn read(data: &[u8], piece: usize) -> Hello {
    let mut reader = HelloReader::new();
    let mut fed = 0;
    for bytes in data.chunks(piece) {
        fed += bytes.len();
        match reader.feed(bytes) {
            Hello::Partial => {}
            ended @ (Hello::Whole(_) | Hello::Malformed(..)) => {
                assert_eq!(reader.into_bytes(), data[..fed], "what has come is kept as it came");
                return ended;
            }
        }
    }
    Hello::Partial
}

fn hello(host: &'static str) -> Vec<u8> {
    let name = host.try_into().expect("a name");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).expect("TLS 1.3");
    let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("a hello");
    bytes
}

fn seeds() -> Vec<Vec<u8>> {
    let (named, nameless) = (hello("web.lab-pi.warren"), hello("127.0.0.1"));
    // The same in two records.
    let (head, rest) = named[5..].split_at(40);
    let record = |part: &[u8]| [&[0x16, 3, 1][..], &u16::try_from(part.len()).expect("short").to_be_bytes(), part].concat();
    vec![
        named[..named.len() - 1].to_vec(),
        [record(head), record(rest)].concat(),
        [named.clone(), b"more".to_vec()].concat(),
        nameless,
        vec![0x16, 3, 1, 0, 0],
        vec![0x16, 3, 1, 0xff, 0xff],
        vec![21, 3, 3, 0, 2, 2, 112],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        named,
    ]
}
