//! A direction beside sides that do what a network may do.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use proptest::prelude::*;

use super::chunks::{CHUNKS, advance};
use super::direction::Direction;
use super::ended::{Broken, End};
use super::side::Side;
use crate::net::stalled::{Readers, StalledBudget};

/// What comes next from a side, or how it takes what it is given.
#[derive(Clone, Debug)]
enum Turn {
    /// Nothing now.
    Pends,
    /// So many bytes, in chunks of this length; or so many are taken at once.
    Bytes(usize, usize),
}

/// A side that is told in advance what it does. When its turns are over, its input has ended, and its output takes everything.
#[derive(Default)]
struct Scripted {
    input: VecDeque<Turn>,
    output: VecDeque<Turn>,
    given: Vec<u8>,
    made: usize,
    unflushed: bool,
    finished: bool,
    refuses: bool,
}

impl Side for Scripted {
    fn poll_take(&mut self, _: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>> {
        assert!(chunks.iter().all(Bytes::is_empty));
        match self.input.pop_front() {
            Some(Turn::Pends) => Poll::Pending,
            Some(Turn::Bytes(count, length)) => {
                let whole: Vec<u8> = (self.made..self.made + count).map(|index| u8::try_from(index % 251).expect("below 251")).collect();
                let pieces: Vec<_> = whole.chunks(length).take(chunks.len()).map(Bytes::copy_from_slice).collect();
                self.made += pieces.iter().map(Bytes::len).sum::<usize>();
                let filled = pieces.len();
                chunks.iter_mut().zip(pieces).for_each(|(chunk, piece)| *chunk = piece);
                Poll::Ready(Ok(filled))
            }
            None => Poll::Ready(Ok(0)),
        }
    }

    fn poll_give(&mut self, _: &mut Context<'_>, chunks: &mut [Bytes]) -> Poll<Result<usize, Broken>> {
        let offered: usize = chunks.iter().map(Bytes::len).sum();
        assert!(offered > 0 && !self.finished && !chunks[0].is_empty());
        let taken = match self.output.pop_front() {
            Some(Turn::Pends) => return Poll::Pending,
            Some(Turn::Bytes(count, _)) => count.min(offered),
            None => offered,
        };
        let mut left = taken;
        for chunk in &*chunks {
            let part = left.min(chunk.len());
            self.given.extend_from_slice(&chunk[..part]);
            left -= part;
        }
        advance(chunks, taken);
        self.unflushed = true;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        assert!(!self.unflushed, "what is kept back would be lost");
        self.finished = true;
        Poll::Ready(Ok(()))
    }

    fn poll_refused(&mut self, _: &mut Context<'_>) -> Poll<Broken> {
        if self.refuses { Poll::Ready(Broken(End::Reset)) } else { Poll::Pending }
    }
}

fn direction() -> Direction {
    let readers = Readers::new(StalledBudget::default());
    let [teller, _] = readers.begin([None; 2]).tellers();
    Direction::new(teller)
}

/// Polls until the end, and tells how often.
fn run(direction: &mut Direction, from: &mut Scripted, to: &mut Scripted) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    for polls in 1..100_000 {
        match direction.poll(&mut cx, from, to) {
            Poll::Ready(ended) => {
                ended.expect("neither side breaks");
                return polls;
            }
            Poll::Pending if from.input.front().is_none() => {}
            Poll::Pending => assert!(!to.finished),
        }
    }
    panic!("no end");
}

fn turns(longest: usize) -> impl Strategy<Value = VecDeque<Turn>> {
    let bytes = (1..longest, 1_usize..3_000).prop_map(|(count, length)| Turn::Bytes(count, length));
    proptest::collection::vec(prop_oneof![1 => Just(Turn::Pends), 3 => bytes], 0..40).prop_map(VecDeque::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the bytes come and however they are taken: all of them arrive, in their order, are counted, and then the end.
    #[test]
    fn all_of_it_arrives_and_then_the_end(input in turns(20_000), output in turns(2_000)) {
        let (mut from, mut to) = (Scripted { input, ..Scripted::default() }, Scripted { output, ..Scripted::default() });
        let mut direction = direction();
        run(&mut direction, &mut from, &mut to);
        prop_assert!(to.finished);
        prop_assert_eq!(to.given.len(), from.made);
        prop_assert!(to.given.iter().enumerate().all(|(index, byte)| usize::from(*byte) == index % 251));
        prop_assert_eq!(direction.moved_bytes(), from.made as u64);
    }
}

#[test]
fn a_reader_that_stalls_gets_no_more_than_one_batch() {
    let input: VecDeque<_> = (0..1_000).map(|_| Turn::Bytes(64_000, 1_000)).collect();
    let output = (0..50).map(|_| Turn::Pends).collect();
    let (mut from, mut to) = (Scripted { input, ..Scripted::default() }, Scripted { output, ..Scripted::default() });
    let mut direction = direction();
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..50 {
        assert!(direction.poll(&mut cx, &mut from, &mut to).is_pending());
    }
    assert!(to.given.is_empty() && from.made <= CHUNKS * 1_000, "{} bytes were taken for a reader that takes none", from.made);
}

#[test]
fn an_endless_stream_lets_others_have_their_turn() {
    let input: VecDeque<_> = (0..1_000).map(|_| Turn::Bytes(64_000, 1_000)).collect();
    let (mut from, mut to) = (Scripted { input, ..Scripted::default() }, Scripted::default());
    let polls = run(&mut direction(), &mut from, &mut to);
    assert!((100..=200).contains(&polls), "{polls} turns for 1,000 batches");
}

#[test]
fn what_was_given_is_sent_out_before_more_is_waited_for() {
    let input = VecDeque::from([Turn::Bytes(10, 10), Turn::Pends, Turn::Pends]);
    let (mut from, mut to) = (Scripted { input, ..Scripted::default() }, Scripted::default());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(direction().poll(&mut cx, &mut from, &mut to).is_pending());
    assert!(to.given.len() == 10 && !to.unflushed);
}

#[test]
fn a_far_end_that_gives_up_is_noticed_while_nothing_comes() {
    let input = VecDeque::from([Turn::Pends]);
    let (mut from, mut to) = (Scripted { input, ..Scripted::default() }, Scripted { refuses: true, ..Scripted::default() });
    let mut cx = Context::from_waker(Waker::noop());
    let ended = direction().poll(&mut cx, &mut from, &mut to);
    assert!(matches!(ended, Poll::Ready(Err(Broken(End::Reset)))), "{ended:?}");
}
