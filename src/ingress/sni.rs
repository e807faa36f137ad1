//! The name in a TLS client's hello, read by rustls without answering anything. Pure.

use std::fmt;

use rustls::server::{Accepted, Acceptor};

/// Most bytes of a hello, with the records around it: some 2 KiB are usual, and twice that with keys against quantum computers.
pub const MAX_HELLO: usize = 16 * 1024;

/// A reason for which a handshake is ended (RFC 8446, section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// It may not reach that.
    AccessDenied,
    /// Not now; it is nobody's fault here or there.
    InternalError,
    /// It is too long.
    DecodeError,
    /// It names nobody, and must.
    MissingExtension,
    /// Nobody has the name.
    UnrecognizedName,
}

impl Alert {
    /// The record that says so.
    pub fn record(self) -> [u8; 7] {
        let description = match self {
            Self::AccessDenied => 49,
            Self::DecodeError => 50,
            Self::InternalError => 80,
            Self::MissingExtension => 109,
            Self::UnrecognizedName => 112,
        };
        // An alert, as TLS 1.2 which all later ones look like, of two bytes: fatal, and why.
        [21, 3, 3, 0, 2, 2, description]
    }

    /// The word in logs, as in the register of alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::InternalError => "internal_error",
            Self::DecodeError => "decode_error",
            Self::MissingExtension => "missing_extension",
            Self::UnrecognizedName => "unrecognized_name",
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// It is not whole.
    Partial,
    /// It is whole, and names the server that is wanted, or none.
    Whole(Option<String>),
    /// It is none: what to answer, and why.
    Malformed(Vec<u8>, String),
}

/// Reads a hello piece by piece, and keeps its bytes.
pub struct HelloReader {
    acceptor: Acceptor,
    bytes: Vec<u8>,
}

impl HelloReader {
    /// Nothing has come.
    pub fn new() -> Self {
        Self { acceptor: Acceptor::default(), bytes: Vec::new() }
    }

    /// Takes in what has come. Once it is whole or malformed, nothing more is to be given.
    pub fn feed(&mut self, mut piece: &[u8]) -> Hello {
        self.bytes.extend_from_slice(piece);
        if self.bytes.len() > MAX_HELLO {
            return Hello::Malformed(Alert::DecodeError.record().to_vec(), format!("a hello of more than {MAX_HELLO} bytes"));
        }
        while !piece.is_empty() {
            if let Err(error) = self.acceptor.read_tls(&mut piece) {
                return Hello::Malformed(Alert::DecodeError.record().to_vec(), error.to_string());
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => return Hello::Whole(name(&accepted)),
                Err((error, mut alert)) => {
                    let mut answer = Vec::new();
                    // A vector takes everything.
                    let _ = alert.write_all(&mut answer);
                    let answer = if answer.is_empty() { Alert::DecodeError.record().to_vec() } else { answer };
                    return Hello::Malformed(answer, error.to_string());
                }
            }
        }
        Hello::Partial
    }

    /// Everything that has come, as it came.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Default for HelloReader {
    fn default() -> Self {
        Self::new()
    }
}

fn name(accepted: &Accepted) -> Option<String> {
    accepted.client_hello().server_name().map(str::to_owned)
}
