//! `warren forward` and `warren socks` that are told to end: what runs comes to its end, unless somebody is in a hurry.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::support::{Cluster, Process, Target, wait_for};
use crate::{connect, text, try_connect};

/// A process that serves ports of this machine, and one of them, by which a stream is opened with these words.
struct Serving {
    process: Process,
    port: SocketAddr,
    words: Vec<u8>,
    answer: usize,
}

impl Serving {
    /// All three ports that there are.
    fn start(cluster: &Cluster) -> [Self; 3] {
        Self::start_ignoring_hang_ups(false, cluster)
    }

    fn start_ignoring_hang_ups(is_ignored: bool, cluster: &Cluster) -> [Self; 3] {
        let client = cluster.client("ada", "shed/echo");
        let at = cluster.proxy(0).public_address().to_string();
        let options = ["--identity", text(client.identity()), "--proxy", &at];
        let start =
            |name: &str, words: &[&str]| Process::start_ignoring_hang_ups(is_ignored, name, cluster.home(), &[words, &options].concat());
        let address = |line: &str| line.parse().expect("an address");
        let mut forward = start("forward", &["forward", "0", "shed/echo"]);
        let line = forward.wait_for_line(" -> shed/echo");
        let forwarded = address(line.split_once(' ').expect("an address and a target").0);
        let mut by_socks = start("socks", &["socks", "--socks5", "0", "--http", "0"]);
        let socks5 = address(&by_socks.wait_for_line("socks5 ")["socks5 ".len()..]);
        let mut by_http = start("http", &["socks", "--socks5", "0", "--http", "0"]);
        let http = address(&by_http.wait_for_line("http ")["http ".len()..]);
        let named = [&[5, 1, 0, 5, 1, 0, 3, 16][..], b"echo.shed.warren", &[0, 7]].concat();
        [
            Self { process: forward, port: forwarded, words: Vec::new(), answer: 0 },
            Self { process: by_socks, port: socks5, words: named, answer: 12 },
            Self {
                process: by_http,
                port: http,
                words: b"CONNECT echo.shed.warren:7 HTTP/1.1\r\nHost: echo.shed.warren:7\r\n\r\n".to_vec(),
                answer: 0,
            },
        ]
    }

    /// A stream that runs.
    fn open(&self) -> TcpStream {
        let mut stream = connect(self.port);
        stream.write_all(&[&self.words[..], b"there"].concat()).expect("it is taken");
        let mut answer = vec![0; self.answer];
        stream.read_exact(&mut answer).expect("an answer");
        while !answer.ends_with(b"there") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("what was said");
            answer.push(byte[0]);
        }
        stream
    }

    fn says(&self, part: &str) {
        wait_for(&format!("it says `{part}`"), || self.process.log().contains(part).then_some(()));
    }
}

fn echoes(stream: &mut TcpStream, words: &[u8]) {
    let mut back = vec![0; words.len()];
    stream.write_all(words).and_then(|()| stream.read_exact(&mut back)).expect("it runs");
    assert_eq!(back, words);
}

fn cluster() -> (Cluster, Target) {
    (Cluster::start(1), Target::echo())
}

#[test]
fn what_runs_through_ports_of_a_client_comes_to_its_end() {
    let (cluster, echo) = cluster();
    let _agent = cluster.agent("shed", &[0], &[("echo", echo.address().to_string())]);
    for mut serving in Serving::start(&cluster) {
        let mut streams = [serving.open(), serving.open()];
        serving.process.signal("TERM");
        serving.says("waiting up to 30s for open streams, 2 now: another signal cuts them\n");
        assert!(try_connect(serving.port).is_err(), "nobody is let in any more");
        for stream in &mut streams {
            echoes(stream, b"still here");
            serving.process.must_run();
            stream.shutdown(Shutdown::Write).expect("it runs");
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).expect("an end in good order");
            assert_eq!(rest, b"");
        }
        assert_eq!(serving.process.wait().code(), Some(0));
        assert!(!serving.process.log().contains("streams cut"), "{}", serving.process.log());
    }
}

#[test]
fn a_second_signal_cuts_what_runs_and_without_streams_the_first_one_ends_all() {
    let (cluster, echo) = cluster();
    let _agent = cluster.agent("shed", &[0], &[("echo", echo.address().to_string())]);
    let [mut hurried, mut idle, mut used] = Serving::start(&cluster);
    let mut stream = hurried.open();
    hurried.process.signal("INT");
    hurried.says("waiting up to 30s for open streams, 1 now");
    echoes(&mut stream, b"still here");
    hurried.process.signal("TERM");
    assert_eq!(hurried.process.wait().code(), Some(0));
    hurried.says("streams cut: 1\n");
    assert!(stream.read_exact(&mut [0]).is_err(), "it is reset, and does not look whole");

    let mut stream = used.open();
    stream.shutdown(Shutdown::Write).expect("it runs");
    stream.read_to_end(&mut Vec::new()).expect("it ends");
    for serving in [&mut idle, &mut used] {
        serving.process.signal("TERM");
        assert_eq!(serving.process.wait().code(), Some(0));
        let log = serving.process.log();
        assert!(!log.contains("streams cut"), "{log}");
    }
    assert!(!idle.process.log().contains("waiting"), "{}", idle.process.log());
}

#[test]
fn a_hang_up_ends_what_runs_in_a_terminal_and_nothing_beside_it() {
    let (cluster, echo) = cluster();
    let _agent = cluster.agent("shed", &[0], &[("echo", echo.address().to_string())]);
    for mut serving in Serving::start(&cluster) {
        let mut stream = serving.open();
        serving.process.signal("HUP");
        serving.says("waiting up to 30s for open streams, 1 now");
        serving.process.signal("HUP");
        echoes(&mut stream, b"still here");
        stream.shutdown(Shutdown::Write).expect("it runs");
        stream.read_to_end(&mut Vec::new()).expect("an end in good order");
        assert_eq!(serving.process.wait().code(), Some(0));
    }
}

#[test]
fn what_is_to_outlive_its_terminal_does() {
    let (cluster, echo) = cluster();
    let _agent = cluster.agent("shed", &[0], &[("echo", echo.address().to_string())]);
    for mut serving in Serving::start_ignoring_hang_ups(true, &cluster) {
        let mut stream = serving.open();
        serving.process.signal("HUP");
        echoes(&mut stream, b"still here");
        drop(serving.open());
        serving.process.signal("TERM");
        serving.says("waiting up to 30s for open streams, ");
        serving.process.signal("TERM");
        assert_eq!(serving.process.wait().code(), Some(0));
    }
}
