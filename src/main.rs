//! The program: reads the command line, does what it says, and ends with the status of interface's table.

use std::process::ExitCode;

use warren::cli::{Cli, core_dumps, usage};

fn main() -> ExitCode {
    abort_on_panic();
    core_dumps::forbid();
    match Cli::read(std::env::args_os()) {
        Ok(cli) => cli.run(),
        Err(error) => usage::refuse(&error),
    }
}

/// A panic in any task is a bug that may have left anything half done: the process ends at once, so that whoever runs it starts a
/// whole one. But for the store's database: what it was doing is known, its panic becomes an error of the disk, and the proxy ends in order.
fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if warren_raft::disk::contains_panic() {
            return;
        }
        report(panic);
        std::process::abort();
    }));
}
