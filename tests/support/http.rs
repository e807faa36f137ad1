//! A web server as an agent's target.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use super::Target;

/// The longest line of a request.
const MAX_LINE: u64 = 8192;

impl Target {
    /// Serves `pages` by path, each request on a connection of its own, and gives back what is sent to it.
    pub(crate) fn http(pages: BTreeMap<&'static str, Vec<u8>>) -> Self {
        Self::serving(move |mut stream| {
            let mut reader = BufReader::new(stream.try_clone()?);
            let request = line(&mut reader)?;
            let (mut length, mut expects) = (0, false);
            loop {
                let header = line(&mut reader)?.to_ascii_lowercase();
                match header.split_once(':') {
                    Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
                    Some(("expect", _)) => expects = true,
                    Some(_) => {}
                    None => break,
                }
            }
            if expects {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            let mut sent = vec![0; length];
            reader.read_exact(&mut sent)?;
            let path = request.split(' ').nth(1).unwrap_or("/");
            match (length, pages.get(path)) {
                (1.., _) => answer(&mut stream, "200 OK", &sent),
                (0, Some(page)) => answer(&mut stream, "200 OK", page),
                (0, None) => answer(&mut stream, "404 Not Found", b"no such page"),
            }
        })
    }
}

fn line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    reader.take(MAX_LINE).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn answer(stream: &mut TcpStream, status: &str, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    stream.shutdown(Shutdown::Write)
}
