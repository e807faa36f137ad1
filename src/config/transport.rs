//! `[transport]`: QUIC on this machine.

use super::reader::Reader;
use super::size::Size;
use crate::net::quic::{CongestionControl, Settings};

/// The buffers of a socket that can be asked for, in bytes.
const UDP_BUFFERS: std::ops::RangeInclusive<u64> = (64 << 10)..=(256 << 20);

/// The windows of a stream that can be asked for, in bytes: a message must fit into the least.
const STREAM_WINDOWS: std::ops::RangeInclusive<u64> = (64 << 10)..=(64 << 20);

/// `[transport]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportTable {
    /// Between two proxies.
    pub peer_congestion_control: CongestionControl,
    /// To agents and clients, and from them.
    pub tunnel_congestion_control: CongestionControl,
    /// The largest UDP payload that is sent or received.
    pub max_udp_payload: Size,
    /// What is asked for as the buffers of each UDP socket.
    pub udp_buffer: Size,
    /// The most that one stream may have unread here.
    pub stream_window: Size,
}

impl TransportTable {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let (mut section, default) = (reader.section("transport"), Settings::default());
        let table = Self {
            peer_congestion_control: section.get("peer_congestion_control", default.peer_congestion_control),
            tunnel_congestion_control: section.get("tunnel_congestion_control", default.tunnel_congestion_control),
            max_udp_payload: section.get("max_udp_payload", Size(default.max_udp_payload.into())),
            udp_buffer: section.get("udp_buffer", Size(u64::try_from(default.udp_buffer).unwrap_or(u64::MAX))),
            stream_window: section.get("stream_window", Size(default.stream_window.into())),
        };
        let payloads = u64::from(*Settings::UDP_PAYLOADS.start())..=u64::from(*Settings::UDP_PAYLOADS.end());
        section.require_size("max_udp_payload", table.max_udp_payload, payloads);
        section.require_size("udp_buffer", table.udp_buffer, UDP_BUFFERS);
        section.require_size("stream_window", table.stream_window, STREAM_WINDOWS);
        table
    }

    /// What QUIC is run with.
    pub fn settings(self) -> Settings {
        Settings {
            peer_congestion_control: self.peer_congestion_control,
            tunnel_congestion_control: self.tunnel_congestion_control,
            max_udp_payload: u16::try_from(self.max_udp_payload.0).unwrap_or(u16::MAX),
            udp_buffer: usize::try_from(self.udp_buffer.0).unwrap_or(usize::MAX),
            stream_window: u32::try_from(self.stream_window.0).unwrap_or(u32::MAX),
        }
    }
}
