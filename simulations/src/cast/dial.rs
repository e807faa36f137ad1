//! A dial: what a client does over one, and how it ended.

use std::time::Duration;

use quinn::{ReadError, ReadExactError, RecvStream, SendStream, VarInt};
use tokio::time::{sleep, timeout};
use warren::client::{Dialled as Stream, Session};
use warren::failure::{Code, Failure, Stage as Where};
use warren::target::Target;

use super::services::{HEADER, bytes_of, digest, header};
use super::stage::Stage;
use crate::plan::{Dial, Mode};

/// A stream that stands and in which nothing moves for so long has been forgotten by somebody.
const STUCK: Duration = Duration::from_secs(60);
/// How long a client reads nothing that stalls.
const STALL: Duration = Duration::from_secs(12);
/// How much is written and read at a time.
const PIECE: usize = 16 << 10;

/// What is known of a dial.
#[derive(Clone, Debug)]
pub struct Dialled {
    /// What was asked for.
    pub dial: Dial,
    /// When, in microseconds of the world.
    pub asked_us: u64,
    /// How long the answer took, by the client's clock.
    pub answered: Option<Duration>,
    /// The proxies on the way.
    pub path: Vec<u64>,
    /// The proxy that it failed at, if it did.
    pub failed_at: Option<String>,
    /// How it has ended, if it has.
    pub outcome: Option<Outcome>,
    /// Bytes that came back and were right.
    pub compared: u64,
}

/// How a dial has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was refused, or failed, with this code at this stage.
    Failed(Code, Where, String),
    /// All bytes came, and the end.
    Whole,
    /// It stood, and was reset.
    Broken(String),
    /// Something came that must not come.
    Wrong(String),
    /// The client went away.
    Abandoned,
}

impl Dialled {
    /// One that begins.
    pub fn new(dial: Dial, asked_us: u64) -> Self {
        Self { dial, asked_us, answered: None, path: Vec::new(), failed_at: None, outcome: None, compared: 0 }
    }
}

/// Dials and does what is to be done, and tells the stage.
pub(super) async fn run(stage: Stage, session: Session, number: u64, dial: Dial) {
    let began = tokio::time::Instant::now();
    let target = target(&dial);
    let answer = session.dial(&target, Duration::from_millis(dial.timeout_ms)).await;
    stage.note_dial(number, |record| record.answered = Some(began.elapsed()));
    let outcome = match answer {
        Err(failure) => {
            stage.note_dial(number, |record| record.failed_at = failure.proxy().map(str::to_owned));
            failed(&failure)
        }
        Ok(stream) => {
            let path: Vec<_> = stream.path.iter().map(|proxy| proxy.0).collect();
            stage.trace().event(format_args!("dial {number} connected by {path:?} after {:?}", began.elapsed()));
            stage.note_dial(number, |record| record.path.clone_from(&path));
            let done = timeout(STUCK + Duration::from_secs(60), talk(&stage, number, &dial, stream)).await;
            done.unwrap_or_else(|_| Outcome::Wrong("nothing moves, and nobody says so".to_owned()))
        }
    };
    stage.trace().event(format_args!("dial {number} of {target}: {outcome:?}"));
    stage.note_dial(number, |record| record.outcome = Some(outcome));
}

fn target(dial: &Dial) -> Target {
    let service = match dial.mode {
        Mode::Refused => "nobody",
        Mode::Unknown => "unknown",
        Mode::Denied => "secret",
        Mode::Echo | Mode::Digest | Mode::Source | Mode::Reset | Mode::Slow | Mode::Stall | Mode::Long | Mode::Any => "work",
    };
    let text = if dial.mode == Mode::Any { format!("any/{service}") } else { format!("agent-{}/{service}", dial.agent) };
    text.parse().expect("these are names")
}

fn failed(failure: &Failure) -> Outcome {
    Outcome::Failed(failure.code(), failure.stage(), [&[failure.message().to_owned()][..], failure.causes()].concat().join(", caused by: "))
}

/// Why a stream is not whole.
enum Ended {
    Broken(String),
    Wrong(String),
}

impl From<ReadError> for Ended {
    fn from(error: ReadError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<quinn::WriteError> for Ended {
    fn from(error: quinn::WriteError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<ReadExactError> for Ended {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::FinishedEarly(read) => Self::Wrong(format!("it ended in good order after {read} bytes of a piece")),
            ReadExactError::ReadError(error) => error.into(),
        }
    }
}

async fn talk(stage: &Stage, number: u64, dial: &Dial, stream: Stream) -> Outcome {
    let Stream { mut send, mut recv, sending, .. } = stream;
    let talked = if dial.mode == Mode::Long {
        long(stage, number, (&mut send, &mut recv)).await
    } else {
        once(stage, number, dial, (&mut send, &mut recv)).await
    };
    drop(sending);
    match talked {
        Ok(()) => Outcome::Whole,
        Err(Ended::Broken(how)) => {
            let _ = send.reset(VarInt::from_u32(0));
            Outcome::Broken(how)
        }
        Err(Ended::Wrong(what)) => Outcome::Wrong(what),
    }
}

async fn once(stage: &Stage, number: u64, dial: &Dial, (send, recv): (&mut SendStream, &mut RecvStream)) -> Result<(), Ended> {
    let payload = bytes_of(number, dial.bytes);
    let head = header(dial.mode, number, dial.bytes);
    let speak = async {
        send.write_all(&head).await?;
        if matches!(dial.mode, Mode::Echo | Mode::Digest | Mode::Any) {
            for piece in payload.chunks(PIECE) {
                send.write_all(piece).await?;
            }
            // Finished twice, or reset: the reader tells.
            let _ = send.finish();
        }
        Ok::<_, Ended>(())
    };
    let listen = async {
        greeted(dial, recv).await?;
        if dial.mode == Mode::Digest {
            let mut answer = [0; 8];
            recv.read_exact(&mut answer).await?;
            if u64::from_be_bytes(answer) != digest(&payload) {
                return Err(Ended::Wrong("the service has read other bytes than were sent".to_owned()));
            }
        } else {
            compare(stage, number, dial, &payload, recv).await?;
        }
        if recv.read_chunk(1, true).await?.is_some() {
            return Err(Ended::Wrong("more came than was sent".to_owned()));
        }
        if dial.mode == Mode::Reset {
            return Err(Ended::Wrong("a reset came as an end in good order".to_owned()));
        }
        Ok(())
    };
    // What the reader sees says why, where both see something.
    let (spoke, listened) = tokio::join!(speak, listen);
    listened?;
    spoke?;
    let _ = send.finish();
    Ok(())
}

/// The service says first whose it is.
async fn greeted(dial: &Dial, recv: &mut RecvStream) -> Result<(), Ended> {
    let mut greeting = [0; 2];
    recv.read_exact(&mut greeting).await?;
    let agent = u16::from_be_bytes(greeting);
    if agent != dial.agent && dial.mode != Mode::Any {
        return Err(Ended::Wrong(format!("it leads to agent {agent}")));
    }
    Ok(())
}

async fn compare(stage: &Stage, number: u64, dial: &Dial, payload: &[u8], recv: &mut RecvStream) -> Result<(), Ended> {
    if dial.mode == Mode::Stall {
        sleep(STALL).await;
    }
    let mut buf = vec![0; PIECE];
    for (place, piece) in payload.chunks(PIECE).enumerate() {
        if dial.mode == Mode::Slow && place % 4 == 1 {
            sleep(Duration::from_millis(300)).await;
        }
        let read = &mut buf[..piece.len()];
        recv.read_exact(read).await?;
        if read != piece {
            return Err(Ended::Wrong(format!("other bytes came than were sent, in piece {place}")));
        }
        stage.note_dial(number, |record| record.compared += piece.len() as u64);
    }
    Ok(())
}

/// A few bytes there and back, until it ends.
async fn long(stage: &Stage, number: u64, (send, recv): (&mut SendStream, &mut RecvStream)) -> Result<(), Ended> {
    send.write_all(&header(Mode::Long, number, 0)).await?;
    let mut greeting = [0; 2];
    recv.read_exact(&mut greeting).await?;
    for round in 0_u64.. {
        if stage.is_quiet() {
            break;
        }
        let asked = [number.to_be_bytes(), round.to_be_bytes()].concat();
        send.write_all(&asked).await?;
        let mut answer = vec![0; asked.len()];
        let read = timeout(STUCK, recv.read_exact(&mut answer)).await;
        read.map_err(|_| Ended::Wrong("nothing came back for a minute, and nobody said so".to_owned()))??;
        if answer != asked {
            return Err(Ended::Wrong("another answer came than was sent".to_owned()));
        }
        stage.note_dial(number, |record| record.compared += asked.len() as u64);
        sleep(Duration::from_millis(400)).await;
    }
    let _ = send.finish();
    if recv.read_chunk(1, true).await?.is_some() {
        return Err(Ended::Wrong("more came than was sent".to_owned()));
    }
    Ok(())
}

const _: () = assert!(HEADER == 13, "the services read as much");
