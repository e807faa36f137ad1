//! Who makes it hard.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::group::Group;
use crate::network::weather::{Random, Storm};

/// Longest time between two strokes.
const PAUSE: Duration = Duration::from_secs(2);
/// Longest time that a member is down or cut off. Often longer than an election.
const ABSENCE: Duration = Duration::from_secs(3);

/// Strikes until the time is over. At the end somebody may be cut off or down.
pub(crate) async fn rage(group: &Group, random: &mut Random, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        group.network.storm(storm(random));
        sleep(random.up_to(PAUSE)).await;
        let victim = random.below(3);
        match random.below(6) {
            0 => cut(group, random, &[victim]).await,
            // Nobody has a quorum.
            1 => cut(group, random, &[0, 1, 2]).await,
            2 => cut(group, random, &[leader(group).unwrap_or(victim)]).await,
            3 => kill(group, random, &[victim]).await,
            4 => kill(group, random, &[leader(group).unwrap_or(victim)]).await,
            _ => kill(group, random, &[victim, (victim + 1) % 3]).await,
        }
    }
}

fn storm(random: &mut Random) -> Storm {
    match random.below(4) {
        0 => Storm::default(),
        1 => Storm { twice: 30, again: 20, ..Storm::default() },
        2 => Storm { delay: Duration::from_millis(60), again: 20, ..Storm::default() },
        _ => Storm { lost: 15, twice: 15, again: 10, delay: Duration::from_millis(20) },
    }
}

fn leader(group: &Group) -> Option<u64> {
    (0..3).find(|index| group.member(*index).is_some_and(|store| store.status().state == "leader"))
}

async fn cut(group: &Group, random: &mut Random, victims: &[u64]) {
    victims.iter().for_each(|index| group.network.cut(index + 1));
    sleep(random.up_to(ABSENCE)).await;
    victims.iter().for_each(|index| group.network.mend(index + 1));
}

async fn kill(group: &Group, random: &mut Random, victims: &[u64]) {
    for index in victims {
        group.kill(*index).await;
    }
    sleep(random.up_to(ABSENCE)).await;
    for index in victims {
        group.reopen(*index).await;
    }
}
