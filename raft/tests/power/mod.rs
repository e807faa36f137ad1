//! What a loss of power needs: images that are mounted, a process that is stopped, and notes outside of both.

mod apart;
mod image;
mod notes;
mod stopped;
mod writing;

pub(crate) use apart::{ends_with_its_parent, run_apart};
pub(crate) use image::Image;
pub(crate) use notes::Notes;
pub(crate) use stopped::Stopped;
pub(crate) use writing::Writing;
