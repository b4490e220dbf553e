//! A far side that fails, hangs, or answers when nobody waits any more: every run ends, every attempt is counted, and the
//! host drains.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use fonio_tests::{Accounts, Answer, FarSide, Gate, Host, Project, Store, wait_for};
use serde_json::{Value, json};

/// Well above what a quick answer takes on a busy machine, and below how late the late ones are.
const SETTINGS: &str = "[limits]\nwall_time = \"2s\"\n[retry]\nattempts = 2\nbackoff = \"10ms\"\n";
const LATE: Duration = Duration::from_millis(2_500);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Failing,
    Hanging,
    Late,
}

impl Mood {
    const ALL: [Mood; 4] = [Mood::Well, Mood::Failing, Mood::Hanging, Mood::Late];

    fn of(n: u64) -> Mood {
        Mood::ALL[(n % 4) as usize]
    }
}

fn moody(never: Gate) -> FarSide {
    FarSide::answering(move |request| {
        let answer = Answer::json(&json!({ "ok": true }));
        match Mood::of(request.json()["n"].as_u64().expect("its number")) {
            Mood::Well => answer,
            Mood::Failing => answer.status(503),
            Mood::Hanging => {
                never.pass();
                answer
            }
            Mood::Late => {
                // It is the fault itself; nothing is waited for.
                thread::sleep(LATE);
                answer
            }
        }
    })
}

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
        .file("fonio.toml", far_side.granted() + SETTINGS)
}

fn send(host: &Host, n: u64) {
    let body = json!({ "n": n }).to_string();
    let headers = [("content-type", "application/json")];
    let reply = host.send("POST", "/i/w", &headers, body.as_bytes());
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// The only step of a run, whole.
fn step(host: &Host, run: &Value) -> Value {
    let run = host.get(&format!("/api/v1/runs/{}", run["id"])).json();
    run["steps"][0].clone()
}

#[test]
fn a_far_side_that_fails_hangs_or_is_late_costs_attempts_and_no_message() {
    Store::each(|store| {
        let gate = Gate::default();
        let far_side = moody(gate.clone());
        let host = Host::serving_on(store, project(&far_side));
        (0..16).for_each(|n| send(&host, n));
        let accepted: BTreeSet<u64> = (0..16).collect();
        let accounts = Accounts::of(&host, &far_side, &accepted, 16);
        assert_eq!(
            (accounts.ended("succeeded"), accounts.ended("failed")),
            (4, 12)
        );
        // Each that was not answered in time is asked again, once, as each that answers 503.
        assert_eq!(accounts.repeated, 12);
        let mut attempts = [0; 4];
        for run in &accounts.runs {
            let step = step(&host, run);
            let (attempt, code) = (step["attempt"].as_u64(), step["exit_code"].as_i64());
            let kind = match (attempt, code) {
                (Some(1), Some(0)) => 0,
                (Some(2), Some(1)) => 1,
                (Some(2), Some(3)) => 2,
                _ => 3,
            };
            attempts[kind] += 1;
        }
        assert_eq!(attempts, [4, 4, 8, 0]);

        // A host that is stopped while a far side hangs ends in order all the same, and asks again when it is back.
        let hanging = 16 + 2;
        send(&host, hanging);
        wait_for("its request", || {
            (far_side.received().len() == 29).then_some(())
        });
        let host = host.restarted_after(|| ());
        let runs = Accounts::of_runs(&host);
        assert_eq!(runs.len(), 17);
        let last = step(&host, &runs[0]);
        assert_eq!(
            (&last["status"], &last["exit_code"]),
            (&json!("failed"), &json!(3))
        );
        assert_eq!(far_side.received().len(), 30, "once");
        gate.open();
    });
}
