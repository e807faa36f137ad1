//! What is encoded is decoded, piece by piece, within the bounds.

use proptest::prelude::*;

use super::super::PIECE_BYTES;
use super::super::piece::{BODY_BYTES, HEAD_BYTES, piece_length};
use super::{Contents, Decoder, Encoder, SnapshotError, decode, image, pieces};
use crate::store::state::image::Image;

fn contents() -> impl Strategy<Value = Contents> {
    (0..2_500_usize, 0..2_500_usize, 0..6_usize, 0..40_usize, 0..6_u8, 1..6_u64)
        .prop_map(|(agents, routed, services, clients, tokens, proxies)| Contents { agents, routed, services, clients, tokens, proxies })
}

/// Enough for several pieces, and for one record that is longer than a piece: the token that all agents have used.
pub(super) fn several() -> Image {
    image(&Contents { agents: 5_000, routed: 4_000, services: 1, clients: 3, tokens: 1, proxies: 3 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn every_table_comes_back(contents in contents()) {
        let image = image(&contents);
        let pieces = pieces(&image);
        prop_assert_eq!(&decode(&pieces).expect("a whole snapshot"), &image);
        prop_assert_eq!(&super::pieces(&decode(&pieces).expect("a whole snapshot")), &pieces, "the same state has the same bytes");
    }
}

#[test]
fn an_empty_state_is_one_piece() {
    let pieces = pieces(&Image::default());
    assert_eq!(pieces.len(), 1);
    assert_eq!(decode(&pieces), Ok(Image::default()));
}

#[test]
fn all_pieces_but_the_last_are_full_and_say_how_long_they_are() {
    let pieces = pieces(&several());
    assert!(pieces.len() >= 5, "{}", pieces.len());
    for piece in &pieces {
        let head = *piece.first_chunk::<HEAD_BYTES>().expect("a head");
        assert_eq!(piece_length(head), Ok(piece.len()));
    }
    assert!(pieces[..pieces.len() - 1].iter().all(|piece| piece.len() == PIECE_BYTES));
    assert!(pieces.last().is_some_and(|last| last.len() <= PIECE_BYTES));
}

#[test]
fn the_header_comes_first() {
    let image = several();
    let mut decoder = Decoder::default();
    decoder.push(&Encoder::new(&image).next().expect("a piece")).expect("taken");
    let header = decoder.header().expect("a header");
    assert_eq!((&header.last_applied, &header.membership), (&image.last_applied, &image.membership));
    assert!(!decoder.is_complete());
    assert_eq!(decoder.finish(), Err(SnapshotError::Incomplete { pieces: 1 }));
}

#[test]
fn a_length_that_no_piece_has_is_refused() {
    let head = |length: u32| {
        let mut head = [0; HEAD_BYTES];
        head[4..].copy_from_slice(&length.to_be_bytes());
        head
    };
    let largest = u32::try_from(BODY_BYTES).expect("small");
    assert_eq!(piece_length(head(largest)), Ok(PIECE_BYTES));
    for length in [0, largest + 1, u32::MAX] {
        assert!(matches!(piece_length(head(length)), Err(SnapshotError::Piece { .. })), "{length}");
    }
}
