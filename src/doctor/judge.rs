//! What follows from the facts.

use super::facts::{Buffers, Certificate, Facts, Files, Interface, Lifetime, Occupant, Offload, Port, Protocol, Route};
use super::finding::Finding;
use crate::api::Time;

/// The least MTU of IPv6 (RFC 8200, section 5), which QUIC's smallest packets need too.
const LEAST_MTU: u32 = 1_280;
/// What every path of QUIC must carry (RFC 9000, section 14).
const LEAST_PAYLOAD: u16 = 1_200;

/// A finding for each thing that was looked at, in the order of the facts.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![buffers(&facts.buffers), offload(&facts.offload)];
    findings.extend(facts.interfaces.iter().map(interface));
    findings.extend(facts.routes.iter().flat_map(route));
    findings.push(files(&facts.files));
    findings.push(Finding::ok("processors", format!("{} to work on", facts.processors)));
    findings.extend(facts.ports.iter().map(port));
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

fn port(port: &Port) -> Finding {
    let Port { key, protocol, listen, occupant } = port;
    let at = format!("{listen}/{}", protocol.as_str());
    // `ss` wants to know what to list.
    let list = if *protocol == Protocol::Udp { "ss -lunp" } else { "ss -ltnp" };
    match occupant {
        Occupant::Nobody => Finding::ok(key, format!("{at} is free")),
        Occupant::Warren => Finding::ok(key, format!("{at} is this proxy's, which runs")),
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

    #[test]
    fn what_the_configuration_listens_on() {
        let listen = "127.0.0.1:3021".parse().expect("an address");
        let held = |occupant| port(&Port { key: "peer.listen", protocol: Protocol::Udp, listen, occupant });
        check(&held(Occupant::Nobody), Severity::Ok, "127.0.0.1:3021/udp is free");
        check(&held(Occupant::Warren), Severity::Ok, "127.0.0.1:3021/udp is this proxy's, which runs");
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
        check(&good(Lifetime::Absent), Severity::Ok, "none yet in /x");
        check(&good(Lifetime::Unreadable("cannot read".into())), Severity::Problem, "cannot read");
    }
}
