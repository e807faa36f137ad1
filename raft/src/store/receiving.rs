//! A snapshot that comes from a leader: in order or not, damaged, broken off, without room. The old state stays until the new one is whole.

use std::sync::Arc;

use bytes::Bytes;
use openraft::CommittedLeaderId;

use super::RoutingStore;
use super::message::{Received, Refusal, Request, Response, SnapshotPiece};
use super::receiver::WINDOW;
use super::records::encode;
use super::refusals::{config, open};
use super::state::Image;
use super::state::codec::Encoder;
use super::types::{LogId, Vote};
use crate::command::{Bootstrap, Command, Enrollment, NewToken, Proposal};
use crate::disk::MemoryDisk;
use crate::ids::{ClusterId, Incarnation, KeyHash, ProxyId, Timestamp, TokenId};
use crate::table::{Strategy, TokenRole};

const AGENTS: u64 = 6_000;
/// Commands in one proposal.
const BATCH: usize = 500;
/// Agents of one token.
const USES: u64 = 500;

/// A state of several pieces, as of this entry.
fn image(index: u64) -> Image {
    image_of(index, AGENTS)
}

/// The same of so many agents.
pub(super) fn image_of(index: u64, agents: u64) -> Image {
    let (id, key) = (ClusterId([7; 16]), KeyHash([1; 32]));
    let (name, proxy) = ("warren".to_owned(), "proxy-1".parse().expect("a name"));
    let strategy = Strategy::default();
    let bootstrap = Bootstrap { id, name, ca_certificate: vec![1], ca_key: vec![2], strategy, proxy, key };
    // A token knows who has used it, in one record.
    let token = |n: u64| TokenId((n / USES).to_be_bytes());
    let create = |n: u64| {
        let (id, name, expires_at) = (token(n * USES), "*".parse().expect("a glob"), Timestamp(u64::MAX));
        Command::CreateToken(NewToken { id, secret: key, role: TokenRole::Agent, name, allow: vec![], expires_at, uses: u32::MAX })
    };
    let enroll = |n: u64| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        Command::Enroll(Enrollment {
            token: token(n),
            secret: KeyHash([1; 32]),
            role: TokenRole::Agent,
            name: format!("agent-with-a-name-as-long-as-a-label-may-be-in-hostnames-{n}"),
            key: KeyHash(key),
        })
    };
    let tokens = (0..agents.div_ceil(USES)).map(create);
    let commands = [Command::Bootstrap(Box::new(bootstrap))].into_iter().chain(tokens).chain((0..agents).map(enroll)).collect();
    let mut image = Image { last_applied: Some(log_id(index)), ..Image::default() };
    propose(&mut image, 0, commands);
    image
}

/// Applies commands as a proxy proposes them, some at a time; `earlier` is how many came before.
pub(super) fn propose(image: &mut Image, earlier: u64, commands: Vec<Command>) {
    for (commands, number) in commands.chunks(BATCH).zip(earlier + 1..) {
        let (proposer, incarnation, commands) = (ProxyId(1), Incarnation(1), commands.to_vec());
        let proposal = Proposal { proposer, incarnation, number, at: Timestamp(1), commands };
        assert!(image.table.apply(&proposal).iter().all(Result::is_ok));
    }
}

pub(super) fn log_id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(5, ProxyId(2)), index)
}

/// A member that takes snapshots from proxy 2, the leader of term 5.
pub(super) struct Target {
    disk: Arc<MemoryDisk>,
    pub(super) store: RoutingStore,
}

impl Target {
    pub(super) async fn new() -> Self {
        let disk = Arc::new(MemoryDisk::default());
        let store = open(config(1), &disk).await.expect("a new store");
        Self { disk, store }
    }

    async fn send(&self, term: u64, index: u64, number: u32, piece: &[u8]) -> Response {
        let vote = Vote::new_committed(term, ProxyId(2));
        let sent = SnapshotPiece { vote, last: Some(log_id(index)), number, piece: Bytes::copy_from_slice(piece) };
        let answer = self.store.handle(ProxyId(2), Bytes::from(encode(&Request::InstallSnapshot(sent)))).await;
        postcard::from_bytes(&answer.expect("a request")).expect("an answer")
    }

    pub(super) async fn received(&self, index: u64, number: u32, piece: &[u8]) -> Received {
        let answer = self.send(5, index, number, piece).await;
        let Response::InstallSnapshot(progress) = answer else { panic!("not taken: {answer:?}") };
        progress.received
    }

    fn agents(&self) -> usize {
        self.store.table().agents().count()
    }
}

pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).expect("few")
}

#[tokio::test]
async fn pieces_may_come_out_of_order_and_twice() {
    let (target, pieces): (_, Vec<_>) = (Target::new().await, Encoder::new(&image(9)).collect());
    assert!(pieces.len() > 6, "{}", pieces.len());
    let last = pieces.len() - 1;
    assert_eq!(target.received(9, 1, &pieces[1]).await, Received::Before(0), "nothing has begun");
    assert_eq!(target.received(9, 0, &pieces[0]).await, Received::Before(1));
    assert_eq!(target.received(9, 0, &pieces[0]).await, Received::Before(1), "again");
    assert_eq!(target.received(9, 2, &pieces[2]).await, Received::Before(1), "it is kept");
    assert_eq!(target.received(9, 1 + WINDOW, &pieces[1 + WINDOW as usize]).await, Received::Before(1), "it is too early");
    assert_eq!(target.received(9, 1, &pieces[1]).await, Received::Before(3));
    for (place, piece) in pieces.iter().enumerate().take(last).skip(3) {
        assert_eq!(target.received(9, number(place), piece).await, Received::Before(number(place) + 1));
        assert_eq!(target.agents(), 0, "not before it is whole");
    }
    assert_eq!(target.received(9, number(last), &pieces[last]).await, Received::All);
    assert_eq!(target.agents() as u64, AGENTS);
    assert_eq!(target.received(9, 0, &pieces[0]).await, Received::All, "it has it already");
    assert_eq!((target.store.status().snapshot_index, target.store.usage().snapshot_index), (9, 9));
    target.store.shutdown().await;
    let again = open(config(1), &Arc::new(target.disk.after_crash())).await.expect("it opens again");
    assert_eq!(again.table().agents().count() as u64, AGENTS);
    again.shutdown().await;
}

#[tokio::test]
async fn a_damaged_piece_ends_it_and_a_new_try_succeeds() {
    let (target, pieces): (_, Vec<_>) = (Target::new().await, Encoder::new(&image(9)).collect());
    target.received(9, 0, &pieces[0]).await;
    let mut damaged = pieces[1].clone();
    damaged[5_000] ^= 4;
    let refused = target.send(5, 9, 1, &damaged).await;
    assert!(matches!(&refused, Response::Refused(Refusal::Snapshot(reason)) if reason.contains("piece 1 is damaged")), "{refused:?}");
    assert_eq!(target.received(9, 1, &pieces[1]).await, Received::Before(0), "it begins anew");
    for (place, piece) in pieces.iter().enumerate() {
        target.received(9, number(place), piece).await;
    }
    assert_eq!(target.agents() as u64, AGENTS);
    target.store.shutdown().await;
}

#[tokio::test]
async fn a_sender_that_changes_begins_anew() {
    let target = Target::new().await;
    let (old, new): (Vec<_>, Vec<_>) = (Encoder::new(&image(9)).collect(), Encoder::new(&image(12)).collect());
    target.received(9, 0, &old[0]).await;
    target.received(9, 1, &old[1]).await;
    assert_eq!(target.received(12, 2, &new[2]).await, Received::Before(0), "that one has not begun");
    assert_eq!(target.received(9, 2, &old[2]).await, Received::Before(3), "and this one goes on");
    for (place, piece) in new.iter().enumerate() {
        target.received(12, number(place), piece).await;
        if place == 0 {
            assert_eq!(target.received(9, 3, &old[3]).await, Received::Before(0), "there is one at a time");
        }
    }
    assert_eq!(target.store.usage().snapshot_index, 12);
    let stale = target.send(4, 20, 0, &new[0]).await;
    assert!(matches!(&stale, Response::InstallSnapshot(progress) if progress.vote > Vote::new_committed(4, ProxyId(2))), "{stale:?}");
    target.store.shutdown().await;
}

#[tokio::test]
async fn a_full_disk_and_a_crash_in_the_middle_leave_the_old_snapshot() {
    let target = Target::new().await;
    let (old, new): (Vec<_>, Vec<_>) = (Encoder::new(&image(9)).collect(), Encoder::new(&image(12)).collect());
    for (place, piece) in old.iter().enumerate() {
        target.received(9, number(place), piece).await;
    }
    target.received(12, 0, &new[0]).await;
    target.disk.fill();
    let refused = target.send(5, 12, 1, &new[1]).await;
    assert!(matches!(&refused, Response::Refused(Refusal::Snapshot(reason)) if reason.contains("no space left")), "{refused:?}");
    target.disk.make_room();
    assert_eq!(target.received(12, 1, &new[1]).await, Received::Before(0));
    target.received(12, 0, &new[0]).await;
    target.received(12, 1, &new[1]).await;
    let crashed = Arc::new(target.disk.after_crash());
    target.store.shutdown().await;
    let again = open(config(1), &crashed).await.expect("it opens again");
    assert_eq!((again.usage().snapshot_index, again.table().agents().count() as u64), (9, AGENTS));
    again.shutdown().await;
}
