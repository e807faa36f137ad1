//! Which packets go together into one send.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use quinn::AsyncUdpSocket;
use quinn::udp::{EcnCodepoint, Transmit};

/// What one send can carry: a packet of IPv4 has 65,535 bytes, 20 of them its header and 8 that of UDP.
const MAX_SEND: usize = 65_507;

/// Packets that have been taken from quinn and not yet been given to the kernel: all to one destination, all of one size but the last.
///
/// quinn gives at most ten packets at a time, whatever their size. Small ones are gathered, since what a send costs depends little on how many it
/// carries; of large ones the kernel takes fewer, and so they are divided.
#[derive(Debug, Default)]
pub(super) struct Gather {
    head: Option<Head>,
    /// The packets, one after another.
    bytes: Vec<u8>,
    /// How many of the bytes the kernel has.
    sent: usize,
}

/// What the packets have in common.
#[derive(Debug, Clone)]
struct Head {
    socket: Arc<dyn AsyncUdpSocket>,
    destination: SocketAddr,
    ecn: Option<EcnCodepoint>,
    src_ip: Option<IpAddr>,
    /// The size of each packet but the last.
    segment: usize,
    growth: Growth,
}

/// Whether more packets may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    Open,
    /// The last packet is a short one, or the only one is a probe: it may be too large to be sent at all, and must take no other with it.
    Closed,
}

impl Gather {
    /// Takes a transmit as a whole, sending what is gathered when it is enough.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the kernel has not even taken what was there before: then nothing of this transmit is taken. Others as the socket gives them.
    pub(super) fn push(&mut self, socket: &Arc<dyn AsyncUdpSocket>, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.head.as_ref().is_some_and(|head| !head.takes(socket, transmit) || self.bytes.len() >= head.per_send()) {
            self.flush()?;
        }
        let mut rest = transmit.contents;
        if self.head.is_some() {
            rest = self.fill(rest);
            if rest.is_empty() {
                self.settle(transmit);
                return Ok(());
            }
            if let Err(error) = self.flush() {
                return self.keep(error, transmit, rest);
            }
        }
        let head = Head::of(socket, transmit);
        let per_send = head.per_send();
        // What fills a send by itself needs no copy.
        while rest.len() >= per_send {
            let (piece, after) = rest.split_at(per_send);
            match head.send(piece) {
                Ok(()) => rest = after,
                Err(error) if rest.len() == transmit.contents.len() => return Err(error),
                Err(error) => return self.begin(head).keep(error, transmit, rest),
            }
        }
        if !rest.is_empty() {
            self.begin(head).bytes.extend_from_slice(rest);
            self.settle(transmit);
        }
        Ok(())
    }

    /// Gives the kernel what is gathered.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it did not take all of it; the rest stays. After any other error nothing stays, as after a loss.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(head) = &self.head else { return Ok(()) };
        let per_send = head.per_send();
        let mut outcome = Ok(());
        while self.sent < self.bytes.len() {
            let end = self.bytes.len().min(self.sent + per_send);
            match head.send(&self.bytes[self.sent..end]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                sent => outcome = outcome.and(sent),
            }
            self.sent = end;
        }
        self.forget();
        outcome
    }

    /// Drops what is gathered, and keeps the buffer.
    pub(super) fn forget(&mut self) {
        self.head = None;
        self.bytes.clear();
        self.sent = 0;
    }

    /// Whether a further transmit could go with what is gathered.
    pub(super) fn has_room(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.growth == Growth::Open && self.bytes.len() < head.per_send())
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// The socket that what is gathered goes to.
    pub(super) fn socket(&self) -> Option<Arc<dyn AsyncUdpSocket>> {
        self.head.as_ref().map(|head| head.socket.clone())
    }

    fn begin(&mut self, head: Head) -> &mut Self {
        self.head = Some(head);
        self
    }

    /// Takes as much of `contents` as one send can carry with what is there, and gives the rest back.
    fn fill<'c>(&mut self, contents: &'c [u8]) -> &'c [u8] {
        let room = self.head.as_ref().map_or(0, |head| head.per_send().saturating_sub(self.bytes.len()));
        let (fits, rest) = contents.split_at(contents.len().min(room));
        self.bytes.extend_from_slice(fits);
        rest
    }

    /// Keeps what the kernel did not take of a transmit that is begun: to hand it back would send its beginning twice.
    fn keep(&mut self, error: io::Error, transmit: &Transmit<'_>, rest: &[u8]) -> io::Result<()> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(error);
        }
        self.bytes.extend_from_slice(rest);
        self.settle(transmit);
        Ok(())
    }

    /// Decides, after the end of `transmit` was taken, whether another may follow it.
    fn settle(&mut self, transmit: &Transmit<'_>) {
        let Some(head) = &mut self.head else { return };
        let is_whole = transmit.contents.len().is_multiple_of(head.segment);
        let is_alone = transmit.segment_size.is_none() && self.bytes.len() == transmit.contents.len();
        head.growth = if is_whole && !is_alone { Growth::Open } else { Growth::Closed };
    }
}

impl Head {
    fn of(socket: &Arc<dyn AsyncUdpSocket>, transmit: &Transmit<'_>) -> Self {
        Self {
            socket: socket.clone(),
            destination: transmit.destination,
            ecn: transmit.ecn,
            src_ip: transmit.src_ip,
            segment: transmit.segment_size.unwrap_or(transmit.contents.len()).max(1),
            growth: Growth::Open,
        }
    }

    fn takes(&self, socket: &Arc<dyn AsyncUdpSocket>, transmit: &Transmit<'_>) -> bool {
        let fits = transmit.segment_size.map_or(transmit.contents.len() <= self.segment, |segment| segment == self.segment);
        self.growth == Growth::Open
            && fits
            && (self.destination, self.ecn, self.src_ip) == (transmit.destination, transmit.ecn, transmit.src_ip)
            && Arc::ptr_eq(&self.socket, socket)
    }

    /// How many bytes one send carries, a whole number of packets.
    fn per_send(&self) -> usize {
        per_send(&self.socket, self.segment)
    }

    fn send(&self, contents: &[u8]) -> io::Result<()> {
        let segment_size = (contents.len() > self.segment).then_some(self.segment);
        let Self { destination, ecn, src_ip, .. } = *self;
        self.socket.try_send(&Transmit { destination, ecn, contents, segment_size, src_ip })
    }
}

/// Sends a transmit outside of any driver: quinn has one packet then.
///
/// # Errors
/// The socket's. After [`io::ErrorKind::WouldBlock`] quinn gives the whole transmit again, and what had been sent of it is a duplicate.
pub(super) fn send_at_once(socket: &Arc<dyn AsyncUdpSocket>, transmit: &Transmit<'_>) -> io::Result<()> {
    let head = Head::of(socket, transmit);
    transmit.contents.chunks(head.per_send()).try_for_each(|piece| head.send(piece))
}

fn per_send(socket: &Arc<dyn AsyncUdpSocket>, segment: usize) -> usize {
    // It falls to one where the network interface turns out to be unable.
    (MAX_SEND / segment).clamp(1, socket.max_transmit_segments().max(1)) * segment
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, Room};
    use super::*;

    fn transmit(contents: &[u8], segment_size: Option<usize>) -> Transmit<'_> {
        Transmit { destination: ([127, 0, 0, 1], 9).into(), ecn: None, contents, segment_size, src_ip: None }
    }

    /// Each row: what quinn gives (how many bytes, in packets of which size), and what the kernel gets.
    #[test]
    fn small_sends_are_gathered_and_large_ones_divided() {
        type Sends = &'static [(usize, Option<usize>)];
        let table: [(&str, Sends, Sends); 9] = [
            ("one packet", &[(40, None)], &[(40, None)]),
            ("twice ten", &[(14_520, Some(1_452)), (14_520, Some(1_452))], &[(29_040, Some(1_452))]),
            ("a tail", &[(14_520, Some(1_452)), (700, None)], &[(15_220, Some(1_452))]),
            (
                "nothing after a short packet",
                &[(14_000, Some(1_452)), (14_520, Some(1_452))],
                &[(14_000, Some(1_452)), (14_520, Some(1_452))],
            ),
            (
                "a probe goes alone",
                &[(14_520, Some(1_452)), (1_472, None), (1_000, None)],
                &[(14_520, Some(1_452)), (1_472, None), (1_000, None)],
            ),
            ("of another size", &[(2_904, Some(1_452)), (2_400, Some(1_200))], &[(2_904, Some(1_452)), (2_400, Some(1_200))]),
            ("more than a send carries", &[(14_520, Some(1_452)); 5], &[(65_340, Some(1_452)), (7_260, Some(1_452))]),
            (
                "jumbo",
                &[(89_720, Some(8_972)), (89_720, Some(8_972))],
                &[(62_804, Some(8_972)), (62_804, Some(8_972)), (53_832, Some(8_972))],
            ),
            ("the largest", &[(130_000, Some(65_000))], &[(65_000, None), (65_000, None)]),
        ];
        for (what, given, expected) in table {
            let (fake, mut gather) = (Fake::new(64), Gather::default());
            let socket = fake.socket();
            for (size, segment) in given {
                gather.push(&socket, &transmit(&vec![0; *size], *segment)).expect("there is room");
            }
            gather.flush().expect("there is room");
            assert_eq!(fake.sent(), expected, "{what}");
            assert_eq!(gather.len(), 0, "{what}");
        }
    }

    #[test]
    fn an_interface_without_segmentation_gets_packets() {
        let (fake, mut gather) = (Fake::new(1), Gather::default());
        gather.push(&fake.socket(), &transmit(&[0; 3_000], Some(1_452))).expect("there is room");
        gather.flush().expect("there is room");
        assert_eq!(fake.sent(), [(1_452, None), (1_452, None), (96, None)]);
    }

    #[test]
    fn what_the_kernel_does_not_take_stays_once() {
        let (fake, mut gather) = (Fake::new(64), Gather::default());
        let socket = fake.socket();
        fake.make_room(Room::For(1));
        gather.push(&socket, &transmit(&[0; 89_720], Some(8_972))).expect("it is taken as a whole");
        assert_eq!((fake.sent().len(), gather.len()), (1, 26_916));
        let refused = gather.flush().expect_err("no room");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        // A further one that does not fit is not taken at all, and no byte of it is kept.
        let refused = gather.push(&socket, &transmit(&[0; 2_400], Some(1_200))).expect_err("no room");
        assert_eq!((refused.kind(), gather.len()), (io::ErrorKind::WouldBlock, 26_916));
        fake.make_room(Room::Plenty);
        gather.push(&socket, &transmit(&[0; 2_400], Some(1_200))).expect("there is room");
        gather.flush().expect("there is room");
        assert_eq!(fake.sent(), [(62_804, Some(8_972)), (26_916, Some(8_972)), (2_400, Some(1_200))]);
    }

    #[test]
    fn a_kernel_without_room_gets_the_whole_transmit_again_from_quinn() {
        let (fake, mut gather) = (Fake::new(64), Gather::default());
        fake.make_room(Room::For(0));
        let refused = gather.push(&fake.socket(), &transmit(&[0; 89_720], Some(8_972))).expect_err("no room");
        assert_eq!((refused.kind(), gather.len(), fake.sent().len()), (io::ErrorKind::WouldBlock, 0, 0));
    }

    proptest::proptest! {
        /// Every byte goes once and in order, with as many bytes in each packet as quinn meant, whatever room the kernel has.
        #[test]
        fn nothing_is_lost_or_doubled(given in proptest::collection::vec((1_usize..12, 1_200_usize..9_000, 0_usize..3), 1..30)) {
            let (fake, mut gather) = (Fake::new(64), Gather::default());
            let socket = fake.socket();
            let (mut expected, mut next) = (Vec::new(), 0_u8);
            for (packets, size, room) in given {
                let contents: Vec<u8> = (0..packets * size).map(|_| { next = next.wrapping_add(1); next }).collect();
                expected.extend(contents.chunks(size).map(<[u8]>::to_vec));
                fake.make_room(Room::For(room));
                let transmit = transmit(&contents, (packets > 1).then_some(size));
                if gather.push(&socket, &transmit).is_err() {
                    fake.make_room(Room::Plenty);
                    gather.push(&socket, &transmit).expect("there is room");
                }
            }
            fake.make_room(Room::Plenty);
            gather.flush().expect("there is room");
            proptest::prop_assert_eq!(fake.packets(), expected);
        }
    }
}
