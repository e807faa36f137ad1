//! Enrolment tokens: `warren1_<32 hex digits of the authority's SHA-256>_<secret>`.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use warren_raft::{KeyHash, TokenId};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::fingerprint::sha256;
use crate::net::{Access, Entropy, FileError, StateFiles};

const VERSION: &str = "warren1";
/// Longest file that a token is read from.
const MAX_FILE: u64 = 4096;

/// What a machine enrols with: it knows the cluster's authority by the fingerprint, and the cluster knows the machine by the
/// secret. There is deliberately no `Display`: see [`reveal`](Self::reveal).
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    fingerprint: [u8; 16],
    secret: TokenSecret,
}

impl Token {
    /// A new token of the authority with this SHA-256.
    pub fn generate(authority: &[u8; 32], entropy: &Entropy) -> Self {
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&authority[..16]);
        Self { fingerprint, secret: TokenSecret(entropy.bytes()) }
    }

    /// Reads a token from a file, or from standard input for `-`. Whitespace around it does not matter.
    ///
    /// # Errors
    /// Names the file and what is wrong, never what it holds.
    pub fn read(files: &dyn StateFiles, path: &Path) -> Result<Self, TokenReadError> {
        let failed = |source| TokenReadError::Io { path: path.to_owned(), source };
        let text = if path == Path::new("-") {
            bounded(io::stdin().lock()).map_err(failed)?
        } else {
            // Whoever made the file decides who may read it: it may have come by any way.
            let bytes = files.read(path, Access::Public).map_err(|error| TokenReadError::of(path, error))?;
            let bytes = Zeroizing::new(bytes);
            bounded(bytes.as_slice()).map_err(failed)?
        };
        text.trim().parse().map_err(|source| TokenReadError::Token { path: path.to_owned(), source })
    }

    /// The first 16 bytes of the SHA-256 of the authority's certificate.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }

    /// The secret, for the one connection whose other side has proved to be the token's cluster.
    pub fn secret(&self) -> &TokenSecret {
        &self.secret
    }

    /// The hash by which the cluster knows the secret.
    pub fn secret_hash(&self) -> KeyHash {
        self.secret.hash()
    }

    /// The token's public name.
    pub fn id(&self) -> TokenId {
        self.secret.id()
    }

    /// The whole token as text. Whoever has it can enrol: print it once, to whom asked for it, and never log it.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{VERSION}_{}_{}", hex::encode(self.fingerprint), *Zeroizing::new(hex::encode(self.secret.0))))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let mut parts = text.split('_');
        let version = parts.next().unwrap_or_default();
        if version != VERSION {
            // A later version is told apart from something else, without repeating what could be a secret.
            let newer = version.strip_prefix("warren").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
            return Err(if newer { TokenError::Version } else { TokenError::Form });
        }
        let (Some(fingerprint), Some(secret), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(TokenError::Form);
        };
        let fingerprint = digits(fingerprint).ok_or(TokenError::Fingerprint)?;
        let secret = digits(secret).map(TokenSecret).ok_or(TokenError::Secret)?;
        Ok(Self { fingerprint, secret })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.id())
    }
}

/// A token's secret alone, as it travels in an enrolment. Wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct TokenSecret([u8; 32]);

impl TokenSecret {
    /// The secret that arrived in an enrolment.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash that the cluster stores. 256 random bits need no slow hash.
    pub fn hash(&self) -> KeyHash {
        KeyHash(sha256(&[b"warren token secret\0", &self.0]))
    }

    /// The token's public name; it tells nothing about the hash.
    pub fn id(&self) -> TokenId {
        let hash = sha256(&[b"warren token id\0", &self.0]);
        let mut id = [0; 8];
        id.copy_from_slice(&hash[..8]);
        TokenId(id)
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

/// Exactly `N` bytes in lower-case hex digits.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

fn bounded(from: impl Read) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let read = from.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MAX_FILE} bytes")));
    }
    Ok(text)
}

/// Why a text is no token. No message repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of a token's form.
    #[error("a token looks like `warren1_<fingerprint>_<secret>`")]
    Form,
    /// Of a version that this program does not know.
    #[error("the token is of another version: this program knows `warren1`")]
    Version,
    /// The middle part is not 32 hex digits.
    #[error("the token's fingerprint is not 32 hex digits: is it cut off?")]
    Fingerprint,
    /// The last part is not 64 hex digits.
    #[error("the token's secret is not 64 hex digits: is it cut off?")]
    Secret,
}

/// Why no token could be read.
#[derive(Debug, thiserror::Error)]
pub enum TokenReadError {
    /// The file system's.
    #[error("cannot read the token from `{path}`: {source}", path = path.display())]
    Io {
        /// The file, or `-`.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("no token in `{path}`: {source}", path = path.display())]
    Token {
        /// The file, or `-`.
        path: PathBuf,
        /// What is wrong.
        source: TokenError,
    },
}

impl TokenReadError {
    fn of(path: &Path, error: FileError) -> Self {
        let source = match error {
            FileError::Io { source, .. } => source,
            FileError::Exposed { .. } => io::Error::new(io::ErrorKind::PermissionDenied, error.to_string()),
        };
        Self::Io { path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::net::files::RealFiles;

    fn token(seed: u64) -> Token {
        Token::generate(&[0xab; 32], &Entropy::seeded(seed))
    }

    #[test]
    fn a_token_reads_as_it_was_written() {
        let token = token(1);
        let text = token.reveal();
        assert!(text.starts_with("warren1_abababababababababababababababab_"), "{}", *text);
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(text.len(), 8 + 32 + 1 + 64);
        assert_eq!(TokenSecret::from_bytes(*token.secret().as_bytes()).hash(), token.secret_hash());
        assert_ne!(token.secret_hash().0[..8], token.id().0);
    }

    #[test]
    fn nothing_else_is_a_token() {
        let good = token(1).reveal();
        let (fingerprint, secret) = ("ab".repeat(16), "cd".repeat(32));
        let table = [
            (String::new(), TokenError::Form),
            ("warren1".to_owned(), TokenError::Form),
            (format!("warren1_{fingerprint}"), TokenError::Form),
            (format!("{}_", *good), TokenError::Form),
            (format!("warren1__{fingerprint}_{secret}"), TokenError::Form),
            (format!("warren_{fingerprint}_{secret}"), TokenError::Form),
            (format!("Warren1_{fingerprint}_{secret}"), TokenError::Form),
            (format!("warren2_{fingerprint}_{secret}"), TokenError::Version),
            (format!("warren1_{}_{secret}", &fingerprint[1..]), TokenError::Fingerprint),
            (format!("warren1_{}_{secret}", fingerprint.to_uppercase()), TokenError::Fingerprint),
            (format!("warren1_{fingerprint}_"), TokenError::Secret),
            (format!("warren1_{fingerprint}_{}", &secret[2..]), TokenError::Secret),
            (format!("warren1_{fingerprint}_{secret}00"), TokenError::Secret),
            (format!("warren1_{fingerprint}_{}", secret.replacen('c', "g", 1)), TokenError::Secret),
            (format!(" {}", *good), TokenError::Form),
            (format!("{}\n", *good), TokenError::Secret),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Token>(), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn nothing_shows_the_secret() {
        let token = token(1);
        let secret = hex::encode(token.secret().as_bytes());
        for shown in [format!("{token:?}"), format!("{:?}", token.secret()), token.id().to_string()] {
            assert!(!secret.contains(&shown) && !shown.contains(&secret[..8]), "{shown}");
        }
        assert_eq!(format!("{token:?}"), format!("Token({})", token.id()));
    }

    #[test]
    fn a_file_may_have_space_around_its_token_but_not_much() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        std::fs::write(&path, format!("\n {}\r\n", *token(1).reveal())).expect("written");
        assert_eq!(Token::read(&RealFiles, &path).expect("a token"), token(1));
        std::fs::write(&path, " ".repeat(4097)).expect("written");
        assert!(matches!(Token::read(&RealFiles, &path), Err(TokenReadError::Io { .. })));
        std::fs::write(&path, [0xff; 10]).expect("written");
        assert!(matches!(Token::read(&RealFiles, &path), Err(TokenReadError::Io { .. })));
        std::fs::write(&path, "nonsense").expect("written");
        let error = Token::read(&RealFiles, &path).expect_err("no token").to_string();
        assert!(error.contains("token") && !error.contains("nonsense"), "{error}");
        assert!(Token::read(&RealFiles, &dir.path().join("absent")).is_err());
    }

    proptest! {
        #[test]
        fn every_token_round_trips(authority in any::<[u8; 32]>(), seed in any::<u64>()) {
            let token = Token::generate(&authority, &Entropy::seeded(seed));
            prop_assert_eq!(&token.fingerprint()[..], &authority[..16]);
            prop_assert_eq!(token.reveal().parse(), Ok(token));
        }

        #[test]
        fn what_is_parsed_is_written_alike(text in "warren1_[0-9a-f]{30,33}_[0-9a-f]{62,65}") {
            if let Ok(token) = text.parse::<Token>() {
                prop_assert_eq!(&*token.reveal(), &text);
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let _ = text.parse::<Token>();
        }
    }
}
