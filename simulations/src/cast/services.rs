//! What is behind the agents: a port for each, that says whose it is and does what it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;
use warren::net::Stream;

use super::Order;
use super::stage::Stage;
use crate::plan::{Mode, Seats};
use crate::world::{Exit, Program};

/// How many bytes a client begins with: the mode, the dial's number, how many bytes.
pub(super) const HEADER: usize = 1 + 8 + 4;
/// The first port.
const FIRST: u16 = 7_000;
/// A port at which nobody listens.
const NOBODY: u16 = 6_999;
/// How long a digest is thought about: the other direction has long been closed by then.
const THOUGHT: Duration = Duration::from_millis(200);

/// Where an agent's services are: the one that works, and one at which nobody listens.
pub fn ports(agent: u16) -> (SocketAddr, SocketAddr) {
    (SocketAddr::new(Seats::SERVICES.ip(), FIRST + agent), SocketAddr::new(Seats::SERVICES.ip(), NOBODY))
}

/// What a client begins with.
pub(super) fn header(mode: Mode, number: u64, bytes: u32) -> Vec<u8> {
    [&[mode as u8][..], &number.to_be_bytes(), &bytes.to_be_bytes()].concat()
}

/// The bytes of a dial (SplitMix64).
pub(super) fn bytes_of(number: u64, count: u32) -> Vec<u8> {
    let mut state = number;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    });
    words.flat_map(u64::to_be_bytes).take(count as usize).collect()
}

/// What bytes come to (FNV-1a).
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The program of the machine behind all agents.
pub fn services(stage: Stage, agents: u16) -> Program<Order> {
    Arc::new(move |mut life| {
        let stage = stage.clone();
        Box::pin(async move {
            let tasks = TaskTracker::new();
            for agent in 0..agents {
                let (address, _) = ports(agent);
                let mut listener = match life.env.net.listen(address).await {
                    Ok(listener) => listener,
                    Err(error) => return Exit::Failed(error.to_string()),
                };
                let (owned, stage) = (tasks.clone(), stage.clone());
                tasks.spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        stage.target_connected(agent);
                        owned.spawn(serve(agent, stream));
                    }
                });
            }
            while life.orders.recv().await.is_some() {}
            Exit::Done
        })
    })
}

async fn serve(agent: u16, mut stream: Box<dyn Stream>) {
    // Whoever breaks off has had enough; that a stream broke is the client's to judge.
    let done = work(agent, &mut stream).await;
    match done {
        Ok(Then::End) => stream.disarm(),
        Ok(Then::Reset) | Err(_) => stream.abort(),
    }
}

/// How a stream is left.
enum Then {
    End,
    Reset,
}

async fn work(agent: u16, stream: &mut Box<dyn Stream>) -> std::io::Result<Then> {
    stream.arm();
    stream.write_all(&agent.to_be_bytes()).await?;
    let mut head = [0; HEADER];
    stream.read_exact(&mut head).await?;
    let (number, count) = (&head[1..9], &head[9..]);
    let number = u64::from_be_bytes(number.try_into().expect("eight bytes"));
    let count = u32::from_be_bytes(count.try_into().expect("four bytes"));
    let mode = head[0];
    if mode == Mode::Digest as u8 {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await?;
        sleep(THOUGHT).await;
        stream.write_all(&digest(&all).to_be_bytes()).await?;
    } else if mode == Mode::Source as u8 || mode == Mode::Slow as u8 || mode == Mode::Stall as u8 || mode == Mode::Reset as u8 {
        stream.write_all(&bytes_of(number, count)).await?;
        if mode == Mode::Reset as u8 {
            return Ok(Then::Reset);
        }
    } else {
        echo(stream).await?;
    }
    stream.shutdown().await?;
    if mode != Mode::Echo as u8 && mode != Mode::Any as u8 && mode != Mode::Long as u8 && mode != Mode::Digest as u8 {
        // The client's end.
        stream.read_to_end(&mut Vec::new()).await?;
    }
    Ok(Then::End)
}

async fn echo(stream: &mut Box<dyn Stream>) -> std::io::Result<()> {
    let mut buf = vec![0; 16 << 10];
    loop {
        let read = stream.read(&mut buf).await?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&buf[..read]).await?;
    }
}
