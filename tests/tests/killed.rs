//! Hosts that are killed under load, over and over, on either store: what was accepted is run, and the counts add up.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use fonio_test_postgres::Database;
use fonio_tests::{Accounts, FarSide, Host, Program, Project, request, wait_for};
use rustix::process::Signal;
use serde_json::json;

const KILLS: usize = 200;
const SENDERS: usize = 3;

/// Steps that are under way at once, of one host: so many may be begun again after each kill, and no more.
const STEPS_AT_ONCE: usize = 8;

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

/// What was sent, and what the host said that it has.
#[derive(Default)]
struct Sent {
    next: AtomicU64,
    accepted: Mutex<BTreeSet<u64>>,
    since_start: AtomicUsize,
}

impl Sent {
    /// Sends one message after another until the host is gone.
    fn until_killed(&self, host: &Host) {
        loop {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            let body = json!({ "n": n }).to_string();
            let headers = [("content-type", "application/json")];
            match request(host.address(), "POST", "/i/w", &headers, body.as_bytes()) {
                Ok(reply) if reply.status == 200 => {
                    self.accepted.lock().expect("no panic").insert(n);
                    self.since_start.fetch_add(1, Ordering::SeqCst);
                }
                Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text()),
                Err(_) => return,
            }
        }
    }
}

/// Kills the host as soon as so many messages were accepted since it started.
fn kill_after(host: &Host, sent: &Sent, messages: usize) {
    sent.since_start.store(0, Ordering::SeqCst);
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| sent.until_killed(host));
        }
        wait_for("messages to be accepted", || {
            (sent.since_start.load(Ordering::SeqCst) >= messages).then_some(())
        });
        host.signal(Signal::KILL);
    });
}

fn nothing_is_lost(program: &Program) {
    let far_side = FarSide::saying(json!({ "ok": true }));
    let mut host = Host::guarded_by(project(&far_side), program);
    host.wait_until_ready();
    let sent = Sent::default();
    for kill in 0..KILLS {
        // From none to a dozen, in no order that a person would see.
        kill_after(&host, &sent, kill * 7 % 13);
        host = host.killed_and_restarted();
    }
    let accepted = sent.accepted.into_inner().expect("no panic");
    let accounts = Accounts::of(&host, &far_side, &accepted, sent.next.into_inner());
    let again = accounts.repeated;
    assert!(
        again <= KILLS * STEPS_AT_ONCE,
        "{again} requests were sent again"
    );
    assert_eq!(accounts.ended("succeeded"), accounts.runs.len());
}

fn serve() -> Program {
    Program::new(["serve", ".", "--listen", "127.0.0.1:0", "--dev"])
}

#[test]
fn a_host_that_is_killed_two_hundred_times_under_load_loses_nothing() {
    nothing_is_lost(&serve());
}

#[test]
fn nor_does_one_whose_store_is_in_postgres() {
    let database = Database::new();
    nothing_is_lost(&serve().env("FONIO_STORE", &database.url()));
    let open = "SELECT (SELECT count(*) FROM fonio_clinic.queue) + (SELECT count(*) FROM fonio_clinic.waiting)
                + (SELECT count(*) FROM fonio_clinic.later)";
    assert_eq!(database.number(open), 0, "nothing is left over");
}
