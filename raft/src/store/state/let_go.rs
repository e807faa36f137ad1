//! Lets go of tables without holding up anybody.

use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;

use crate::table::{Remains, Table};

/// Nodes of a table between two turns of the others: some three thousand agents, a fraction of a millisecond.
pub(crate) const STEP: usize = 64;
/// How long a look into a table takes at most; who looks longer frees what nobody else has by then.
const LOOK: Duration = Duration::from_millis(1);
/// How many looks are waited for.
const LOOKS: usize = 10;

/// Frees a table, letting others have their turn again and again. What another version has stays.
pub(crate) async fn let_go(table: Table) {
    shrink(table.into()).await;
}

/// The same for a table that is not shown any more: first those who are just looking into it may finish, or the last of them would free it all
/// at once.
pub(crate) async fn let_go_of_shown(table: Table) {
    let remains = Remains::from(table);
    for _ in 0..LOOKS {
        if !remains.is_shared() {
            break;
        }
        sleep(LOOK).await;
    }
    shrink(remains).await;
}

async fn shrink(mut remains: Remains) {
    while remains.shrink(STEP) {
        yield_now().await;
    }
}
