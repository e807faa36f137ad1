//! Lines, files, and outputs that are slow, full or broken.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use warren_raft::Timestamp;

use super::file::RotatingFile;
use super::line::{Line, Missing};
use super::writer::{Sink, TestSink};
use super::*;
use crate::net::{Budget, Wall};

#[derive(Debug)]
struct Noon;

impl Wall for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_764_158_400_250)
    }
}

fn dial() -> Dial {
    Dial {
        client: Some("alice".to_owned()),
        ingress: None,
        from: "192.0.2.7:40000".to_owned(),
        target: "any/ssh".to_owned(),
        agent: Some("lab-pi".to_owned()),
        path: vec!["proxy-1".to_owned(), "proxy-2".to_owned()],
        outcome: "connected",
        reason: None,
        end: Some("whole"),
        sent_bytes: 12,
        received_bytes: 3_400,
        duration_ms: 56,
        trace: "00".repeat(16),
    }
}

#[test]
fn a_line_is_one_object_with_these_keys() {
    let by = By { uid: 0, gid: 0, pid: Some(7) };
    let denial = Denial::at(Port::Peer, "192.0.2.9:1", "a certificate is needed");
    let table = [
        (Event::Audit { action: "started" }, json!({"event": "audit", "action": "started"})),
        (
            Event::Dial(dial()),
            json!({"event": "dial", "client": "alice", "from": "192.0.2.7:40000", "target": "any/ssh", "agent": "lab-pi", "path": ["proxy-1", "proxy-2"],
                "outcome": "connected", "end": "whole", "sent_bytes": 12, "received_bytes": 3400, "duration_ms": 56, "trace": "00".repeat(16)}),
        ),
        (
            Event::Administration(Administration { by, action: "POST /v1/x".to_owned(), request: json!({"name": "a\nb"}), outcome: "ok" }),
            json!({"event": "administration", "by": {"uid": 0, "gid": 0, "pid": 7}, "action": "POST /v1/x", "request": {"name": "a\nb"}, "outcome": "ok"}),
        ),
        (
            Event::Denial(denial.of("agent", "lab-pi")),
            json!({"event": "denial", "port": "peer", "from": "192.0.2.9:1", "who": "agent/lab-pi", "reason": "a certificate is needed"}),
        ),
        (
            Event::Denial(Denial::at_ingress("socks5 127.0.0.1:1080", "192.0.2.9:1", "wrong")),
            json!({"event": "denial", "port": "ingress", "from": "192.0.2.9:1", "ingress": "socks5 127.0.0.1:1080", "reason": "wrong"}),
        ),
    ];
    for (event, expected) in table {
        let line = Line { at: Noon.now(), event };
        let text = String::from_utf8(line.written("proxy-1", Missing::default())).expect("text");
        assert!(text.starts_with(r#"{"schema":1,"time":"2025-11-26T12:00:00.25Z","proxy":"proxy-1","event":""#), "{text}");
        assert_eq!((text.matches('\n').count(), text.ends_with('\n')), (1, true), "{text}");
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        let object = value.as_object_mut().expect("an object");
        for key in ["schema", "time", "proxy"] {
            object.remove(key);
        }
        assert_eq!(value, expected);
    }
    let line = Line { at: Noon.now(), event: Event::Audit { action: "stopped" } };
    let text = String::from_utf8(line.written("p", Missing { dropped: 3, suppressed: 0 })).expect("text");
    assert!(text.contains(r#""dropped":3"#) && !text.contains("suppressed"), "{text}");
}

fn rotation(size: u64, keep: u32) -> Rotation {
    Rotation { size, keep: NonZeroU32::new(keep).expect("not 0") }
}

fn lines(from: u32, count: u32) -> Vec<Vec<u8>> {
    (from..from + count).map(|number| format!("line {number:04}\n").into_bytes()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

#[test]
fn a_file_is_set_aside_when_it_is_full_and_so_many_are_kept() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("new").join("audit.jsonl");
    let mut file = RotatingFile::open(&path, rotation(35, 2)).expect("a file");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().expect("a directory"))), (0o600, 0o700));
    // Ten bytes each: three fit.
    file.append(&mut lines(0, 11)).expect("written");
    let numbered = |number: u32| dir.path().join(format!("new/audit.jsonl.{number}"));
    assert_eq!(read(&path), "line 0009\nline 0010\n");
    assert_eq!(read(&numbered(1)), "line 0006\nline 0007\nline 0008\n");
    assert_eq!(read(&numbered(2)), "line 0003\nline 0004\nline 0005\n");
    assert!(!numbered(3).exists(), "the oldest are gone");
    assert_eq!(mode(&numbered(1)), 0o600);
    // A line that is larger than a file is whole, and alone.
    let large = vec![b'x'; 99];
    file.append(&mut vec![large.clone()]).expect("written");
    assert_eq!(fs::read(&path).expect("a file"), large);
    // Fewer are kept after a restart.
    drop(file);
    let mut file = RotatingFile::open(&path, rotation(35, 1)).expect("a file");
    file.append(&mut lines(11, 1)).expect("written");
    assert!(numbered(1).exists() && !numbered(2).exists());
}

#[test]
fn what_others_do_to_the_file_tears_no_line() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("audit.jsonl");
    fs::write(&path, "half a li").expect("written");
    let mut file = RotatingFile::open(&path, rotation(1 << 20, 1)).expect("a file");
    file.append(&mut lines(0, 1)).expect("written");
    assert_eq!(read(&path), "half a li\nline 0000\n");
    let away = dir.path().join("away");
    fs::rename(&path, &away).expect("moved");
    file.append(&mut lines(1, 1)).expect("written");
    assert_eq!((read(&path).as_str(), read(&away).as_str()), ("line 0001\n", "half a li\nline 0000\n"));
    fs::write(&path, "").expect("emptied");
    file.append(&mut lines(2, 1)).expect("written");
    assert_eq!(read(&path), "line 0002\n");
    let pipe = RotatingFile::open(Path::new("/dev/null"), rotation(1 << 20, 1));
    assert!(pipe.is_err_and(|error| error.to_string().contains("not a regular file")));
}

/// Takes nothing while it is told so; and waits to be let go before each write.
#[derive(Debug)]
struct Bad {
    fails: Arc<AtomicBool>,
    go: Option<Receiver<()>>,
    written: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl TestSink for Bad {
    fn append(&mut self, lines: &mut Vec<Vec<u8>>) -> io::Result<()> {
        if let Some(go) = &self.go {
            // The other end goes when the test is over.
            let _ = go.recv();
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.lock().unwrap_or_else(PoisonError::into_inner).append(lines);
        Ok(())
    }
}

struct Scene {
    audit: Audit,
    writer: AuditWriter,
    fails: Arc<AtomicBool>,
    written: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn scene(go: Option<Receiver<()>>) -> Scene {
    let (fails, written) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let sink = Bad { fails: Arc::clone(&fails), go, written: Arc::clone(&written) };
    let (audit, writer) = AuditWriter::start_into(Sink::Test(Box::new(sink)), "p", Arc::new(Noon)).expect("a thread");
    Scene { audit, writer, fails, written }
}

impl Scene {
    fn values(written: &Mutex<Vec<Vec<u8>>>) -> Vec<Value> {
        let written = written.lock().unwrap_or_else(PoisonError::into_inner);
        written.iter().map(|line| serde_json::from_slice(line).expect("JSON")).collect()
    }
}

fn metrics(audit: &Audit) -> String {
    let (mut registry, mut text) = (Registry::default(), String::new());
    audit.register(&mut registry);
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
    text
}

#[tokio::test]
async fn an_output_that_stands_still_holds_up_nobody_and_what_is_lost_is_told() {
    let (go, gone): (Sender<()>, _) = channel();
    let Scene { audit, writer, written, .. } = scene(Some(gone));
    const DIALS: usize = 20_000;
    for _ in 0..DIALS {
        audit.record(Event::Dial(dial()));
    }
    // The output moves again.
    drop(go);
    writer.close(Budget::new(Duration::from_secs(60))).await;
    let values = Scene::values(&written);
    let dropped: u64 = values.iter().filter_map(|value| value["dropped"].as_u64()).sum();
    assert!(dropped > 10_000, "{dropped}");
    // `started` and perhaps `stopped`, if that found room.
    let whole = values.iter().filter(|value| value["event"] == "dial").count() as u64 + dropped;
    assert!((DIALS as u64..=DIALS as u64 + 1).contains(&whole), "{whole}");
    let text = metrics(&audit);
    assert!(text.contains(&format!("warren_audit_lines_lost_total{{reason=\"full\"}} {dropped}")), "{text}");
    assert!(text.contains(&format!("warren_audit_lines_total {}", values.len())), "{text}");
}

#[tokio::test]
async fn a_full_disk_is_waited_for_and_not_for_ever() {
    let Scene { audit, writer, fails, written } = scene(None);
    fails.store(true, Ordering::Relaxed);
    audit.record(Event::Dial(dial()));
    fails.store(false, Ordering::Relaxed);
    writer.close(Budget::new(Duration::from_secs(60))).await;
    let events: Vec<_> = Scene::values(&written).iter().map(|value| value["event"].clone()).collect();
    assert_eq!(events, ["audit", "dial", "audit"], "whatever failed was tried again");

    let Scene { writer, fails, written, .. } = scene(None);
    fails.store(true, Ordering::Relaxed);
    writer.close(Budget::new(Duration::from_secs(60))).await;
    assert!(Scene::values(&written).len() <= 1, "its end is not held up by a disk that takes nothing");
}

#[tokio::test]
async fn those_who_are_refused_cannot_fill_the_log() {
    let Scene { audit, writer, written, .. } = scene(None);
    for _ in 0..10_000 {
        audit.denied(Denial::at(Port::Public, "192.0.2.9:1", "a certificate is needed"));
    }
    audit.record(Event::Dial(dial()));
    writer.close(Budget::new(Duration::from_secs(60))).await;
    let values = Scene::values(&written);
    let count = |event: &str| values.iter().filter(|value| value["event"] == event).count();
    assert!(count("denial") < 1_000 && count("dial") == 1, "{} and {}", count("denial"), count("dial"));
    let suppressed: u64 = values.iter().filter_map(|value| value["suppressed"].as_u64()).sum();
    assert_eq!(suppressed + count("denial") as u64, 10_000, "each one is counted");
}

#[test]
fn nobody_is_told_where_it_is_off() {
    let audit = Audit::default();
    audit.record(Event::Dial(dial()));
    assert!(!audit.is_on() && !metrics(&audit).contains("audit"));
}
