//! How a machine that enrols tells a proxy which authority its token names: by the server's name in its hello. A proxy then presents a certificate of that one,
//! while there are two. Older proxies pay no heed to it.

/// Before and after the digits.
const PREFIX: &str = "ca-";
const SUFFIX: &str = ".warren";

/// The server's name for the first 16 bytes of the SHA-256 of an authority's certificate, which is no secret.
pub fn name(fingerprint: [u8; 16]) -> String {
    format!("{PREFIX}{}{SUFFIX}", hex::encode(fingerprint))
}

/// What [`name`] was made of; `None` of any other name.
pub fn fingerprint(name: &str) -> Option<[u8; 16]> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let mut fingerprint = [0; 16];
    hex::decode_to_slice(digits, &mut fingerprint).ok().map(|()| fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_back_what_it_was_made_of_and_others_give_nothing() {
        assert_eq!(fingerprint(&name([0xab; 16])), Some([0xab; 16]));
        assert!(name([0xab; 16]).split('.').all(|label| label.len() <= 63));
        for other in ["", "warren", "ca-.warren", "ca-ab.warren", &name([1; 16])[1..], "ca-zz000000000000000000000000000000.warren"] {
            assert_eq!(fingerprint(other), None, "{other}");
        }
    }
}
