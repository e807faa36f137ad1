//! The records of a snapshot's sections.

use warren_raft::decoding;

use super::{Outcome, Target};

pub(super) const TARGET: Target =
    Target { name: "section", reads: "the records of which a snapshot of the table is made", run: target, seeds };

/// Records one after the other: section and length, two bytes each, and the bytes.
fn target(data: &[u8]) -> Outcome {
    let mut records = Vec::new();
    let mut left = data;
    while let Some((&[s0, s1, l0, l1], rest)) = left.split_first_chunk::<4>() {
        let (bytes, rest) = rest.split_at(usize::from(u16::from_be_bytes([l0, l1])).min(rest.len()));
        records.push((u16::from_be_bytes([s0, s1]), bytes));
        left = rest;
    }
    let table = match decoding::table(records) {
        Ok(table) => table,
        Err(error) => return Outcome::refused("table", &error),
    };
    let written = decoding::records(&table);
    let again = decoding::table(written.iter().map(|(section, bytes)| (*section, bytes.as_slice()))).expect("what was written can be read");
    assert_eq!(again, table, "written and read again");
    assert_eq!(decoding::records(&again), written, "written again");
    let sections: std::collections::BTreeSet<_> = written.iter().map(|(section, _)| *section).collect();
    Outcome::plain("table", &format!("sections {}", sections.iter().map(|section| char::from(b'a' + *section as u8)).collect::<String>()))
}

fn seeds() -> Vec<Vec<u8>> {
    let record = |(section, digits): &(u16, &str)| {
        let bytes = hex::decode(digits).expect("hexadecimal digits");
        let length = u16::try_from(bytes.len()).expect("short");
        [section.to_be_bytes().as_slice(), &length.to_be_bytes(), &bytes].concat()
    };
    let mut seeds: Vec<_> = RECORDS.iter().map(record).collect();
    seeds.push(RECORDS.iter().flat_map(record).collect());
    seeds
}

/// The golden bytes of a record of each section.
const RECORDS: &[(u16, &str)] = &[
    (2, "070707070707070707070707070707070677617272656e020102020304010101"),
    (3, "0202"),
    (
        4,
        "010770726f78792d3101010101010101010101010101010101010101010101010101010101010101010b686f73742d313a33303231010b686f73742d313a33303234016105302e312e300101c0843dc0843d0100",
    ),
    (5, "066c61622d70690a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a01037373680c3132372e302e302e313a3232000131c0843d"),
    (6, "066c61622d706901010104c0843dc0843d01"),
    (7, "086c61622d75736572141414141414141414141414141414141414141414141414141414141414141401096c61622d2a2f737368c0843d"),
    (
        8,
        "0101010101010101636363636363636363636363636363636363636363636363636363636363636301056c61622d2a01096c61622d2a2f737368c0843da88c3d01010a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a00",
    ),
    (
        8,
        "0202020202020202636363636363636363636363636363636363636363636363636363636363636302056c61622d2a01096c61622d2a2f737368c0843da88c3d0101141414141414141414141414141414141414141414141414141414141414141400",
    ),
    (9, "01010a010000"),
    (10, "01010101"),
    (11, "030303030303030301096c61622d2a2f737368"),
    (12, "056c61622d3201096c61622d2a2f737368"),
    (13, "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac0843d"),
    (14, "02050602070800c0843dc0843d"),
    (15, "09090909090909090909090909090909c1843d"),
    (16, "01020003693a31000200052a2f737368010161160303693a310100"),
    (17, "086c61622d75736572010909090909090909090909090909090909090909090909090909090909090909c0843dc1843d"),
];
