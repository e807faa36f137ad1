//! Runs in processes of their own: nothing of one run is left for the next, one that hangs is ended, and one that dies is a violation like any other.

mod here;
mod pool;
mod process;
mod subject;

pub use here::here;
pub use pool::each;
pub use process::{HANG, Program, Verdict};
pub use subject::Subject;
