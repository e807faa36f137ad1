//! One dial that arrives over more than one tunnel, and the one connection to its target.
//!
//! A proxy that waits longer than usual for an answer sends the same dial, with the same trace, through another proxy. The stream that came last is
//! answered: the one before it may be the one whose way is dead.
//!
//! ```text
//!  first stream --> connecting --(another stream)--> connecting, the first is told so --> connected: answered on the last one
//!                                                                                            \-- a stream later than that waits a moment: most are
//!                                                                                                cancelled, as their proxy has the answer by then
//! ```
//! It must *never* keep a connection that nobody waits for, and *never* refuse a dial because of one before it: that answer may have been lost.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use warren_raft::{ClientName, ServiceName};

use crate::wire::DialHeader;

/// How long a stream waits that comes after the answer: a little more than the answer takes to the proxy where the client is, and its cancellation back.
const LATE: Duration = Duration::from_millis(500);
/// Most answers that are remembered for so long.
const MAX_ANSWERED: usize = 4096;

/// What two streams have in common that belong to one dial. The trace is random; the rest keeps a client from joining the dials of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    trace: [u8; 16],
    client: ClientName,
    service: ServiceName,
}

/// A way to a target, under way.
type Connecting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The dials that are connecting, and those that were answered a moment ago. `T` is what a dial waits for.
pub(super) struct Joins<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    known: BTreeMap<Key, Known<T>>,
    /// The answered ones, the oldest first.
    answered: VecDeque<(Instant, Key)>,
}

enum Known<T> {
    Connecting(Weak<Effort<T>>),
    /// Until then a further stream waits.
    Answered(Instant),
}

/// The one connection of a dial, made for whichever stream came last. It ends with the last of its streams.
struct Effort<T> {
    /// Nothing once it has been made.
    connecting: tokio::sync::Mutex<Option<Connecting<T>>>,
    /// The number of the stream that came last.
    turn: watch::Sender<u32>,
}

impl<T> fmt::Debug for Joins<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joins").field("known", &self.lock().known.len()).finish()
    }
}

/// A later stream of the same dial has taken this one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Superseded;

impl<T> Default for Joins<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { known: BTreeMap::new(), answered: VecDeque::new() }) }
    }
}

impl<T> Joins<T> {
    /// Waits for the connection of the dial, which `begin` makes unless it is being made for an earlier stream.
    ///
    /// # Errors
    /// [`Superseded`]
    pub(super) async fn connect(&self, header: &DialHeader, begin: impl Fn() -> Connecting<T>) -> Result<T, Superseded> {
        let key = Key { trace: header.trace.0, client: header.client.clone(), service: header.service.clone() };
        loop {
            let entered = self.enter(&key, Instant::now(), &begin);
            let place = match entered {
                Entered::Place(place) => place,
                Entered::Late(until) => {
                    sleep_until(until).await;
                    continue;
                }
            };
            // Without one it was answered while this stream took its place.
            if let Some(connected) = place.wait().await? {
                return Ok(connected);
            }
        }
    }

    fn enter(&self, key: &Key, now: Instant, begin: impl Fn() -> Connecting<T>) -> Entered<'_, T> {
        let mut state = self.lock();
        state.forget(now);
        let effort = match state.known.get(key) {
            Some(Known::Answered(until)) => return Entered::Late(*until),
            Some(Known::Connecting(effort)) => effort.upgrade(),
            None => None,
        };
        let effort = effort.unwrap_or_else(|| {
            let effort = Effort { connecting: tokio::sync::Mutex::new(Some(begin())), turn: watch::Sender::new(0) };
            Arc::new(effort)
        });
        state.known.insert(key.clone(), Known::Connecting(Arc::downgrade(&effort)));
        effort.turn.send_modify(|turn| *turn += 1);
        let turn = *effort.turn.borrow();
        Entered::Place(Place { joins: self, key: key.clone(), effort: Some(effort), turn })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Forgets the answers that are long enough ago, or too many.
    fn forget(&mut self, now: Instant) {
        while self.answered.front().is_some_and(|(until, _)| *until <= now) || self.answered.len() > MAX_ANSWERED {
            let Some((until, key)) = self.answered.pop_front() else { return };
            if matches!(self.known.get(&key), Some(Known::Answered(known)) if *known == until) {
                self.known.remove(&key);
            }
        }
    }
}

/// What a stream finds.
enum Entered<'a, T> {
    /// It is the one that waits for the connection now.
    Place(Place<'a, T>),
    /// The dial was answered; until then this stream is most likely to be cancelled.
    Late(Instant),
}

/// A stream that waits.
struct Place<'a, T> {
    joins: &'a Joins<T>,
    key: Key,
    /// There until it is dropped.
    effort: Option<Arc<Effort<T>>>,
    turn: u32,
}

impl<T> Place<'_, T> {
    /// Waits for the connection; `None` when another stream got it at the same moment.
    async fn wait(&self) -> Result<Option<T>, Superseded> {
        let Some(effort) = &self.effort else { return Ok(None) };
        let mut turns = effort.turn.subscribe();
        tokio::select! {
            biased;
            _ = turns.wait_for(|turn| *turn != self.turn) => Err(Superseded),
            connected = self.made(effort) => Ok(connected),
        }
    }

    async fn made(&self, effort: &Effort<T>) -> Option<T> {
        let mut connecting = effort.connecting.lock().await;
        let connected = connecting.as_mut()?.await;
        *connecting = None;
        let until = Instant::now() + LATE;
        let mut state = self.joins.lock();
        state.known.insert(self.key.clone(), Known::Answered(until));
        state.answered.push_back((until, self.key.clone()));
        Some(connected)
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        let mut state = self.joins.lock();
        self.effort = None;
        if matches!(state.known.get(&self.key), Some(Known::Connecting(effort)) if effort.strong_count() == 0) {
            state.known.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::wire::TraceId;

    fn header(trace: u8) -> DialHeader {
        DialHeader {
            trace: TraceId([trace; 16]),
            client: "c".parse().expect("a name"),
            client_address: String::new(),
            agent: "a".parse().expect("a name"),
            service: "s".parse().expect("a name"),
            budget_ms: 10_000,
            entered: None,
        }
    }

    /// A target that takes `wait` to accept, and counts how often it was asked and how many connections were given up.
    #[derive(Default)]
    struct Target {
        asked: AtomicUsize,
        given_up: Arc<AtomicUsize>,
    }

    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Target {
        fn after(&self, wait: Duration) -> impl Fn() -> Connecting<usize> + '_ {
            move || {
                let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
                let given_up = Counted(self.given_up.clone());
                Box::pin(async move {
                    tokio::time::sleep(wait).await;
                    std::mem::forget(given_up);
                    number
                })
            }
        }
    }

    const WAIT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_last_stream_gets_the_one_connection() {
        let (joins, target) = (Joins::default(), Target::default());
        let header = header(1);
        let stream = |after_ms| {
            let (joins, header, begin) = (&joins, &header, target.after(WAIT));
            async move {
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                (joins.connect(header, begin).await, Instant::now())
            }
        };
        let begun = Instant::now();
        let ((first, told), (second, told_too), (third, connected)) = tokio::join!(stream(0), stream(300), stream(600));
        assert_eq!((first, second, third), (Err(Superseded), Err(Superseded), Ok(1)));
        assert_eq!([told, told_too, connected].map(|at| (at - begun).as_millis()), [300, 600, 1000], "each is told at once");
        assert_eq!(target.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_after_the_answer_waits_to_be_cancelled_and_is_served_if_it_is_not() {
        let (joins, target) = (Joins::default(), Target::default());
        let header = header(1);
        assert_eq!(joins.connect(&header, target.after(WAIT)).await, Ok(1));
        let late = tokio::time::timeout(LATE / 2, joins.connect(&header, target.after(WAIT))).await;
        assert!(late.is_err(), "it was cancelled meanwhile");
        assert_eq!(target.asked.load(Ordering::SeqCst), 1);
        assert_eq!(joins.connect(&header, target.after(WAIT)).await, Ok(2), "the first answer was lost");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_nobody_waits_for_is_given_up_and_forgotten() {
        let (joins, target) = (Joins::default(), Target::default());
        for trace in 0..3 {
            let header = header(trace);
            let given_up = tokio::time::timeout(WAIT / 2, joins.connect(&header, target.after(WAIT))).await;
            assert!(given_up.is_err());
        }
        assert_eq!(target.given_up.load(Ordering::SeqCst), 3);
        assert!(joins.lock().known.is_empty());
        assert_eq!(joins.connect(&header(0), target.after(WAIT)).await, Ok(4), "the next stream begins anew, and at once");
    }

    #[tokio::test(start_paused = true)]
    async fn other_dials_are_not_joined_and_memory_is_bounded() {
        let (joins, target) = (Joins::default(), Target::default());
        let other = DialHeader { client: "d".parse().expect("a name"), ..header(1) };
        let (one, two) = (header(1), header(2));
        let [first, second, third] = [&one, &two, &other].map(|header| joins.connect(header, target.after(WAIT)));
        let (first, second, third) = tokio::join!(first, second, third);
        assert!([first, second, third].iter().all(Result::is_ok));
        assert_eq!(target.asked.load(Ordering::SeqCst), 3);
        for number in 0..u32::try_from(2 * MAX_ANSWERED).expect("few") {
            let mut trace = [9; 16];
            trace[..4].copy_from_slice(&number.to_be_bytes());
            let header = DialHeader { trace: TraceId(trace), ..header(1) };
            assert!(joins.connect(&header, target.after(Duration::ZERO)).await.is_ok());
        }
        assert!(joins.lock().known.len() <= MAX_ANSWERED + 1, "{}", joins.lock().known.len());
        tokio::time::sleep(LATE).await;
        assert!(joins.connect(&two, target.after(Duration::ZERO)).await.is_ok());
        assert_eq!(joins.lock().known.len(), 1);
    }
}
