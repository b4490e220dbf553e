//! The same three jobs on what OpenFn runs them with, from npm. Drivers and versions are in `peers/`.
//!
//! A peer that cannot be installed or fails is reported with its reason, beside those that did not.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::inputs;
use crate::process::{Server, wait_until};
use crate::report::{self, Figures, rounded};
use crate::tree::ProcessTree;

/// Longer than the slowest peer took for all its runs on two cores, by five times.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

struct Peer {
    name: &'static str,
    manifest: &'static str,
    driver: &'static str,
    node_options: &'static [&'static str],
    warm_up: u32,
    runs: u32,
}

const COMPILER: &str = include_str!("../peers/compiler/index.js");
const SESSION: &str = include_str!("../peers/session.mjs");

const PEERS: [Peer; 2] = [
    Peer {
        name: "runtime",
        manifest: include_str!("../peers/runtime.json"),
        driver: include_str!("../peers/runtime.mjs"),
        node_options: &["--experimental-vm-modules", "--no-warnings"],
        warm_up: 10,
        runs: 200,
    },
    Peer {
        name: "engine",
        manifest: include_str!("../peers/engine.json"),
        driver: include_str!("../peers/engine.mjs"),
        node_options: &["--no-warnings"],
        warm_up: 1,
        runs: 8,
    },
];

/// Runs every job on every peer; what fails says why in its place.
pub fn measure(work: &Path) -> anyhow::Result<Figures> {
    let peers = PEERS.iter().map(|peer| {
        (
            peer.name.to_owned(),
            or_reason(peer.name, peer.measure(&work.join("peers"))),
        )
    });
    report::figures(json!({ "peers": Value::Object(peers.collect()) }))
}

fn or_reason(what: &str, result: anyhow::Result<Value>) -> Value {
    result.unwrap_or_else(|error| {
        eprintln!("the peer {what} could not be measured: {error:#}");
        json!({ "error": format!("{error:#}") })
    })
}

impl Peer {
    fn measure(&self, work: &Path) -> anyhow::Result<Value> {
        let folder = work.join(self.name);
        let mut figures = self.install(&folder)?;
        let far_side = Server::own(&["hello"])?;
        for job in [inputs::TRIVIAL, inputs::MAP100, inputs::POST] {
            eprintln!("peer {}: {}, {} times", self.name, job.name, self.runs);
            let order = json!({ "source": job.source, "state": job.state(far_side.address), "proof": job.proof });
            fs::write(folder.join("job.json"), order.to_string())?;
            let measured = self
                .job(&folder)
                .with_context(|| format!("the job {}", job.name));
            figures.insert(job.name.to_owned(), or_reason(self.name, measured));
        }
        Ok(Value::Object(figures))
    }

    /// Installs its packages; the first figures are their versions.
    fn install(&self, folder: &Path) -> anyhow::Result<Figures> {
        fs::create_dir_all(folder.join("compiler"))?;
        let modules = folder.join("node_modules");
        let compiler = modules.join("@openfn/compiler/index.js");
        if fs::read_to_string(compiler).is_ok_and(|found| found == COMPILER) {
            // npm would keep an earlier run's stand-in without a word, and so would the report.
            fs::remove_dir_all(&modules)?;
        }
        fs::write(folder.join("session.mjs"), SESSION)?;
        fs::write(folder.join("driver.mjs"), self.driver)?;
        fs::write(
            folder.join("compiler/package.json"),
            include_str!("../peers/compiler/package.json"),
        )?;
        fs::write(folder.join("compiler/index.js"), COMPILER)?;
        let mut manifest: Value = serde_json::from_str(self.manifest)?;
        let mut figures =
            Figures::from_iter([("packages".to_owned(), manifest["dependencies"].clone())]);
        eprintln!("peer {}: npm install", self.name);
        let Err(refused) = npm_install(folder, &manifest) else {
            return Ok(figures);
        };
        // Some registries lack the engine's compiler.
        let said = format!("{refused:#}");
        anyhow::ensure!(said.contains("@openfn/compiler"), said);
        manifest["overrides"] = json!({ "@openfn/compiler": "file:./compiler" });
        npm_install(folder, &manifest)?;
        let note =
            "npm could not install @openfn/compiler; a stand-in that takes no time took its place";
        eprintln!("peer {}: {note}", self.name);
        figures.insert("note".to_owned(), note.into());
        Ok(figures)
    }

    fn job(&self, folder: &Path) -> anyhow::Result<Value> {
        let mut session = Session::start(folder, self.node_options)?;
        session.expect("ready")?;
        session.run(self.warm_up)?;
        let before = session.tree()?;
        let started = Instant::now();
        session.run(self.runs)?;
        let (took, after) = (started.elapsed(), session.tree()?);
        let peak_mib = session.end()?;
        let runs = f64::from(self.runs);
        let cpu = after.cpu.saturating_sub(before.cpu);
        Ok(json!({
            "runs": self.runs,
            "wall_us": rounded(took.as_secs_f64() * 1e6 / runs),
            "cpu_us": rounded(cpu.as_secs_f64() * 1e6 / runs),
            "per_s": rounded(runs / took.as_secs_f64()),
            "rss_before_mib": rounded(before.rss_mib),
            "rss_after_mib": rounded(after.rss_mib),
            "rss_peak_mib": rounded(peak_mib.max(after.rss_mib)),
        }))
    }
}

fn npm_install(folder: &Path, manifest: &Value) -> anyhow::Result<()> {
    fs::write(
        folder.join("package.json"),
        serde_json::to_string_pretty(manifest)?,
    )?;
    let output = Command::new("npm")
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--no-package-lock",
            "--loglevel=error",
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("npm did not start; it comes with Node.js")?;
    if !output.status.success() {
        bail!(
            "npm install failed:\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// A peer's process, told what to do line by line.
struct Session {
    child: Child,
    /// Closed to say that it was the last order.
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    peak_mib: f64,
}

impl Session {
    fn start(folder: &Path, node_options: &[&str]) -> anyhow::Result<Session> {
        let log = fs::File::create(folder.join("node.log"))?;
        let mut child = Command::new("node")
            .args(node_options)
            .args(["driver.mjs", "job.json"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("node did not start")?;
        let orders = child.stdin.take();
        let said = BufReader::new(child.stdout.take().context("its output is piped")?);
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let ours = said
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| line.strip_prefix("bench: ").map(str::to_owned));
            // Nobody listens any more once the session has ended.
            ours.for_each(|line| drop(sender.send(line)));
        });
        Ok(Session {
            child,
            orders,
            answers,
            peak_mib: 0.0,
        })
    }

    fn run(&mut self, times: u32) -> anyhow::Result<()> {
        writeln!(
            self.orders.as_mut().context("its input is piped")?,
            "{times}"
        )?;
        self.expect("done")
    }

    /// Lets it end, and with it the engine's own processes. The most memory that was seen, in MiB.
    fn end(mut self) -> anyhow::Result<f64> {
        drop(self.orders.take());
        wait_until(ANSWER_WITHIN, "a peer to end", SAMPLE_EVERY, || {
            Ok(self.child.try_wait()?.is_some())
        })?;
        Ok(self.peak_mib)
    }

    /// Waits for that answer, and meanwhile watches how much memory the processes take.
    fn expect(&mut self, wanted: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            match self.answers.recv_timeout(SAMPLE_EVERY) {
                Ok(answer) if answer == wanted => return Ok(()),
                Ok(answer) => bail!("it answered: {answer}"),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("it ended; node.log beside it says why")
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() > deadline => {
                    bail!("it did not answer within {} s", ANSWER_WITHIN.as_secs())
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.peak_mib = self.peak_mib.max(self.tree()?.rss_mib)
                }
            }
        }
    }

    fn tree(&self) -> anyhow::Result<ProcessTree> {
        ProcessTree::of(self.child.id())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Both fail only when it has ended already. The engine's own processes end with their pipe to this one.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
