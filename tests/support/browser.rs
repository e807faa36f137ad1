//! A real browser without a window, driven over its DevTools protocol by two pipes (`--remote-debugging-pipe`): no port, and no library.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LONG, all_installed, wait_for};

/// What keeps a browser to itself and to what it is told to show.
const FLAGS: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-extensions",
    "--metrics-recording-only",
    "--no-first-run",
    "--remote-debugging-pipe",
];
/// It asks nobody on the way.
const DIRECTLY: &str = "--no-proxy-server";

/// A browser with one page.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    input: File,
    output: Receiver<Value>,
    last: u64,
    session: Option<String>,
    _home: TempDir,
}

impl Browser {
    /// Starts one; `None`, and a line that says so, where none is installed.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &[DIRECTLY])
    }

    /// The same, which goes by the proxy with this URL, and takes whatever certificate it is shown behind that.
    pub(crate) fn start_behind(test: &str, proxy: &str) -> Option<Self> {
        Self::start_with(test, &[&format!("--proxy-server={proxy}"), "--ignore-certificate-errors"])
    }

    fn start_with(test: &str, flags: &[&str]) -> Option<Self> {
        Some(Self::launch(all_installed(test, ["chromium", "sh", "mkfifo"])?, flags))
    }

    fn launch([chromium, shell, mkfifo]: [PathBuf; 3], flags: &[&str]) -> Self {
        let home = TempDir::new().expect("a directory");
        let pipe = |name: &str| {
            let path = home.path().join(name);
            assert!(Command::new(&mkfifo).arg(&path).status().expect("it runs").success(), "a pipe");
            path
        };
        let (to, from) = (pipe("to"), pipe("from"));
        // Open for both, it waits for nobody.
        let input = File::options().read(true).write(true).open(&to).expect("a pipe");
        let child = Command::new(shell)
            .args(["-c", r#"exec "$0" "$@" 3<"$TO" 4>"$FROM""#])
            .arg(chromium)
            .args(FLAGS)
            .args(flags)
            .arg(format!("--user-data-dir={}", home.path().join("profile").display()))
            .arg("about:blank")
            .env_clear()
            .envs([("HOME", home.path()), ("TO", &to), ("FROM", &from), ("PATH", Path::new("/usr/bin:/bin"))])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser runs");
        let output = hear(File::open(&from).expect("a pipe"));
        let mut browser = Self { child, input, output, last: 0, session: None, _home: home };
        let target = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }))["targetId"].clone();
        let session = browser.ask("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }));
        browser.session = Some(session["sessionId"].as_str().expect("a session").to_owned());
        browser.ask("Page.enable", &json!({}));
        browser
    }

    /// Goes to a page and waits until it is there.
    pub(crate) fn open(&mut self, url: &str) {
        let answer = self.ask("Page.navigate", &json!({ "url": url }));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        wait_for(&format!("{url} is there"), || {
            // While it goes there is none to ask.
            let asked = json!({ "expression": "location.href + ' ' + document.readyState", "returnByValue": true });
            let state = self.try_to_ask("Runtime.evaluate", &asked).ok()?["result"]["value"].clone();
            (state.as_str()?.starts_with(url) && state.as_str()?.ends_with("complete")).then_some(())
        });
    }

    /// What an expression gives on the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let answer = self.ask("Runtime.evaluate", &json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }));
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true on the page.
    pub(crate) fn wait_for(&mut self, what: &str, expression: &str) {
        wait_for(what, || (self.evaluate(expression) == true).then_some(()));
    }

    /// Asks something of the browser.
    pub(crate) fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.try_to_ask(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same, where it may not be possible: what is asked about may have gone.
    pub(crate) fn try_to_ask(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        write!(self.input, "{message}\0").map_err(|error| json!(format!("the browser does not listen: {error}")))?;
        loop {
            let heard = self.output.recv_timeout(LONG).unwrap_or_else(|_| panic!("no answer to {method}"));
            if heard["id"] == self.last {
                return heard.get("error").map_or_else(|| Ok(heard["result"].clone()), |error| Err(error.clone()));
            }
        }
    }
}

/// What the browser says, each message ended by a zero.
fn hear(pipe: File) -> Receiver<Value> {
    let (into, heard) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(pipe).split(0).map_while(Result::ok) {
            let Ok(message) = serde_json::from_slice(&message) else { return };
            if into.send(message).is_err() {
                return;
            }
        }
    });
    heard
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Told so, it takes its children with it; if it does not listen any more, it is killed below.
        let _ = write!(self.input, "{}\0", json!({ "id": 0, "method": "Browser.close" }));
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < LONG / 6 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
