//! Bytes to compare.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// Bytes that no compression and no repetition can hide in.
pub(crate) fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Sends `bytes` and closes that direction while everything that comes back is read to its end.
///
/// # Errors
/// The stream's: a reset is one.
pub(crate) fn exchange(stream: &TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    thread::scope(|scope| {
        let (mut writer, mut reader) = (stream, stream);
        let sent = scope.spawn(move || {
            writer.write_all(bytes)?;
            writer.shutdown(Shutdown::Write)
        });
        let mut back = Vec::new();
        let read = reader.read_to_end(&mut back);
        // An error of the reader says more: what it broke off is what the writer ran into.
        read?;
        sent.join().expect("a writer")?;
        Ok(back)
    })
}
