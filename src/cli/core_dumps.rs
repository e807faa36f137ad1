//! No image of this process's memory reaches a disk.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids the kernel to write the process's memory down when it dies, and other processes of the same user to read it: keys and secrets of tokens are in it, and what
/// runs through tunnels. A bug is looked for by its log and backtrace. For a debugger, root may still attach.
///
/// A failure is no reason not to run: there is then no less protection than any process has.
pub fn forbid() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    // A handler that core dumps are piped to gets one whatever the limit is (core(5)).
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
