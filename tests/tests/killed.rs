//! Hosts that are killed under load, over and over, on either store: what was accepted is run, what had ended is not run
//! again, and the counts add up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fonio_test_postgres::Database;
use fonio_tests::{Accounts, Answer, FarSide, Host, Program, Project, request, wait_for};
use rustix::process::Signal;
use serde_json::json;

const KILLS: usize = 200;
const SENDERS: usize = 3;

/// Steps that are under way at once, of one host: so many may be begun again after each kill, and no more.
const STEPS_AT_ONCE: usize = 8;

/// One kill in so many is followed by kills of the starts after it.
const STARTS_KILLED: u64 = 5;

/// Longer than a start takes until it is ready, so that any moment of one is met.
const START_MS: u64 = 400;

/// Posts what it is sent to the far side, and goes on from what that said.
fn project(far_side: &FarSide) -> Project {
    let url = far_side.url("/records");
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http",
          "expression": format!("post('{url}', state => state.data)"), "next": "keep" },
        { "id": "keep", "adaptor": "@openfn/language-common", "expression": "fn(state => ({ kept: state.data }))" },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted())
}

/// Splitmix64: the same moments in every run of the test.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// After how long each start is killed: mostly none is.
    fn starts(&mut self) -> Vec<Duration> {
        let many = match self.below(STARTS_KILLED) {
            0 => 1 + self.below(2),
            _ => 0,
        };
        (0..many)
            .map(|_| Duration::from_millis(self.below(START_MS)))
            .collect()
    }
}

/// What was sent, and what hosts said that they have.
#[derive(Default)]
struct Sent {
    next: AtomicU64,
    /// The message of each run that was accepted.
    accepted: Mutex<BTreeMap<String, u64>>,
    since_start: AtomicUsize,
}

impl Sent {
    /// Sends one message after another until the host is gone, or nobody needs them any more.
    fn to(&self, host: &Host, enough: &AtomicBool) {
        while !enough.load(Ordering::SeqCst) {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            let body = json!({ "n": n }).to_string();
            let headers = [("content-type", "application/json")];
            match request(host.address(), "POST", "/i/w", &headers, body.as_bytes()) {
                Ok(reply) if reply.status == 200 => {
                    let run = reply.json()["run_id"].as_str().expect("a run").to_owned();
                    self.accepted.lock().expect("no panic").insert(run, n);
                    self.since_start.fetch_add(1, Ordering::SeqCst);
                }
                Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text()),
                Err(_) => return,
            }
        }
    }
}

/// How many requests came of each message.
type Requests = Arc<Mutex<BTreeMap<u64, usize>>>;

/// How many had come when its run was first seen to have succeeded.
#[derive(Default)]
struct Ended(BTreeMap<u64, usize>);

impl Ended {
    /// Looks at the newest runs of a host: few, as its load goes on meanwhile.
    fn look(&mut self, host: &Host, sent: &Sent, requests: &Requests) {
        let runs = host.get("/api/v1/runs?limit=50").json();
        let accepted = sent.accepted.lock().expect("no panic");
        let requests = requests.lock().expect("no panic");
        for run in runs["runs"].as_array().expect("a list") {
            if run["status"] == "succeeded"
                && let Some(n) = accepted.get(&run["id"].to_string())
            {
                self.0.entry(*n).or_insert(requests[n]);
            }
        }
    }

    /// None of them caused another request since.
    fn none_again(&self, requests: &Requests) {
        let requests = requests.lock().expect("no panic");
        let mut ended = self.0.iter();
        let again = ended.find(|(n, then)| requests[n] != **then);
        assert_eq!(
            again, None,
            "a message whose run had ended, and its requests"
        );
    }
}

/// Kills the host as soon as so many messages were accepted since it started, having looked at what has ended.
fn kill_after(messages: usize, victim: &Host, others: &[Host], sent: &Sent, look: impl FnOnce()) {
    sent.since_start.store(0, Ordering::SeqCst);
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| sent.to(victim, &AtomicBool::new(false)));
        }
        for other in others {
            scope.spawn(|| sent.to(other, &enough));
        }
        wait_for("messages to be accepted", || {
            (sent.since_start.load(Ordering::SeqCst) >= messages).then_some(())
        });
        look();
        victim.signal(Signal::KILL);
        enough.store(true, Ordering::SeqCst);
    });
}

fn nothing_is_lost(program: &Program, hosts: usize) {
    let requests = Requests::default();
    let far_side = FarSide::answering({
        let requests = Arc::clone(&requests);
        move |request| {
            let n = request.json()["n"].as_u64().expect("its number");
            *requests.lock().expect("no panic").entry(n).or_default() += 1;
            Answer::json(&json!({ "ok": true }))
        }
    });
    let mut hosts: Vec<Host> = (0..hosts)
        .map(|_| Host::guarded_by(project(&far_side), program))
        .collect();
    hosts.iter().for_each(Host::wait_until_ready);
    let (sent, mut ended, mut chance) = (Sent::default(), Ended::default(), Chance(2026));
    let mut kills = 0;
    while kills < KILLS {
        let victim = hosts.remove(chance.below(hosts.len() as u64) as usize);
        let messages = chance.below(13) as usize;
        kill_after(messages, &victim, &hosts, &sent, || {
            ended.look(&victim, &sent, &requests);
        });
        let starts = chance.starts();
        kills += 1 + starts.len();
        hosts.push(victim.killed_in_starts(&starts));
        ended.none_again(&requests);
    }
    let accepted = sent
        .accepted
        .lock()
        .expect("no panic")
        .values()
        .copied()
        .collect();
    let accounts = Accounts::of(
        &hosts[0],
        &far_side,
        &accepted,
        sent.next.load(Ordering::SeqCst),
    );
    let again = accounts.repeated;
    assert!(
        again <= KILLS * STEPS_AT_ONCE,
        "{again} requests were sent again"
    );
    assert_eq!(accounts.ended("succeeded"), accounts.runs.len());
    ended.none_again(&requests);
    let seen = ended.0.len();
    assert!(seen > KILLS, "only {seen} runs were seen to end");
}

fn serve() -> Program {
    Program::new(["serve", ".", "--listen", "127.0.0.1:0", "--dev"])
}

#[test]
fn a_host_that_is_killed_two_hundred_times_under_load_loses_nothing() {
    nothing_is_lost(&serve(), 1);
}

#[test]
fn nor_do_two_that_share_a_database() {
    let database = Database::new();
    nothing_is_lost(&serve().env("FONIO_STORE", &database.url()), 2);
    let open = "SELECT (SELECT count(*) FROM fonio_clinic.queue) + (SELECT count(*) FROM fonio_clinic.waiting)
                + (SELECT count(*) FROM fonio_clinic.later)";
    assert_eq!(database.number(open), 0, "nothing is left over");
}
