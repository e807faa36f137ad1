//! Messages one after the other on a stream, each with its length in front.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use warren::wire::frame::{self, FrameError};
use warren::wire::{AgentMessage, Heard};

use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "frame", reads: "the framing of every message: a length and as many bytes", run: target, seeds };

/// The first byte says how long a message may be: 8 times 2 to its power, at most what control connections take.
fn target(data: &[u8]) -> Outcome {
    let Some((first, mut stream)) = data.split_first() else { return Outcome::refused("nothing", &"no limit") };
    let limit = (8_usize << (first % 20)).min(frame::MAX_CONTROL);
    let mut heard = 0_usize;
    loop {
        let before = stream;
        match at_once(frame::hear::<AgentMessage>(&mut stream, limit)) {
            Ok(message) => {
                let taken = &before[..before.len() - stream.len()];
                assert!(taken.len() <= limit + 4, "{} bytes were taken where {limit} are the most", taken.len());
                if let Heard::Known(message) = message {
                    let written = frame::encode(&message, limit).expect("what was read is not too long to be written");
                    assert!(written.len() <= taken.len());
                }
                heard = (heard + 1).min(3);
            }
            Err(FrameError::TooLong { length, limit: told }) => {
                assert!(length > limit && told == limit && before.len() - stream.len() == 4, "only the length is taken");
                return Outcome::refused("frame", &format!("too long after {}", "heard ".repeat(heard)));
            }
            Err(FrameError::Garbled(error)) => return Outcome::refused("frame", &error),
            Err(FrameError::Stream(_)) if before.is_empty() && heard > 0 => return Outcome::plain("frame", &"heard ".repeat(heard)),
            Err(FrameError::Stream(error)) => return Outcome::refused("frame", &error.kind()),
        }
    }
}

/// What a future gives that never has to wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a stream from memory never lets anybody wait"),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let retire = [0, 0, 0, 1, 1];
    let later = [0, 0, 0, 3, 99, 0xff, 0xff];
    let renew = [0, 0, 0, 4, 0, 2, 1, 2];
    vec![
        [&[9], retire.as_slice(), &renew, &later].concat(),
        [&[0], retire.as_slice(), &[0, 0, 0, 9, 0, 7, 1, 1, 1, 1, 1, 1, 1]].concat(),
        vec![19, 0xff, 0xff, 0xff, 0xff, 1],
        vec![19, 0, 0x40, 0, 0, 1],
        vec![9, 0, 0, 0, 9, 8],
        vec![9, 0, 0, 0, 2, 0, 0xff],
        vec![9, 0, 0, 0, 0],
    ]
}
