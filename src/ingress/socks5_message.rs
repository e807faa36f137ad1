//! What a SOCKS5 client says (RFC 1928, RFC 1929). Pure: each function reads the beginning of what has come, and says how much of it that was.
//!
//! ```text
//!  greeting --method--> [name and password --status-->] request --reply--> bytes
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

/// Longest message: a request has 262 bytes at most, name and password 513.
pub const MAX_MESSAGE: usize = 513;
/// The version of the protocol.
const VERSION: u8 = 5;
/// The version of the exchange of name and password.
const PASSWORD_VERSION: u8 = 1;

/// The one command that is served.
const CONNECT: u8 = 1;

/// The replies that are no failure's (RFC 1928, section 6).
pub const SUCCEEDED: u8 = 0;
/// The client says something that nobody can make sense of.
pub const GENERAL_FAILURE: u8 = 1;
/// It wants something else than to be connected.
pub const COMMAND_NOT_SUPPORTED: u8 = 7;
/// What it wants to be connected with has no name.
pub const ADDRESS_TYPE_NOT_SUPPORTED: u8 = 8;

/// How a client can show who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all.
    Nothing,
    /// By name and password.
    Password,
    /// In no way that is served here.
    Refused,
}

impl Method {
    /// The answer to a greeting.
    pub fn answer(self) -> [u8; 2] {
        let method = match self {
            Self::Nothing => 0,
            Self::Password => 2,
            Self::Refused => 0xff,
        };
        [VERSION, method]
    }
}

/// The methods that a client offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting(Vec<u8>);

impl Greeting {
    /// Whether the client offers to show itself in this way.
    pub fn offers(&self, method: Method) -> bool {
        self.0.contains(&method.answer()[1])
    }
}

/// A name and what proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The client's name.
    pub name: String,
    /// Its secret.
    pub secret: zeroize::Zeroizing<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whither a client wants to be connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whither.
    pub host: Host,
    /// The port there.
    pub port: Option<NonZeroU16>,
}

/// Whither a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => crate::failure::Printable(name).fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Bytes that no SOCKS5 client sends, or none that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It speaks something else.
    #[error("version {0} where SOCKS5 has 5")]
    Version(u8),
    /// It shows itself in another way.
    #[error("version {0} of name and password where there is only 1")]
    PasswordVersion(u8),
    /// It offers no method at all.
    #[error("no method is offered")]
    NoMethod,
    /// What must be 0 is not.
    #[error("a reserved byte is set")]
    Reserved,
    /// It wants something else than to be connected; what it says about it does not matter.
    #[error("command {0} is not served")]
    Command(u8),
    /// An address of no known kind.
    #[error("addresses of type {0} there are none")]
    AddressType(u8),
    /// A name without a letter.
    #[error("an empty name")]
    Empty,
    /// A name that is no text.
    #[error("a name that is no text")]
    Text,
}

impl Malformed {
    /// The reply that says it in answer to a request (RFC 1928, section 6); none to what is no SOCKS5 at all.
    pub fn reply(self) -> Option<u8> {
        match self {
            Self::Version(_) => None,
            Self::Command(_) => Some(COMMAND_NOT_SUPPORTED),
            Self::AddressType(_) => Some(ADDRESS_TYPE_NOT_SUPPORTED),
            Self::PasswordVersion(_) | Self::NoMethod | Self::Reserved | Self::Empty | Self::Text => Some(GENERAL_FAILURE),
        }
    }
}

/// What was read and how many bytes it had; `None` while there are too few.
pub type Parsed<T> = Result<Option<(T, usize)>, Malformed>;

/// Reads a greeting.
///
/// # Errors
/// [`Malformed`]
pub fn greeting(bytes: &[u8]) -> Parsed<Greeting> {
    let mut reader = Reader(bytes);
    let Some(version) = reader.byte() else { return Ok(None) };
    if version != VERSION {
        return Err(Malformed::Version(version));
    }
    match reader.counted() {
        Some([]) => Err(Malformed::NoMethod),
        Some(methods) => Ok(Some((Greeting(methods.to_vec()), reader.read_of(bytes)))),
        None => Ok(None),
    }
}

/// Reads name and password.
///
/// # Errors
/// [`Malformed`]
pub fn login(bytes: &[u8]) -> Parsed<Login> {
    let mut reader = Reader(bytes);
    let Some(version) = reader.byte() else { return Ok(None) };
    if version != PASSWORD_VERSION {
        return Err(Malformed::PasswordVersion(version));
    }
    let (Some(name), Some(secret)) = (reader.counted(), reader.counted()) else { return Ok(None) };
    let login = Login { name: text(name)?, secret: text(secret)?.into() };
    Ok(Some((login, reader.read_of(bytes))))
}

/// Reads a request.
///
/// # Errors
/// [`Malformed`]
pub fn request(bytes: &[u8]) -> Parsed<Request> {
    let mut reader = Reader(bytes);
    let Some(version) = reader.byte() else { return Ok(None) };
    if version != VERSION {
        return Err(Malformed::Version(version));
    }
    let Some(command) = reader.byte() else { return Ok(None) };
    if command != CONNECT {
        return Err(Malformed::Command(command));
    }
    let Some(reserved) = reader.byte() else { return Ok(None) };
    if reserved != 0 {
        return Err(Malformed::Reserved);
    }
    let Some(host) = reader.host()? else { return Ok(None) };
    let Some(port) = reader.array::<2>() else { return Ok(None) };
    let request = Request { host, port: NonZeroU16::new(u16::from_be_bytes(port)) };
    Ok(Some((request, reader.read_of(bytes))))
}

/// The answer to a request, with the reply of the table of failures, 0 for none. No address is told: none of this machine has to do with it.
pub fn reply(code: u8) -> [u8; 10] {
    [VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// The answer to name and password.
pub fn login_answer(is_right: Result<(), ()>) -> [u8; 2] {
    [PASSWORD_VERSION, u8::from(is_right.is_err())]
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    if bytes.is_empty() {
        return Err(Malformed::Empty);
    }
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed::Text)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Bytes with their number in front.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first()?;
        let (bytes, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some(bytes)
    }

    fn host(&mut self) -> Result<Option<Host>, Malformed> {
        let Some(kind) = self.byte() else { return Ok(None) };
        Ok(match kind {
            1 => self.array::<4>().map(|octets| Host::Address(Ipv4Addr::from(octets).into())),
            3 => match self.counted() {
                Some(name) => Some(Host::Name(text(name)?)),
                None => None,
            },
            4 => self.array::<16>().map(|octets| Host::Address(Ipv6Addr::from(octets).into())),
            other => return Err(Malformed::AddressType(other)),
        })
    }

    fn read_of(&self, whole: &[u8]) -> usize {
        whole.len() - self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn greetings() {
        let offered = |bytes: &[u8]| greeting(bytes).map(|read| read.map(|(greeting, length)| (greeting.0, length)));
        assert_eq!(offered(&[5, 1, 0]), Ok(Some((vec![0], 3))));
        assert_eq!(offered(&[5, 2, 0, 2, 9]), Ok(Some((vec![0, 2], 4))), "what follows is left");
        assert_eq!(offered(&[5, 2, 0]), Ok(None));
        assert_eq!(offered(&[]), Ok(None));
        assert_eq!(offered(&[5, 0]), Err(Malformed::NoMethod));
        assert_eq!(offered(b"GET / HTTP/1.1"), Err(Malformed::Version(b'G')));
        assert_eq!(offered(&[4, 1]), Err(Malformed::Version(4)));
        let (both, _) = greeting(&[5, 2, 0, 2]).expect("a greeting").expect("whole");
        assert!(both.offers(Method::Nothing) && both.offers(Method::Password) && !both.offers(Method::Refused));
    }

    #[test]
    fn logins() {
        let (read, length) = login(b"\x01\x03ada\x02pw!").expect("a login").expect("whole");
        assert_eq!((read.name.as_str(), read.secret.as_str(), length), ("ada", "pw", 8));
        assert!(!format!("{read:?}").contains("pw"), "a secret is not shown");
        assert_eq!(login(b"\x01\x03ada\x02p"), Ok(None));
        assert_eq!(login(b"\x05\x03ada\x02pw"), Err(Malformed::PasswordVersion(5)));
        assert_eq!(login(b"\x01\x00\x02pw"), Err(Malformed::Empty));
        assert_eq!(login(b"\x01\x01\xff\x02pw"), Err(Malformed::Text));
    }

    #[test]
    fn requests() {
        let read = |bytes: &[u8]| request(bytes).map(|read| read.map(|(request, _)| (request.host.to_string(), request.port)));
        let port = NonZeroU16::new(22);
        assert_eq!(read(b"\x05\x01\x00\x03\x02ab\x00\x16"), Ok(Some(("ab".to_owned(), port))));
        assert_eq!(read(b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x16"), Ok(Some(("127.0.0.1".to_owned(), port))));
        assert_eq!(read(b"\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x16"), Err(Malformed::Command(2)));
        assert_eq!(read(b"\x05\x09"), Err(Malformed::Command(9)), "whatever follows");
        let v6 = [&b"\x05\x01\x00\x04"[..], &[0; 15], &[1, 0, 0]].concat();
        assert_eq!(read(&v6), Ok(Some(("::1".to_owned(), None))));
        assert_eq!(read(&v6[..20]), Ok(None));
        assert_eq!(read(b"\x05\x01\x01\x03\x02ab\x00\x16"), Err(Malformed::Reserved));
        assert_eq!(read(b"\x05\x01\x00\x02\x02ab\x00\x16"), Err(Malformed::AddressType(2)));
        assert_eq!(read(b"\x05\x01\x00\x03\x00\x00\x16"), Err(Malformed::Empty));
    }

    #[test]
    fn what_is_wrong_has_its_reply() {
        let reply = |bytes: &[u8]| request(bytes).expect_err("it is wrong").reply();
        assert_eq!(reply(b"\x04\x01"), None, "another protocol");
        assert_eq!(reply(b"\x05\x03\x00\x01"), Some(7));
        assert_eq!(reply(b"\x05\x01\x00\x09"), Some(8));
        for general in [&b"\x05\x01\x00\x03\x00\x00\x16"[..], b"\x05\x01\x00\x03\x01\xff\x00\x16", b"\x05\x01\x01\x03"] {
            assert_eq!(reply(general), Some(1), "{general:?}");
        }
    }

    #[test]
    fn no_message_is_longer_than_the_bound() {
        let longest = [&[1, 255][..], &[b'a'; 255], &[255], &[b'b'; 255]].concat();
        assert_eq!(login(&longest).expect("a login").map(|(_, length)| length), Some(MAX_MESSAGE));
        let longest = [&[5, 255][..], &[0; 255]].concat();
        assert!(greeting(&longest).expect("a greeting").is_some_and(|(_, length)| length <= MAX_MESSAGE));
        let longest = [&[5, 1, 0, 3, 255][..], &[b'a'; 255], &[0, 22]].concat();
        assert!(request(&longest).expect("a request").is_some_and(|(_, length)| length <= MAX_MESSAGE));
    }

    proptest! {
        /// What is whole is read as the same when more follows, and what is not whole is waited for.
        #[test]
        fn whatever_comes_in_pieces_is_read_as_one(bytes in proptest::collection::vec(0_u8..6, 0..24)) {
            fn check<T: PartialEq + fmt::Debug>(bytes: &[u8], read: fn(&[u8]) -> Parsed<T>) -> Result<(), TestCaseError> {
                let whole = read(bytes);
                for end in 0..bytes.len() {
                    match read(&bytes[..end]) {
                        Ok(None) => {}
                        early => prop_assert_eq!(early, read(bytes)),
                    }
                }
                if let Ok(Some((_, length))) = whole {
                    prop_assert!(length <= bytes.len());
                    prop_assert_eq!(read(&bytes[..length]), read(bytes));
                }
                Ok(())
            }
            check(&bytes, greeting)?;
            check(&bytes, login)?;
            check(&bytes, request)?;
        }
    }
}
