//! The secret of a client for programs that have no certificate.

use std::fmt;
use std::str::FromStr;

use warren_raft::KeyHash;
use zeroize::Zeroizing;

use super::fingerprint::sha256;
use crate::net::Entropy;

/// What each begins with, so that a scanner of repositories finds one that was lost.
const PREFIX: &str = "warrenc1_";

/// A secret of 256 random bits. As text it is `warrenc1_` and 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(Zeroizing<[u8; 32]>);

/// A text that is no such secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a secret as `warren clients credential` prints it")]
pub struct SecretError;

impl ClientSecret {
    /// Makes one.
    pub fn generate(entropy: &Entropy) -> Self {
        Self(Zeroizing::new(entropy.bytes()))
    }

    /// By which the cluster knows it.
    pub fn hash(&self) -> KeyHash {
        KeyHash(sha256(&[b"warren client secret\0", &*self.0]))
    }

    /// The secret as text.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", hex::encode(*self.0)))
    }
}

impl FromStr for ClientSecret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits.ok_or(SecretError)?, &mut *bytes).map_err(|_| SecretError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_text_and_is_not_shown() {
        let secret = ClientSecret::generate(&Entropy::seeded(1));
        let text = secret.reveal();
        assert_eq!(text.parse::<ClientSecret>(), Ok(secret.clone()));
        assert!(text.starts_with(PREFIX) && text.len() == PREFIX.len() + 64);
        assert!(!format!("{secret:?}").contains(&text[PREFIX.len()..]));
        assert_ne!(secret.hash(), ClientSecret::generate(&Entropy::seeded(2)).hash());
        for bad in ["", "warrenc1_", &text[1..], &text[..72], &format!("{}0", *text), &text.to_uppercase(), &text.replace("c1", "c2")] {
            assert!(bad.parse::<ClientSecret>().is_err(), "{bad}");
        }
    }
}
