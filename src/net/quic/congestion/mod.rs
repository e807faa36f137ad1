//! Congestion control of our own: Cubic that does not mistake a bad radio link for a full queue.
//!
//! Read in this order: [`tolerant`] (the controller), then what it decides by: [`round_trips`] (is a queue building?), [`loss_share`] (is so much lost that
//! it cannot be the radio?) and [`curve`] (how the window grows). Nothing here reads a clock or sends: all of it follows from what quinn tells.

mod curve;
mod loss_share;
mod round_trips;
mod tolerant;

pub(super) use tolerant::TolerantCubicConfig;
