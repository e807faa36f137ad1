//! Who votes.
