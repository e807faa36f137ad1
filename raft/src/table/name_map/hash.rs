//! The hash of a name, for good: the order of records in a snapshot follows from it.

/// Folds eight bytes at a time into a product of 128 bits, as wyhash does (github.com/wangyi-fudan/wyhash). Not meant to withstand whoever looks for
/// collisions.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let seed = 0x9e37_79b9_7f4a_7c15 ^ bytes.len() as u64;
    let folded = words.iter().fold(seed, |folded, word| fold(folded ^ u64::from_le_bytes(*word), 0xa076_1d64_78bd_642f));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(folded ^ u64::from_le_bytes(last), 0xe703_7ed1_a0b4_28db)
}

/// Both halves of the product.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_for_good() {
        let table = [
            ("a", 0xa920_6a9c_81e0_a58d),
            ("lab-pi", 0xd9a6_e749_2e3e_a5f2),
            ("abcdefgh", 0xb47d_41ca_427f_e980),
            ("store-00017-point-of-sale-3", 0xf6cf_bce6_cab2_fadf),
        ];
        for (name, expected) in table {
            assert_eq!(hash(name.as_bytes()), expected, "{name}");
        }
    }

    /// Names that differ little fill each of 256 slots about evenly: the leaves rely on it.
    #[test]
    fn hashes_of_alike_names_are_spread() {
        let mut slots = [0_u32; 256];
        for number in 0..25_600 {
            slots[(hash(format!("store-{number:05}").as_bytes()) >> 56) as usize] += 1;
        }
        assert!(slots.iter().all(|slot| (50..150).contains(slot)), "{slots:?}");
    }
}
