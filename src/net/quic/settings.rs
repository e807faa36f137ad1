//! What an operator sets of this machine's QUIC.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};

use super::congestion::TolerantCubicConfig;
use super::profile::{MAX_UDP_PAYLOAD, MIN_UDP_PAYLOAD};
use super::window::StreamWindow;

/// The largest UDP payload unless set otherwise: jumbo frames fit, and on loopback larger ones gain little for the memory that a batch of ten takes.
const UDP_PAYLOAD: u16 = 16 << 10;
/// What is asked for as SO_RCVBUF and SO_SNDBUF: with the kernel's 208 KiB, 1.2 % of a burst is lost on loopback already.
const UDP_BUFFER: usize = 4 << 20;

/// The settings of every QUIC connection and UDP socket of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Between two proxies.
    pub peer_congestion_control: CongestionControl,
    /// To agents and clients, and from them.
    pub tunnel_congestion_control: CongestionControl,
    /// The largest UDP payload that is sent or received, in bytes. What the path carries bounds it too.
    pub max_udp_payload: u16,
    /// What is asked for as the buffers of each UDP socket, in bytes; the kernel may give less.
    pub udp_buffer: usize,
    /// The most that one stream may have unread on this machine, in bytes; shorter paths get less.
    pub stream_window: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            peer_congestion_control: CongestionControl::Cubic,
            tunnel_congestion_control: CongestionControl::TolerantCubic,
            max_udp_payload: UDP_PAYLOAD,
            udp_buffer: UDP_BUFFER,
            stream_window: StreamWindow::MOST.bytes(),
        }
    }
}

impl Settings {
    /// The payloads that can be asked for.
    pub const UDP_PAYLOADS: std::ops::RangeInclusive<u16> = MIN_UDP_PAYLOAD..=MAX_UDP_PAYLOAD;
}

/// How the sending rate follows what the path carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CongestionControl {
    /// RFC 9438.
    Cubic,
    /// RFC 9002, section 7.
    NewReno,
    /// By estimated bandwidth; quinn's sends far more than the path carries where its queue is short.
    Bbr,
    /// Cubic that ignores losses as long as they are few and no queue is building.
    TolerantCubic,
}

impl CongestionControl {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cubic, Self::NewReno, Self::Bbr, Self::TolerantCubic];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::NewReno => "new_reno",
            Self::Bbr => "bbr",
            Self::TolerantCubic => "tolerant_cubic",
        }
    }

    /// Makes the controllers of connections.
    pub(super) fn factory(self) -> Arc<dyn ControllerFactory + Send + Sync> {
        match self {
            Self::Cubic => Arc::new(CubicConfig::default()),
            Self::NewReno => Arc::new(NewRenoConfig::default()),
            Self::Bbr => Arc::new(BbrConfig::default()),
            Self::TolerantCubic => Arc::new(TolerantCubicConfig),
        }
    }
}

impl fmt::Display for CongestionControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CongestionControl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or(())
    }
}
