//! A dial from the ingress proxy to the agent: what is meant ([`resolve`]), who holds its tunnel ([`candidates`], [`suspects`], [`loads`]), which of them is tried when
//! ([`race`], [`pace`]), and the tries until one connects ([`Dialer`]), anew while tunnels break before they have answered ([`again`]).
//!
//! It must *never* answer "unknown" or "offline" from a table that may lag behind: a miss is confirmed with the leader first, and where there
//! is none the peers are asked and the failure says so. And it must
//! *never* let bytes of the client go to more than one target: none is sent before a try has connected.

mod again;
mod attempt;
mod candidates;
mod dialer;
mod failures;
mod loads;
mod owner;
mod pace;
mod quorum;
mod race;
mod reach;
mod resolve;
mod suspects;
mod tries;
mod unconfirmed;

pub(super) use dialer::{Connection, Dialer, Wanted};
pub(super) use owner::Owner;
