//! What one party may use, and who has reached it. Everything that a stranger, an agent, a client or a peer can grow has its bound here or in the wire's messages.
//!
//! Read in this order: [`settings`] (the bounds), [`limit`] (their names), [`source`] (whose handshakes count together), [`crowd`] (who has how many of something),
//! [`gate`] (which handshakes are taken, which must prove their address first, which are refused), [`places`] (the same for what lives longer), [`guesses`] (enrolments that failed) and [`reached`] (what is
//! counted and said when a bound is reached). Only [`reached`] reads a clock. This module must *never* let what is not proven, such as the address of a first
//! packet, take away what somebody else has a right to.

pub mod crowd;
pub mod gate;
pub mod guesses;
pub mod limit;
pub mod live;
pub mod places;
pub mod reached;
pub mod settings;
pub mod source;

pub use gate::{Entry, Gate, Pass};
pub use limit::Limit;
pub use live::LiveLimits;
pub use places::{Bounds, Place, Places};
pub use reached::Reached;
pub use settings::Limits;
pub use source::Source;

/// Most streams at once over one tunnel: so many an agent takes, whatever its proxy allows. Each takes memory at both ends.
pub const MAX_TUNNEL_STREAMS: u32 = 4_096;
