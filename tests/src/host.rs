//! `fonio serve`, started and stopped as a service manager or a power cut would.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::wait;
use crate::runs::run;
use crate::{Program, Project, Response, Run, request, wait_for};

/// A running host; dropping it kills it.
#[derive(Debug)]
pub struct Host {
    /// Its project's files.
    pub project: Project,
    child: Child,
    address: SocketAddr,
    said: Said,
    printed: Said,
    /// How it is started again.
    again: Program,
}

/// What it has written to one of its streams so far.
type Said = Arc<Mutex<String>>;

impl Host {
    /// Serves the project, and waits until it accepts work.
    pub fn serving(project: Project) -> Host {
        let host = Host::started(project);
        host.wait_until_ready();
        host
    }

    /// Starts to serve the project, which may not become ready.
    pub fn started(project: Project) -> Host {
        Host::started_by(project, &usual())
    }

    /// Starts with a command line and an environment of the test's own, and with `--dev`: what is under test is not who
    /// may look.
    pub fn started_by(project: Project, program: &Program) -> Host {
        let open = |program: &Program| {
            let mut program = program.clone();
            program.arg("--dev");
            program
        };
        let mut host = Host::guarded_by(project, &open(program));
        host.again = open(&usual().stored_as(program));
        host
    }

    /// Serves the project to whoever it knows, as it is from the start, and waits until it accepts work.
    pub fn guarded(project: Project) -> Host {
        let host = Host::guarded_by(project, &usual());
        host.wait_until_ready();
        host
    }

    /// The same with a command line of the test's own; it may not become ready, or speak TLS.
    pub fn guarded_by(project: Project, program: &Program) -> Host {
        let Started {
            child,
            address,
            said,
            printed,
        } = start(&project, program);
        Host {
            project,
            child,
            address,
            said,
            printed,
            again: program.clone(),
        }
    }

    /// Waits for `GET /ready` to say yes.
    pub fn wait_until_ready(&self) {
        wait_for("the host to be ready", || {
            (self.get("/ready").status == 200).then_some(())
        });
        // The page's address is the last that is said at the start, on another channel than the reply came.
        let last = format!("://{}/\n", self.address);
        wait_for("the host's last word at the start", || {
            self.said().contains(&last).then_some(())
        });
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends any request.
    #[track_caller]
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        match request(self.address, method, target, headers, body) {
            Ok(response) => response,
            Err(error) => panic!(
                "{method} {target}: {error}; the host said:\n{}",
                self.said()
            ),
        }
    }

    /// Reads a path.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.send("GET", target, &[], b"")
    }

    /// Sends a body to the inbox.
    #[track_caller]
    pub fn post_inbox(&self, content_type: &str, body: impl AsRef<[u8]>) -> Response {
        self.send(
            "POST",
            "/inbox",
            &[("content-type", content_type)],
            body.as_ref(),
        )
    }

    /// Sends JSON to the inbox, which must take it.
    #[track_caller]
    pub fn post(&self, message: &Value) -> Response {
        let response = self.post_inbox("application/json", message.to_string());
        assert_eq!(response.status, 202, "{}", response.text());
        response
    }

    /// Sends JSON to the inbox and gives the one run it causes, ended.
    #[track_caller]
    pub fn run(&self, message: &Value) -> Run {
        let newest = |runs: &[Value]| runs.first().and_then(|run| run["id"].as_i64()).unwrap_or(0);
        let before = newest(&self.runs());
        self.post(message);
        let mut caused = self.ended_runs();
        caused.retain(|run| run["id"].as_i64().is_some_and(|id| id > before));
        assert_eq!(caused.len(), 1, "{caused:#?}");
        self.detail(&caused[0])
    }

    /// Waits until nothing is queued or running, and gives every run, oldest first.
    #[track_caller]
    pub fn runs_done(&self) -> Vec<Run> {
        self.ended_runs()
            .iter()
            .rev()
            .map(|run| self.detail(run))
            .collect()
    }

    fn ended_runs(&self) -> Vec<Value> {
        wait_for("all runs to end", || {
            let runs = self.runs();
            let open = |run: &Value| {
                !matches!(
                    run["status"].as_str(),
                    Some("succeeded" | "failed" | "cancelled")
                )
            };
            (!runs.iter().any(open)).then_some(runs)
        })
    }

    fn detail(&self, summary: &Value) -> Run {
        let detail = self.get(&format!("/api/v1/runs/{}", summary["id"])).json();
        run(&detail, |id| {
            self.get(&format!("/api/v1/dataclips/{id}")).json()
        })
    }

    /// `/api/v1/runs`, newest first.
    pub fn runs(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/runs?limit=500").json();
        answer["runs"]
            .as_array()
            .expect("there is a list of runs")
            .clone()
    }

    /// `/api/v1/project`.
    pub fn project_as_served(&self) -> Value {
        self.get("/api/v1/project").json()
    }

    /// Waits for a problem whose message has these words, and gives it.
    #[track_caller]
    pub fn wait_for_problem(&self, words: &str) -> Value {
        let has = |problem: &Value| {
            problem["message"]
                .as_str()
                .is_some_and(|message| message.contains(words))
        };
        wait_for(&format!("the problem `{words}`"), || {
            let project = self.project_as_served();
            project["problems"]
                .as_array()?
                .iter()
                .find(|problem| has(problem))
                .cloned()
        })
    }

    /// Waits until the project has no problem left.
    #[track_caller]
    pub fn wait_for_no_problems(&self) {
        wait_for("the problems to go", || {
            let project = self.project_as_served();
            (project["problems"].as_array().is_some_and(Vec::is_empty)).then_some(())
        });
    }

    /// Kills it without warning, as a power cut does, and starts it again on the same files.
    #[must_use]
    pub fn killed_and_restarted(self) -> Host {
        self.killed_and_restarted_after(|| ())
    }

    /// Kills it without warning, lets `meanwhile` happen while it is down, and starts it again on the same files.
    #[must_use]
    pub fn killed_and_restarted_after(mut self, meanwhile: impl FnOnce()) -> Host {
        self.child.kill().expect("the host can be killed");
        self.child.wait().expect("the host ends");
        meanwhile();
        self.start_again();
        self
    }

    /// Kills it without warning, and again in each of the starts that follow, after so long; it is not ready then. Starts it
    /// once more.
    #[must_use]
    pub fn killed_in_starts(self, each_after: &[Duration]) -> Host {
        let (again, dir) = (self.again.clone(), self.project.dir().to_owned());
        self.killed_and_restarted_after(|| {
            for after in each_after {
                let mut child = again.start(&dir);
                // It is the fault itself; nothing is waited for.
                thread::sleep(*after);
                child.kill().expect("the host can be killed");
                child.wait().expect("the host ends");
            }
        })
    }

    /// Ends it in order, lets `meanwhile` happen while it is down, and starts it again on the same files.
    #[must_use]
    pub fn restarted_after(mut self, meanwhile: impl FnOnce()) -> Host {
        self.signal(Signal::TERM);
        assert!(self.wait_for_end().success(), "{}", self.said());
        meanwhile();
        self.start_again();
        self
    }

    fn start_again(&mut self) {
        let started = start(&self.project, &self.again);
        (self.child, self.address) = (started.child, started.address);
        (self.said, self.printed) = (started.said, started.printed);
        self.wait_until_ready();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid fits"))
            .expect("a child has a pid");
        kill_process(pid, signal).expect("the host can be signalled");
    }

    /// Waits for its end.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        wait(&mut self.child, "serve")
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        heard(&self.said)
    }

    /// What it has printed on standard output since it listens.
    pub fn printed(&self) -> String {
        heard(&self.printed)
    }

    /// The runs after the one of this number, once nothing is queued or running, oldest first.
    #[track_caller]
    pub(crate) fn runs_since(&self, last: i64) -> Vec<Run> {
        let mut runs = self.ended_runs();
        runs.retain(|run| run["id"].as_i64().is_some_and(|id| id > last));
        runs.iter().rev().map(|run| self.detail(run)).collect()
    }
}

fn heard(said: &Said) -> String {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Keeps the lines of a stream as they come.
fn hear(stream: impl BufRead + Send + 'static, into: &Said) {
    let into = Arc::clone(into);
    thread::spawn(move || {
        for line in stream.lines().map_while(Result::ok) {
            *into.lock().unwrap_or_else(PoisonError::into_inner) += &format!("{line}\n");
        }
    });
}

struct Started {
    child: Child,
    address: SocketAddr,
    said: Said,
    printed: Said,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the host said:\n{}---", self.said());
        } else {
            self.check_what_was_written();
        }
    }
}

fn usual() -> Program {
    Program::new(["serve", ".", "--listen", "127.0.0.1:0"])
}

/// Starts the program and reads the address from the line it prints once it listens.
fn start(project: &Project, program: &Program) -> Started {
    let mut child = program.start(project.dir());
    let (said, printed) = (Said::default(), Said::default());
    let stderr = child.stderr.take().expect("the pipe was asked for");
    hear(BufReader::new(stderr), &said);
    let mut stdout = BufReader::new(child.stdout.take().expect("the pipe was asked for"));
    // The pipe ends when the program does, so this cannot wait for ever on one that has died.
    let address = stdout
        .by_ref()
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let url = line.strip_prefix("listening on ")?;
            url.split_once("://")?.1.parse().ok()
        });
    let Some(address) = address else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("the host does not listen; it said:\n{}", heard(&said));
    };
    hear(stdout, &printed);
    Started {
        child,
        address,
        said,
        printed,
    }
}
