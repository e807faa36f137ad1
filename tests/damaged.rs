//! A store that is not what it was starts nothing: the proxy says which file, and which command to run next.

mod support;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use support::{Cluster, Ended, wait_for, warren};

/// Starts the stopped proxy, which must not start.
fn refused(cluster: &Cluster, index: usize) -> Ended {
    let config = cluster.proxy(index).config();
    warren(&["--config", config.to_str().expect("text"), "proxy"], b"")
}

/// Copies a directory, for later.
fn keep(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { keep(&entry.path(), &target) } else { fs::copy(entry.path(), target).map(|_| ()).expect("copied") }
    }
}

fn bring_back(store: &Path, kept: &Path) {
    fs::remove_dir_all(store).expect("removed");
    keep(kept, store);
}

#[test]
fn a_store_that_has_lost_something_is_refused_by_name() {
    let mut cluster = Cluster::start(3);
    let follower = (cluster.leader() + 1) % 3;
    let store = cluster.proxy(follower).data_dir().join("store");
    let [older, newest] = ["older", "newest"].map(|name| cluster.home().join(name));
    cluster.proxy_mut(follower).stop();
    keep(&store, &older);
    cluster.proxy_mut(follower).restart(support::Ports::Same);
    cluster.wait_healthy();
    let last = cluster.create_token("agent", &[]);
    let shows_last = |cluster: &Cluster| {
        let view = cluster.proxy(follower).get("/v1/tokens")?;
        view["tokens"].as_array()?.iter().any(|row| row["id"] == last["id"]).then_some(())
    };
    wait_for("the last change is there", || shows_last(&cluster));
    cluster.proxy_mut(follower).stop();
    keep(&store, &newest);

    // An identity, and nothing that it has promised.
    fs::remove_dir_all(&store).expect("removed");
    refused(&cluster, follower).must_fail(1, "was lost or replaced by an older one");
    fs::remove_dir_all(&store).expect("removed");
    keep(&older, &store);
    refused(&cluster, follower).must_fail(1, "`warren join`");

    let database = store.join("db");
    let name = database.display().to_string();
    bring_back(&store, &newest);
    OpenOptions::new().write(true).open(&database).expect("it opens").set_len(8 * 1024).expect("cut");
    refused(&cluster, follower).must_fail(1, &name);
    bring_back(&store, &newest);
    fs::copy(older.join("db"), &database).expect("replaced");
    refused(&cluster, follower).must_fail(1, &name);
    bring_back(&store, &newest);
    let garbage = OpenOptions::new().write(true).open(&database).expect("it opens");
    garbage.write_all_at(&[0xff; 512 * 1024], 0).expect("overwritten");
    refused(&cluster, follower).must_fail(1, store.to_str().expect("text"));
    bring_back(&store, &newest);
    fs::write(store.join("fence"), b"").expect("emptied");
    refused(&cluster, follower).must_fail(1, &store.join("fence").display().to_string());

    // None of that has harmed the others, and what is whole starts.
    cluster.create_token("agent", &[]);
    bring_back(&store, &newest);
    cluster.proxy_mut(follower).restart(support::Ports::Same);
    cluster.wait_healthy();
    wait_for("it has what it had", || shows_last(&cluster));
}
