//! Proposals as they come out of the log, and what they make of the table.

use std::collections::BTreeSet;

use warren_raft::{Command, Incarnation, Proposal, ProxyId, Table, Timestamp, decoding};

use super::{Outcome, Target};

pub(super) const TARGET: Target = Target { name: "commands", reads: "proposals out of the log, applied to the table", run: target, seeds };

/// Who has made the table that has some of everything.
const SETTER_UP: ProxyId = ProxyId(1);

/// Proposals one after the other, applied to a table that has some of everything.
fn target(data: &[u8]) -> Outcome {
    let mut table = grown();
    let mut left = data;
    let mut last = String::from("nothing");
    let mut numbers: BTreeSet<_> = (1..).zip(SETTING_UP).map(|(number, _)| (SETTER_UP, Incarnation(1), number)).collect();
    while let Ok((proposal, rest)) = postcard::take_from_bytes::<Proposal>(left) {
        let before = table.clone();
        let kept = decoding::records(&before);
        let answers = table.apply(&proposal);
        // One under the number of an earlier one is taken for that one, and no proposer gives two of them the same.
        if numbers.insert((proposal.proposer, proposal.incarnation, proposal.number)) {
            assert_eq!(answers.len(), proposal.commands.len(), "an answer for each command");
        }
        assert_eq!(decoding::records(&before), kept, "an earlier version of the table does not change");
        let after = table.clone();
        // A proposer that is no member is not remembered, and gets the same refusals again.
        if table.proxy(proposal.proposer).is_some() {
            assert_eq!(table.apply(&proposal), answers, "the same proposal again");
            assert_eq!(table, after, "and it changes nothing");
        }
        last = format!("{:?}", answers.iter().map(|answer| answer.as_ref().map_err(ToString::to_string)).collect::<Vec<_>>());
        left = rest;
    }
    let records = decoding::records(&table);
    let again = decoding::table(records.iter().map(|(section, bytes)| (*section, bytes.as_slice()))).expect("what was written can be read");
    assert_eq!(again, table, "written and read again");
    Outcome::shown("applied", &last)
}

/// A table that has some of everything.
pub(super) fn grown() -> Table {
    let mut table = Table::default();
    for (number, proposal) in (1..).zip(SETTING_UP) {
        let command = postcard::from_bytes(&hex::decode(proposal).expect("hexadecimal digits")).expect("a command");
        let answers = table.apply(&proposed(number, command));
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    table
}

fn proposed(number: u64, command: Command) -> Proposal {
    Proposal { proposer: SETTER_UP, incarnation: Incarnation(1), number, at: Timestamp(1_000_000), commands: vec![command] }
}

fn seeds() -> Vec<Vec<u8>> {
    let commands: Vec<Command> =
        COMMANDS.iter().map(|digits| postcard::from_bytes(&hex::decode(digits).expect("hexadecimal digits")).expect("a command")).collect();
    let mut seeds: Vec<Vec<u8>> =
        (100..).zip(&commands).map(|(number, command)| postcard::to_stdvec(&proposed(number, command.clone())).expect("bytes")).collect();
    seeds.push(seeds.concat());
    let all = Proposal { commands, ..proposed(200, Command::RevokeToken { id: warren_raft::TokenId([1; 8]) }) };
    seeds.push(postcard::to_stdvec(&all).expect("bytes"));
    seeds
}

/// The golden bytes of each command.
const COMMANDS: &[&str] = &[
    "00070707070707070707070707070707070677617272656e02010202030401010770726f78792d310101010101010101010101010101010101010101010101010101010101010101",
    "01020b686f73742d323a33303231010b686f73742d323a33303234016105302e312e3001",
    "0202ac02",
    "03066c61622d7069010304",
    "04066c61622d7069010304",
    "05066c61622d706901037373680c3132372e302e302e313a3232000131",
    "060505050505050505636363636363636363636363636363636363636363636363636363636363636302056c61622d2a01096c61622d2a2f737368a88c3d01",
    "070606060606060606",
    "08070707070707070763636363636363636363636363636363636363636363636363636363636363630001700808080808080808080808080808080808080808080808080808080808080808",
    "090002",
    "0a02",
    "0b02",
    "0c02",
    "0d0201ac02",
    "0e02",
    "0f016301052a2f737368",
    "100161",
    "110163",
    "120505050505050505636363636363636363636363636363636363636363636363636363636363636301056c61622d2a01096c61622d2a2f737368a88c3d01",
    "13020506020708",
    "14ac0201",
    "15ac02",
    "1609090909090909090909090909090909ac02",
    "1702020003693a31000200052a2f737368010161160303693a310100",
    "1801630909090909090909090909090909090909090909090909090909090909090909ac02",
    "190163",
];

/// A cluster, a proxy in its first epoch, tokens for agents and clients, an agent and a client, services, a route and a drain; then a token that limits what its
/// agents publish, such an agent, and one that was removed; then ways in, and a secret of the client.
const SETTING_UP: &[&str] = &[
    "00070707070707070707070707070707070677617272656e02010202030401010770726f78792d310101010101010101010101010101010101010101010101010101010101010101",
    "01010b686f73742d313a33303231010b686f73742d313a33303234016105302e312e3004",
    "060101010101010101636363636363636363636363636363636363636363636363636363636363636301056c61622d2a01096c61622d2a2f737368a88c3d09",
    "08010101010101010163636363636363636363636363636363636363636363636363636363636363630106\
     6c61622d70690a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
    "060202020202020202636363636363636363636363636363636363636363636363636363636363636302056c61622d2a01096c61622d2a2f737368a88c3d09",
    "08020202020202020263636363636363636363636363636363636363636363636363636363636363630208\
     6c61622d757365721414141414141414141414141414141414141414141414141414141414141414",
    "05066c61622d706901037373680c3132372e302e302e313a3232000131",
    "03066c61622d7069010104",
    "0d0100",
    "0a04",
    "120303030303030303636363636363636363636363636363636363636363636363636363636363636301056c61622d2a01096c61622d2a2f737368a88c3d09",
    "08030303030303030363636363636363636363636363636363636363636363636363636363636363630105\
     6c61622d321e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e",
    "08010101010101010163636363636363636363636363636363636363636363636363636363636363630105\
     6c61622d332828282828282828282828282828282828282828282828282828282828282828",
    "10056c61622d33",
    "1701020003693a31000200052a2f737368010161160303693a310100",
    "18086c61622d757365720909090909090909090909090909090909090909090909090909090909090909a88c3d",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_among_the_seeds() {
        assert_eq!(COMMANDS.len(), super::super::message::variants::<Command>());
        assert!(grown().is_draining(ProxyId(1)) && grown().routes().count() == 1 && grown().clients().count() == 1);
        assert!(
            grown().publishing(&"lab-2".parse().expect("a name")).is_some() && grown().has_removed_key(warren_raft::KeyHash([0x28; 32]))
        );
        assert!(grown().ingress(ProxyId(1)).len() == 2 && grown().credentials(&"lab-user".parse().expect("a name")).len() == 1);
    }
}
