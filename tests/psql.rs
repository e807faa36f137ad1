//! `psql` through `warren forward` to a PostgreSQL of the test's own.

mod support;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Cluster, Door, Ended, Server, User, all_installed, is_root, not_run, run, wait_for};
use tempfile::TempDir;

#[test]
fn a_database_is_reached_through_every_proxy() {
    let Some([psql, initdb, postgres]) = all_installed("tests/psql.rs", ["psql", "initdb", "postgres"]) else { return };
    let Some(database) = Database::start(&initdb, &postgres) else { return };
    let door = Door::to_socket(database.socket());
    let port = "[[ingress.tcp]]\nlisten = \"127.0.0.1:0\"\ntarget = \"any/postgres\"\n";
    let cluster = Cluster::start_with(3, |proxy| proxy.configured(port));
    let _agent = cluster.agent("rack", &[2], &[("postgres", door.address().to_string())]);
    let client = cluster.client("analyst", "*/postgres");

    for proxy in cluster.proxies() {
        let forward = client.forward(proxy.name(), "rack/postgres", &[proxy.public_address()]);
        let answer = query(&psql, forward.address(), &["select sum(i) from generate_series(1, 1000) as i"]);
        assert_eq!(answer.must_succeed(), b"500500\n", "through {}", proxy.name());
        let wrong = query(&psql, forward.address(), &["select from nowhere"]);
        assert_eq!(wrong.status, Some(1), "{wrong:?}");
        assert!(wrong.stderr.contains("nowhere"), "{wrong:?}");
        // Without anything of warren on this machine.
        proxy.wait_published(1);
        let answer = query(&psql, proxy.ingress("tcp"), &["select 6 * 7"]);
        assert_eq!(answer.must_succeed(), b"42\n", "by a static port of {}", proxy.name());
    }
    let forward = client.forward("any", "any/postgres", &[cluster.proxy(0).public_address()]);
    a_table_goes_out_and_comes_back(&psql, forward.address(), cluster.home());
    std::thread::scope(|scope| {
        for session in 0..8 {
            let (psql, address) = (&psql, forward.address());
            scope.spawn(move || {
                let statement = format!("select {session} from pg_sleep(0.1)");
                assert_eq!(query(psql, address, &[&statement]).must_succeed(), format!("{session}\n").as_bytes());
            });
        }
    });
}

fn a_table_goes_out_and_comes_back(psql: &Path, address: SocketAddr, home: &Path) {
    let file = home.join("rows");
    let (out, back) = (format!("\\copy rows to '{}'", file.display()), format!("\\copy again from '{}'", file.display()));
    let copied = query(
        psql,
        address,
        &[
            "create table rows as select i, repeat(md5(i::text), 8) as words from generate_series(1, 20000) as i",
            &out,
            "create table again (like rows)",
            &back,
            "select count(*) from (select * from rows intersect select * from again) as same",
        ],
    );
    assert_eq!(String::from_utf8_lossy(&copied.must_succeed()).lines().last(), Some("20000"));
    assert!(fs::metadata(&file).expect("the file").len() > 20_000 * 256);
}

fn query(psql: &Path, address: SocketAddr, statements: &[&str]) -> Ended {
    let mut command = Command::new(psql);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("PGCONNECT_TIMEOUT", "30");
    command.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"]);
    command.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()]);
    for statement in statements {
        command.args(["-c", statement]);
    }
    run(command, b"")
}

/// A database server that listens on a socket in a directory of its own. Dropping it stops it, then the directory goes.
struct Database {
    _server: Server,
    home: TempDir,
}

impl Database {
    /// Starts one; `None`, and a line that says so, where there is nobody who may run it.
    fn start(initdb: &Path, postgres: &Path) -> Option<Self> {
        // PostgreSQL does not run as root.
        let user =
            if is_root() { User::find(|user| user.name == "postgres").or_else(|| User::find(|user| user.name == "nobody")) } else { None };
        if is_root() && user.is_none() {
            not_run("tests/psql.rs", "PostgreSQL does not run as root, and there is no user `postgres` or `nobody`");
            return None;
        }
        let home = TempDir::new().expect("a directory");
        if let Some(user) = &user {
            std::os::unix::fs::chown(home.path(), Some(user.uid), Some(user.gid)).expect("root may");
        }
        let command = |program: &Path| {
            let mut command = Command::new(program);
            command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(home.path());
            if let Some(user) = &user {
                command.uid(user.uid).gid(user.gid);
            }
            command
        };
        let data = home.path().join("data");
        let mut made = command(initdb);
        made.args(["--auth", "trust", "--username", "postgres", "--no-sync", "--locale", "C", "--encoding", "UTF8", "--pgdata"]).arg(&data);
        run(made, b"").must_succeed();
        let mut server = command(postgres);
        server.args(["-h", "", "-c", "fsync=off", "-k"]).arg(home.path()).arg("-D").arg(&data);
        let mut server = Server::start(&mut server, "INT", &home.path().join("log"));
        wait_for("the database listens", || {
            server.must_run();
            std::os::unix::net::UnixStream::connect(socket(home.path())).ok()
        });
        Some(Self { _server: server, home })
    }

    fn socket(&self) -> PathBuf {
        socket(self.home.path())
    }
}

fn socket(home: &Path) -> PathBuf {
    home.join(".s.PGSQL.5432")
}
