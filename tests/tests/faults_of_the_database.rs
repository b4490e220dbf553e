//! A database that restarts, hangs or is slow, under hosts at work. Afterwards every accepted message has one run, which
//! has ended, nothing ran again that had ended, and the counts add up.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fonio_test_postgres::{Database, Server};
use fonio_tests::network::{PUBLIC, alone};
use fonio_tests::{
    Accounts, Answer, FarSide, Gate, Host, Program, Project, Response, Wire, wait_for,
    wait_past_a_lease,
};
use rustix::process::Signal;
use serde_json::json;

/// A webhook that posts what it is sent to the far side.
fn project(far_side: &FarSide) -> Project {
    let url = far_side.url("/records");
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http",
          "expression": format!("post('{url}', state => ({{ n: state.data.n }}))") },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted())
}

/// A host with a data folder of its own, on the database at `url`.
fn host(url: &str, far_side: &FarSide) -> Host {
    let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]);
    let host = Host::started_by(project(far_side), &program.env("FONIO_STORE", url));
    host.wait_until_ready();
    host
}

/// What was sent to hosts, and what they said that they have.
#[derive(Default)]
struct Sent {
    next: AtomicU64,
    accepted: Mutex<BTreeSet<u64>>,
}

impl Sent {
    /// Sends the next message. A host that cannot take it says so, and when to come again.
    fn one(&self, to: &Host) -> Response {
        let n = self.next.fetch_add(1, Ordering::SeqCst);
        let body = json!({ "n": n }).to_string();
        let headers = [("content-type", "application/json")];
        let reply = to.send("POST", "/i/w", &headers, body.as_bytes());
        match reply.status {
            200 => drop(self.accepted.lock().expect("no panic").insert(n)),
            503 => assert!(reply.header("retry-after").is_some(), "{reply:?}"),
            other => panic!("{other}: {reply:?}"),
        }
        reply
    }

    fn accepted(&self) -> BTreeSet<u64> {
        self.accepted.lock().expect("no panic").clone()
    }

    fn accounts(&self, host: &Host, far_side: &FarSide) -> Accounts {
        let sent = self.next.load(Ordering::SeqCst);
        let accounts = Accounts::of(host, far_side, &self.accepted(), sent);
        assert_eq!(accounts.ended("succeeded"), accounts.runs.len());
        accounts
    }
}

#[test]
fn a_server_that_crashes_under_load_costs_no_message_and_no_run_twice() {
    let mut server = Server::start().expect("a PostgreSQL server");
    let database = Database::on(&server);
    let far_side = FarSide::saying(json!({}));
    let hosts = [
        host(&database.url(), &far_side),
        host(&database.url(), &far_side),
    ];
    let (sent, crashes) = (Sent::default(), AtomicU64::new(0));
    thread::scope(|scope| {
        for host in &hosts {
            scope.spawn(|| {
                while crashes.load(Ordering::SeqCst) < 3 {
                    sent.one(host);
                }
            });
        }
        for _ in 0..3 {
            let seen = far_side.received().len();
            wait_for("work to go on", || {
                (far_side.received().len() > seen + 20).then_some(())
            });
            server.crash().expect("the server comes back");
            crashes.fetch_add(1, Ordering::SeqCst);
        }
    });
    let accounts = sent.accounts(&hosts[0], &far_side);
    assert!(accounts.runs.len() > 60, "{} runs", accounts.runs.len());
    // Both hosts lived on within their leases, so what they had begun stayed theirs.
    assert_eq!(accounts.repeated, 0);
}

/// Steps that the host has begun when it is cut off.
const BEGUN: usize = 3;

/// A host on a wire is cut off from its database with steps in flight, while another is not; then it is back.
fn cut_off_and_back(database: &Database, wire: &Wire, cut: impl FnOnce(), mend: impl FnOnce()) {
    let gate = Gate::default();
    let far_side = FarSide::answering({
        let (gate, begun) = (gate.clone(), AtomicU64::new(0));
        move |_| {
            if begun.fetch_add(1, Ordering::SeqCst) < BEGUN as u64 {
                gate.pass();
            }
            Answer::json(&json!({}))
        }
    });
    let cut_off = host(&database.url_by(wire.address()), &far_side);
    let sent = Sent::default();
    (0..BEGUN).for_each(|_| drop(sent.one(&cut_off)));
    wait_for("its steps to begin", || {
        (far_side.received().len() == BEGUN).then_some(())
    });
    let other = host(&database.url(), &far_side);
    cut();
    thread::scope(|scope| {
        // It cannot promise anything now, so it answers later, or says that it cannot.
        let late = scope.spawn(|| sent.one(&cut_off));
        (0..5).for_each(|_| assert_eq!(sent.one(&other).status, 200));
        wait_past_a_lease("the other host to take over", || {
            let ended = "SELECT count(*) FROM fonio_clinic.runs WHERE status = 2";
            (database.number(ended) == BEGUN as i64 + 5).then_some(())
        });
        assert_eq!(
            far_side.received().len(),
            BEGUN + BEGUN + 5,
            "what the one had begun, the other did, and nobody anything else"
        );
        // What the one has done it still wants to store, and is not let.
        gate.open();
        mend();
        late.join().expect("an answer");
    });
    wait_for("the host to notice", || {
        cut_off
            .said()
            .contains("others took over its steps")
            .then_some(())
    });
    wait_for("the host to take messages again", || {
        (sent.one(&cut_off).status == 200).then_some(())
    });
    let accounts = sent.accounts(&cut_off, &far_side);
    assert_eq!(accounts.repeated, BEGUN, "what was taken over, and no more");
    let attempts = |run: &serde_json::Value| {
        let run = other.get(&format!("/api/v1/runs/{}", run["id"])).json();
        run["steps"][0]["attempt"].as_u64()
    };
    let second = accounts.runs.iter().filter(|run| attempts(run) == Some(2));
    assert_eq!(second.count(), BEGUN);
}

#[test]
fn a_host_whose_database_hangs_claims_nothing_loses_nothing_and_comes_back() {
    let database = Database::new();
    let wire = Wire::to(database.socket());
    cut_off_and_back(&database, &wire, || wire.cut(), || wire.mend());
}

#[test]
fn a_host_whose_database_hangs_stops_all_the_same_and_what_it_had_begun_is_done_by_the_next() {
    let (database, gate) = (Database::new(), Gate::default());
    let wire = Wire::to(database.socket());
    let far_side = FarSide::behind(&gate);
    let mut hung = host(&database.url_by(wire.address()), &far_side);
    let sent = Sent::default();
    assert_eq!(sent.one(&hung).status, 200);
    wait_for("its step to begin", || {
        (far_side.received().len() == 1).then_some(())
    });
    wire.cut();
    gate.open();
    hung.signal(Signal::TERM);
    assert_eq!(hung.wait_for_end().code(), Some(1), "{}", hung.said());
    assert!(
        hung.said().contains("the database has said nothing"),
        "{}",
        hung.said()
    );
    let next = host(&database.url(), &far_side);
    wait_past_a_lease("the next host to take over", || {
        let ended = "SELECT count(*) FROM fonio_clinic.runs WHERE status = 2";
        (database.number(ended) == 1).then_some(())
    });
    assert_eq!(sent.accounts(&next, &far_side).repeated, 1);
}

#[test]
fn a_host_whose_network_is_gone_claims_nothing_loses_nothing_and_comes_back() {
    alone(
        "a_host_whose_network_is_gone_claims_nothing_loses_nothing_and_comes_back",
        || {
            let database = Database::new();
            let wire = Wire::at(PUBLIC, database.socket());
            let plug = |what: &str| {
                let mut ip = Command::new("ip");
                let ip = ip.args(["address", what, &format!("{PUBLIC}/32"), "dev", "lo"]);
                assert!(ip.status().expect("there is `ip`").success(), "{what}");
            };
            cut_off_and_back(&database, &wire, || plug("del"), || plug("add"));
        },
    );
}

#[test]
fn a_database_that_answers_late_makes_hosts_slow_and_nothing_else() {
    let (database, far_side) = (Database::new(), FarSide::saying(json!({})));
    let wire = Wire::to(database.socket());
    let slow = host(&database.url_by(wire.address()), &far_side);
    let quick = host(&database.url(), &far_side);
    // A tenth of a second for each question and its answer.
    wire.slow(Duration::from_millis(50));
    let sent = Sent::default();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| sent.one(&slow));
        }
        scope.spawn(|| (0..6).for_each(|_| drop(sent.one(&quick))));
    });
    let accounts = sent.accounts(&quick, &far_side);
    assert_eq!(accounts.repeated, 0);
    assert_eq!(sent.accepted().len(), 12, "late, but all of them");
}

#[test]
fn a_host_whose_database_answers_later_than_its_lease_lasts_loses_nothing_and_comes_back() {
    let database = Database::new();
    let wire = Wire::to(database.socket());
    // The lease is 15 s.
    let slow = || wire.slow(Duration::from_secs(20));
    cut_off_and_back(&database, &wire, slow, || wire.mend());
}
