//! The checksums of TCP and UDP, which kernels leave to the network card: on a cable that is none, nobody fills them in.

const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Fills in the checksum of a frame with TCP or UDP over IPv4; others are left as they are.
pub(super) fn complete(frame: &mut [u8]) {
    if frame.len() < ETHERNET + 20 || frame[12..14] != IPV4 {
        return;
    }
    let packet = &mut frame[ETHERNET..];
    let header = usize::from(packet[0] & 0x0f) * 4;
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]])).min(packet.len());
    let protocol = packet[9];
    let field = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return,
    };
    if length < header + field + 2 {
        return;
    }
    packet[header + field..header + field + 2].fill(0);
    let body = &packet[header..length];
    // The pseudo header: both addresses, the protocol and the length (RFC 9293, section 3.1; RFC 768).
    let pseudo = sum(&packet[12..20]) + u32::from(protocol) + u32::try_from(body.len()).expect("a packet");
    let folded = fold(pseudo + sum(body));
    // UDP takes 0 for "none".
    let checksum = if folded == 0 && protocol == UDP { u16::MAX } else { folded };
    packet[header + field..header + field + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// Of 16-bit words.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| (u32::from(pair[0]) << 8) | pair.get(1).map_or(0, |low| u32::from(*low))).sum()
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("it is folded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_datagram_gets_its_checksum() {
        // 10.0.0.1:1000 to 10.0.0.2:2000, "hi!".
        let mut frame = vec![0; ETHERNET];
        frame[12..14].copy_from_slice(&IPV4);
        frame.extend([0x45, 0, 0, 31, 0, 0, 0, 0, 64, UDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0x03, 0xe8, 0x07, 0xd0, 0, 11, 0xff, 0xff]);
        frame.extend(b"hi!");
        complete(&mut frame);
        // 0a00+0001+0a00+0002 + 0011+000b + 03e8+07d0+000b + 6869+2100 = a94b, of which the complement.
        assert_eq!(frame[ETHERNET + 26..ETHERNET + 28], (!0xa94b_u16).to_be_bytes());
        let before = frame.clone();
        complete(&mut frame);
        assert_eq!(frame, before);
        frame.truncate(ETHERNET + 22);
        complete(&mut frame);
    }
}
