//! The dialled streams that run through this proxy: counted, and cut together when a drain is over.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::tunnels::StreamPermit;
use crate::net::relay::Relayed;

/// The streams that run. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) running: Gauge,
    pub(super) opened: Counter,
    pub(super) cut: CutStreams,
    /// Counts how often all were cut.
    cuts: watch::Sender<u64>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { running: Gauge::default(), opened: Counter::default(), cut: CutStreams::default(), cuts: watch::Sender::new(0) }
    }
}

impl Streams {
    /// How many run now.
    pub(super) fn running(&self) -> u64 {
        u64::try_from(self.running.get()).unwrap_or_default()
    }

    /// Cuts those that run now, and tells how many that are.
    pub(super) fn cut(&self) -> u64 {
        let running = self.running();
        self.cuts.send_modify(|cuts| *cuts += 1);
        running
    }

    /// Counts streams that were cut.
    pub(super) fn cut_by(&self, why: Why, streams: u64) {
        self.cut.of(why).inc_by(streams);
    }

    /// Counts a stream from now on; one over a tunnel of this proxy is cut with that, too.
    pub(super) fn begin(&self, permit: Option<&StreamPermit>) -> RunningStream {
        self.running.inc();
        self.opened.inc();
        let tunnel = permit.map(StreamPermit::cut).unwrap_or_default();
        RunningStream { running: self.running.clone(), cut: self.cut.of(Why::Drain), cuts: self.cuts.subscribe(), tunnel }
    }
}

/// The streams that were cut, by the reason. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct CutStreams(pub(super) Family<CutLabels, Counter>);

impl Default for CutStreams {
    fn default() -> Self {
        let counted = Self(Family::default());
        // Shown from the beginning, so that nobody has to guess what they will be called.
        for why in [Why::Drain, Why::Stalled, Why::Denied] {
            drop(counted.of(why));
        }
        counted
    }
}

impl CutStreams {
    pub(super) fn of(&self, why: Why) -> Counter {
        let reason = match why {
            Why::Drain => "drain",
            Why::Stalled => "stalled",
            Why::Denied => "denied",
        };
        self.0.get_or_create(&CutLabels { reason }).clone()
    }
}

/// Why a stream was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A drain was over, or its tunnel was closed by one.
    Drain,
    /// Nobody read it, and there was no more memory for such streams.
    Stalled,
    /// Its client may not reach it any more, or its client or agent was removed.
    Denied,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CutLabels {
    reason: &'static str,
}

/// Counts a running stream until it is dropped.
#[derive(Debug)]
pub(super) struct RunningStream {
    running: Gauge,
    cut: Counter,
    cuts: watch::Receiver<u64>,
    tunnel: CancellationToken,
}

impl RunningStream {
    /// Carries the stream to its end; `None` if it was cut, which resets it on both sides.
    pub(super) async fn carry(mut self, relay: impl Future<Output = Relayed>) -> Option<Relayed> {
        let cut = async {
            tokio::select! {
                Ok(()) = self.cuts.changed() => {}
                () = self.tunnel.cancelled() => {}
            }
        };
        tokio::select! {
            biased;
            // The tunnels are closed in the same moment: that the stream breaks off follows from it.
            () = cut => {
                self.cut.inc();
                None
            }
            relayed = relay => Some(relayed),
        }
    }
}

impl Drop for RunningStream {
    fn drop(&mut self) {
        self.running.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::relay::End;

    #[tokio::test]
    async fn those_that_run_are_cut_and_no_others() {
        let streams = Streams::default();
        let (first, second) = (streams.begin(None), streams.begin(None));
        assert_eq!(streams.running(), 2);
        let whole = Relayed { sent_bytes: 1, received_bytes: 2, end: End::Whole };
        assert_eq!(first.carry(async { whole }).await, Some(whole));
        assert_eq!(streams.cut(), 1);
        let later = streams.begin(None);
        assert_eq!(second.carry(std::future::pending()).await, None);
        assert_eq!(later.carry(async { whole }).await, Some(whole));
        assert_eq!((streams.running(), streams.cut.of(Why::Drain).get(), streams.cut.of(Why::Stalled).get()), (0, 1, 0));
    }
}
