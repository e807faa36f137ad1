//! What follows from the facts.

use std::time::Duration;

use super::facts::{
    Buffers, Certificate, Disk, Facts, Files, Interface, Lifetime, Occupant, Offload, Outcome, Peer, Port, Protocol, Reach, Route,
    SecretFile,
};
use super::finding::Finding;
use crate::api::Time;

/// The least MTU of IPv6 (RFC 8200, section 5), which QUIC's smallest packets need too.
const LEAST_MTU: u32 = 1_280;
/// What every path of QUIC must carry (RFC 9000, section 14).
const LEAST_PAYLOAD: u16 = 1_200;
/// Below how many times the least a disk is nearly full.
const PLENTY: u64 = 4;
/// From how far apart clocks may keep a certificate from being good: it is dated back by a quarter of an hour.
const CLOCK_FAILS: Duration = Duration::from_secs(10 * 60);
/// From how far apart the times in logs mislead, and tokens end noticeably early or late.
const CLOCK_WARNS: Duration = Duration::from_secs(10);

/// A finding for each thing that was looked at, in the order of the facts.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![buffers(&facts.buffers), offload(&facts.offload)];
    findings.extend(facts.interfaces.iter().map(interface));
    findings.extend(facts.routes.iter().flat_map(route));
    findings.extend(facts.reaches.iter().map(reach));
    findings.extend(clock(facts));
    findings.extend(facts.asked.as_ref().map(|asked| {
        Finding::ok("asked", format!("proxy `{asked}`, which is not the one of this configuration: what `peer` says is how it is there"))
    }));
    let asked = facts.asked.as_ref().map_or_else(|| "this proxy".to_owned(), |asked| format!("`{asked}`"));
    findings.extend(facts.peers.iter().map(|row| peer(row, &asked)));
    findings.push(files(&facts.files));
    findings.push(Finding::ok("processors", format!("{} to work on", facts.processors)));
    findings.extend(facts.ports.iter().map(port));
    findings.extend(facts.ways.iter().flat_map(super::ways::judge));
    findings.extend(facts.targets.iter().map(super::targets::judge));
    findings.extend(facts.disks.iter().map(disk));
    findings.extend(facts.secrets.iter().map(secret));
    findings.extend(facts.certificates.iter().map(|certificate| lifetime(certificate, facts)));
    findings
}

fn buffers(buffers: &Result<Buffers, String>) -> Finding {
    let check = "udp_buffers";
    let buffers = match buffers {
        Ok(buffers) => buffers,
        Err(error) => return Finding::problem(check, format!("no udp socket: {error}"), "see what this process is not allowed to do"),
    };
    let Buffers { asked, receive, send } = *buffers;
    if receive.min(send) >= asked {
        return Finding::ok(check, format!("{asked} bytes granted"));
    }
    let hint =
        format!("sysctl -w net.core.rmem_max={asked} net.core.wmem_max={asked}, and the same two lines in /etc/sysctl.d/90-warren.conf");
    Finding::warning(check, format!("{asked} bytes asked for, {receive} granted to receive, {send} to send: bursts will be lost"), hint)
}

fn offload(offload: &Result<Offload, String>) -> Finding {
    let check = "udp_offload";
    match offload {
        Ok(Offload { sent_together: 2.., received_together: 2.. }) => Finding::ok(check, "many packets go and come at once (GSO and GRO)"),
        Ok(offload) => {
            let missing = if offload.sent_together < 2 { "GSO" } else { "GRO" };
            let message =
                format!("the kernel takes or gives one packet at a time, without {missing}: each byte costs several times as much");
            Finding::warning(check, message, "a kernel of 5.0 or later has both")
        }
        Err(error) => Finding::problem(check, format!("no udp socket: {error}"), "see what this process is not allowed to do"),
    }
}

fn interface(interface: &Interface) -> Finding {
    let Interface { name, mtu } = interface;
    let check = format!("interface {name}");
    if *mtu < LEAST_MTU {
        return Finding::problem(&check, format!("packets of {mtu} bytes: QUIC needs {LEAST_MTU}"), format!("ip link set {name} mtu 1500"));
    }
    Finding::ok(&check, format!("packets of {mtu} bytes"))
}

fn route(route: &Route) -> Vec<Finding> {
    let check = format!("route to {}", route.to);
    let payloads = match &route.payloads {
        Ok(payloads) => payloads,
        Err(error) => {
            return vec![Finding::problem(&check, format!("its name cannot be resolved: {error}"), "see /etc/resolv.conf and the name")];
        }
    };
    let one = |(address, payload): &(std::net::SocketAddr, Option<u16>)| match payload {
        None => Finding::warning(&check, format!("no route leads to {address}"), format!("ip route get {}", address.ip().to_canonical())),
        Some(payload) if *payload < LEAST_PAYLOAD => Finding::problem(
            &check,
            format!("payloads of {payload} bytes to {address}: QUIC needs {LEAST_PAYLOAD}"),
            format!("ip route get {}", address.ip().to_canonical()),
        ),
        Some(payload) => Finding::ok(&check, format!("payloads up to {payload} bytes to {address}")),
    };
    payloads.iter().map(one).collect()
}

fn reach(reach: &Reach) -> Finding {
    let Reach { to, address, party, outcome } = reach;
    let check = format!("udp to {to}");
    match outcome {
        Outcome::Met { round_trip, payload, .. } => {
            let ms = round_trip.as_secs_f64() * 1e3;
            Finding::ok(&check, format!("{address} answers this {party} in {ms:.1} ms, and gets packets of {payload} bytes"))
        }
        Outcome::Refused(why) if *party == "stranger" => {
            Finding::ok(&check, format!("{address} answers, and takes no machine without an identity: {why}"))
        }
        Outcome::Refused(why) => Finding::problem(
            &check,
            format!("{address} answers, and does not take this {party}: {why}"),
            "UDP gets through; enrol this machine again with a token from `warren token create`",
        ),
        Outcome::Silent => Finding::problem(
            &check,
            format!("no answer from {address}"),
            format!("open {}/udp from here to there, and see whether a proxy runs there", address.port()),
        ),
        Outcome::NotSent(why) => Finding::problem(
            &check,
            format!("nothing can be sent to {address}: {why}"),
            format!("ip route get {}", address.ip().to_canonical()),
        ),
    }
}

fn peer(peer: &Peer, asked: &str) -> Finding {
    let Peer { name, address, round_trip } = peer;
    let check = format!("peer {name}");
    match round_trip {
        Some(round_trip) => Finding::ok(&check, format!("{address} answers {asked} in {:.1} ms", round_trip.as_secs_f64() * 1e3)),
        None => Finding::problem(
            &check,
            format!("{asked} has no connection to {address}"),
            "start it, or open that UDP port in both directions and compare `[peer] advertise` of both: `warren proxies ls -o wide`",
        ),
    }
}

/// This machine's clock, beside that of each proxy that tells: certificates and tokens are good between two times.
fn clock(facts: &Facts) -> Vec<Finding> {
    let ahead = |reach: &Reach| match reach.outcome {
        Outcome::Met { ahead_ms, .. } => ahead_ms.map(|ahead_ms| beside(ahead_ms, &reach.to)),
        Outcome::Refused(_) | Outcome::Silent | Outcome::NotSent(_) => None,
    };
    facts.reaches.iter().filter_map(ahead).collect()
}

fn beside(ahead_ms: i64, proxy: &str) -> Finding {
    let check = "clock";
    let way = if ahead_ms > 0 { "behind" } else { "ahead of" };
    let off = Duration::from_millis(ahead_ms.unsigned_abs());
    let message = format!("{} {way} that of {proxy}", humantime::format_duration(off));
    let hint = "set both by NTP: `timedatectl` shows whether that is on";
    match off {
        off if off >= CLOCK_FAILS => Finding::problem(check, message, hint),
        off if off >= CLOCK_WARNS => Finding::warning(check, message, hint),
        _ => Finding::ok(check, message),
    }
}

fn disk(disk: &Disk) -> Finding {
    let Disk { of, path, free, least } = disk;
    let (check, path, mib) = (format!("{of} disk"), path.display(), |bytes: u64| bytes >> 20);
    let hint = || format!("make room where `df -h {path}` says");
    match free {
        None => Finding::warning(&check, format!("how much room there is for {path} cannot be told"), "see whether that path can be used"),
        Some(free) if free < least => {
            let message = format!("{} MiB are free for {path}, and nothing is written below {} MiB", mib(*free), mib(*least));
            Finding::problem(&check, message, hint())
        }
        Some(free) if *free < least * PLENTY => {
            let message = format!("{} MiB are free for {path}: nearly full, nothing is written below {} MiB", mib(*free), mib(*least));
            Finding::warning(&check, message, hint())
        }
        Some(free) => Finding::ok(&check, format!("{} MiB are free for {path}", mib(*free))),
    }
}

fn secret(file: &SecretFile) -> Finding {
    let SecretFile { key, path, error } = file;
    match error {
        None => Finding::ok(key, format!("{} can be read", path.display())),
        Some(why) => Finding::problem(
            key,
            format!("it is needed to enrol, and cannot be read: {why}"),
            "`chmod 600` and the user that runs warren as its owner, or a new token from `warren token create`",
        ),
    }
}

fn files(files: &Files) -> Finding {
    let check = "open_files";
    match files.limit {
        Some(limit) if limit < files.needed => Finding::warning(
            check,
            format!("{limit} may be open, the configuration can use {}", files.needed),
            format!("`LimitNOFILE={0}` in the systemd unit, or `ulimit -n {0}`", files.needed),
        ),
        Some(limit) => Finding::ok(check, format!("{limit} may be open, the configuration can use {}", files.needed)),
        None => Finding::ok(check, "any number may be open"),
    }
}

pub(super) fn port(port: &Port) -> Finding {
    let Port { key, protocol, listen, occupant } = port;
    let at = format!("{listen}/{}", protocol.as_str());
    // `ss` wants to know what to list.
    let list = if *protocol == Protocol::Udp { "ss -lunp" } else { "ss -ltnp" };
    match occupant {
        Occupant::Nobody => Finding::ok(key, format!("{at} is free")),
        Occupant::Warren => Finding::ok(key, format!("{at} is this proxy's, which runs")),
        Occupant::Absent => Finding::problem(
            key,
            format!("nobody listens at {at}, though this proxy runs"),
            "it was started with another configuration, or a reload was refused: restart it",
        ),
        Occupant::Unasked(why) => Finding::problem(
            key,
            format!("{at} is in use, and by whom cannot be told: {why}"),
            "run this as the user that runs the proxy; `ps -o pid,stat,wchan:20,args -C warren` shows whether it is stopped (`T`) or waits for a disk (`D`)",
        ),
        Occupant::Other => Finding::problem(key, format!("{at} belongs to another program"), format!("{list} sport = :{}", listen.port())),
        Occupant::Refused(why) => {
            Finding::problem(key, format!("{at} cannot be had: {why}"), "ip address, and the key in the configuration")
        }
    }
}

fn lifetime(certificate: &Certificate, facts: &Facts) -> Finding {
    let Certificate { of, path, lifetime } = certificate;
    let (check, path) = (format!("{of} certificate"), path.display());
    match lifetime {
        Lifetime::Absent => Finding::ok(&check, format!("none yet in {path}")),
        Lifetime::Until(until) if *until <= facts.now => {
            let hint = "it renews itself while it is good; enrol anew with a token from `warren token create`";
            Finding::problem(&check, format!("expired at {}, in {path}", Time::from(*until)), hint)
        }
        Lifetime::Until(until) => Finding::ok(&check, format!("good until {}, in {path}", Time::from(*until))),
        Lifetime::From(from) => Finding::problem(
            &check,
            format!("good from {} on, in {path}: by this machine's clock that is still to come", Time::from(*from)),
            "the clock is wrong: `timedatectl` shows whether it is set by NTP",
        ),
        Lifetime::Unreadable(why) => Finding::problem(&check, why.clone(), "run this as the user that runs warren"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use warren_raft::Timestamp;

    use super::super::Severity;
    use super::*;

    fn check(finding: &Finding, severity: Severity, message: &str) {
        assert_eq!((finding.severity, finding.message.as_str()), (severity, message));
        assert_eq!(finding.hint.is_some(), severity != Severity::Ok, "what is not well has a next step: {finding:?}");
    }

    #[test]
    fn what_the_kernel_gives() {
        let granted = |asked, receive, send| buffers(&Ok(Buffers { asked, receive, send }));
        check(&granted(4096, 4096, 8192), Severity::Ok, "4096 bytes granted");
        let short = granted(4096, 1024, 4096);
        check(&short, Severity::Warning, "4096 bytes asked for, 1024 granted to receive, 4096 to send: bursts will be lost");
        assert!(short.hint.is_some_and(|hint| hint.contains("net.core.rmem_max=4096 net.core.wmem_max=4096")));
        check(&buffers(&Err("none".into())), Severity::Problem, "no udp socket: none");
        let together = |sent_together, received_together| offload(&Ok(Offload { sent_together, received_together }));
        check(&together(64, 46), Severity::Ok, "many packets go and come at once (GSO and GRO)");
        assert!(together(1, 46).message.contains("without GSO") && together(64, 1).message.contains("without GRO"));
        let limit = |limit| files(&Files { limit, needed: 1280 });
        check(&limit(Some(1280)), Severity::Ok, "1280 may be open, the configuration can use 1280");
        check(&limit(Some(1024)), Severity::Warning, "1024 may be open, the configuration can use 1280");
        check(&limit(None), Severity::Ok, "any number may be open");
    }

    #[test]
    fn what_the_network_carries() {
        let mtu = |mtu| interface(&Interface { name: "eth0".into(), mtu });
        check(&mtu(9000), Severity::Ok, "packets of 9000 bytes");
        check(&mtu(1280), Severity::Ok, "packets of 1280 bytes");
        check(&mtu(1279), Severity::Problem, "packets of 1279 bytes: QUIC needs 1280");
        let address: SocketAddr = "192.0.2.1:3024".parse().expect("an address");
        let way = |payloads| route(&Route { to: "p:3024".into(), payloads }).remove(0);
        check(&way(Ok(vec![(address, Some(1472))])), Severity::Ok, "payloads up to 1472 bytes to 192.0.2.1:3024");
        check(&way(Ok(vec![(address, Some(1199))])), Severity::Problem, "payloads of 1199 bytes to 192.0.2.1:3024: QUIC needs 1200");
        check(&way(Ok(vec![(address, None)])), Severity::Warning, "no route leads to 192.0.2.1:3024");
        check(&way(Err("no such name".into())), Severity::Problem, "its name cannot be resolved: no such name");
    }

    fn reached(party: &'static str, outcome: Outcome) -> Reach {
        Reach { to: "p:3024".into(), address: "192.0.2.1:3024".parse().expect("an address"), party, outcome }
    }

    #[test]
    fn who_answers() {
        let met = Outcome::Met { round_trip: Duration::from_micros(1_234), payload: 1452, ahead_ms: None };
        let told = |party, outcome| reach(&reached(party, outcome));
        check(&told("agent", met), Severity::Ok, "192.0.2.1:3024 answers this agent in 1.2 ms, and gets packets of 1452 bytes");
        check(&told("agent", Outcome::Silent), Severity::Problem, "no answer from 192.0.2.1:3024");
        let refused = || Outcome::Refused("it was removed".into());
        check(&told("client", refused()), Severity::Problem, "192.0.2.1:3024 answers, and does not take this client: it was removed");
        assert_eq!(told("stranger", refused()).severity, Severity::Ok);
        assert_eq!(told("agent", Outcome::NotSent("no route".into())).severity, Severity::Problem);
    }

    #[test]
    fn who_is_a_peer() {
        let told = |round_trip| peer(&Peer { name: "proxy-2".into(), address: "192.0.2.2:3021".into(), round_trip }, "this proxy");
        check(&told(Some(Duration::from_micros(900))), Severity::Ok, "192.0.2.2:3021 answers this proxy in 0.9 ms");
        check(&told(None), Severity::Problem, "this proxy has no connection to 192.0.2.2:3021");
        let other = Facts { asked: Some("proxy-9".into()), ..super::super::facts::samples::machine() };
        let said = judge(&other).into_iter().filter(|found| found.check == "asked" || found.check.starts_with("peer proxy"));
        let said: Vec<_> = said.map(|found| found.message).collect();
        assert!(said.len() == 3 && said.iter().all(|said| said.contains("`proxy-9`") && !said.contains("this proxy")), "{said:?}");
    }

    #[test]
    fn how_much_room_there_is() {
        let room = |mib: Option<u64>| disk(&Disk { of: "proxy", path: "/d".into(), free: mib.map(|mib| mib << 20), least: 32 << 20 });
        check(&room(Some(128)), Severity::Ok, "128 MiB are free for /d");
        check(&room(Some(127)), Severity::Warning, "127 MiB are free for /d: nearly full, nothing is written below 32 MiB");
        check(&room(Some(31)), Severity::Problem, "31 MiB are free for /d, and nothing is written below 32 MiB");
        assert_eq!(room(None).severity, Severity::Warning);
        let file = |error| secret(&SecretFile { key: "agent.token_file", path: "/t".into(), error });
        check(&file(None), Severity::Ok, "/t can be read");
        assert_eq!(file(Some("no".into())).severity, Severity::Problem);
    }

    #[test]
    fn what_time_it_is() {
        let met = |ahead_ms| reached("client", Outcome::Met { round_trip: Duration::ZERO, payload: 1452, ahead_ms });
        let at = |ahead: &[Option<i64>]| {
            let reaches = ahead.iter().map(|ahead| met(*ahead)).collect();
            clock(&Facts { reaches, ..super::super::facts::samples::machine() })
        };
        assert_eq!(at(&[None]), []);
        let each = at(&[Some(3), Some(-40)]);
        check(&each[0], Severity::Ok, "3ms behind that of p:3024");
        check(&each[1], Severity::Ok, "40ms ahead of that of p:3024");
        check(&at(&[Some(10_000)])[0], Severity::Warning, "10s behind that of p:3024");
        check(&at(&[Some(-900_000), Some(1)])[0], Severity::Problem, "15m ahead of that of p:3024");
    }

    #[test]
    fn what_the_configuration_listens_on() {
        let listen = "127.0.0.1:3021".parse().expect("an address");
        let held = |occupant| port(&Port { key: "peer.listen".into(), protocol: Protocol::Udp, listen, occupant });
        check(&held(Occupant::Nobody), Severity::Ok, "127.0.0.1:3021/udp is free");
        check(&held(Occupant::Warren), Severity::Ok, "127.0.0.1:3021/udp is this proxy's, which runs");
        check(&held(Occupant::Absent), Severity::Problem, "nobody listens at 127.0.0.1:3021/udp, though this proxy runs");
        let silent = Occupant::Unasked("the proxy at `/s` did not answer within 2s".into());
        let message = "127.0.0.1:3021/udp is in use, and by whom cannot be told: the proxy at `/s` did not answer within 2s";
        check(&held(silent), Severity::Problem, message);
        check(&held(Occupant::Other), Severity::Problem, "127.0.0.1:3021/udp belongs to another program");
        check(&held(Occupant::Refused("denied".into())), Severity::Problem, "127.0.0.1:3021/udp cannot be had: denied");
    }

    #[test]
    fn how_long_a_certificate_is_good() {
        let facts = super::super::facts::samples::machine();
        let good = |lifetime_of| lifetime(&Certificate { of: "agent", path: "/x".into(), lifetime: lifetime_of }, &facts);
        let (before, after) = (Timestamp(facts.now.0), Timestamp(facts.now.0 + 1000));
        assert_eq!(good(Lifetime::Until(after)).severity, Severity::Ok);
        assert_eq!(good(Lifetime::Until(before)).severity, Severity::Problem);
        assert_eq!(good(Lifetime::From(after)).severity, Severity::Problem);
        check(&good(Lifetime::Absent), Severity::Ok, "none yet in /x");
        check(&good(Lifetime::Unreadable("cannot read".into())), Severity::Problem, "cannot read");
    }
}
