//! Two tenants, one of whom attacks all the while: the other has its runs, its answers and its secrets to itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fonio_tests::{Answer, FarSide, Host, Program, Project, SECRET, TIGHT, sinks, wait_for};
use serde_json::{Value, json};

/// One attack each, chosen by `data.kind`.
const ATTACKS: &str = r#"
fn(state => {
  const kind = state.data.kind;
  if (kind === 0) for (;;) {}
  if (kind === 1) { const all = []; for (;;) all.push('x'.repeat(1 << 20)); }
  if (kind === 2) for (;;) console.log('y'.repeat(10000));
  if (kind === 3) { const deep = n => deep(n + 1); deep(0); }
  if (kind === 4) return { data: 'z'.repeat(20 << 20) };
  if (kind === 5) throw new Error(JSON.stringify(state.configuration));
  if (kind === 6) return { data: { theirs: 'fonioSealed0123456789abcdef0123456789abcdef' } };
  return state;
});
"#;
const KINDS: usize = 7;
const GOOD: usize = 40;

/// The neighbour sends its secret where it belongs, with every message.
const SENDS: &str =
    "post('/visits', { n: $.data.n }, { headers: { 'x-token': $.configuration.token } });";

fn job(adaptor: &str, credential: &str) -> String {
    format!(
        "jobs:\n  job:\n    adaptor: '@openfn/language-{adaptor}'\n    trigger: any\n    credential: {credential}\ntriggers:\n  any:\n    criteria: '{{}}'\n"
    )
}

fn far_side() -> FarSide {
    FarSide::answering(|request| Answer::json(&json!({ "seen": request.header("x-token") })))
}

fn two(far: &FarSide) -> Project {
    Project::new()
        .file("villain/project.yaml", job("common", "own"))
        .file("villain/jobs/job.js", ATTACKS)
        .file(
            "villain/credentials/own.json",
            json!({ "hush": "the villain has one too" }).to_string(),
        )
        .file("villain/fonio.toml", TIGHT)
        .file("clinic/project.yaml", job("http", "far"))
        .file("clinic/jobs/job.js", SENDS)
        .file(
            "clinic/credentials/far.json",
            json!({ "baseUrl": far.origin(), "token": SECRET }).to_string(),
        )
}

fn send(host: &Host, tenant: &str, body: &Value) -> u16 {
    let headers = [("content-type", "application/json")];
    let path = format!("/{tenant}/inbox");
    host.send("POST", &path, &headers, body.to_string().as_bytes())
        .status
}

fn runs(host: &Host, tenant: &str) -> Vec<Value> {
    let answer = host.get(&format!("/{tenant}/api/v1/runs?limit=500")).json();
    answer["runs"].as_array().expect("a list").clone()
}

fn ended(runs: &[Value], status: &str) -> usize {
    runs.iter().filter(|run| run["status"] == status).count()
}

#[test]
fn a_tenant_under_attack_by_its_neighbour_keeps_its_runs_and_its_secrets() {
    let far = far_side();
    let program = Program::serving_tenants(&["--dev"]);
    let host = Host::guarded_by(two(&far), &program);
    host.wait_until_ready();
    for tenant in ["clinic", "villain"] {
        wait_for("both tenants", || {
            (host.get(&format!("/{tenant}/ready")).status == 200).then_some(())
        });
    }
    let over = AtomicBool::new(false);
    let attacks = thread::scope(|scope| {
        let attacking = scope.spawn(|| {
            let mut sent = 0;
            while !over.load(Ordering::Relaxed) || sent < 2 * KINDS {
                // Beyond what may wait it is refused, which is part of the attack.
                let _ = send(&host, "villain", &json!({ "kind": sent % KINDS }));
                for guess in [
                    "/villain/api/v1/runs/1",
                    "/villain/api/v1/dataclips/1",
                    "/villain/../clinic/api/v1/runs",
                    "/villain/i/clinic",
                ] {
                    let said = host.get(guess).text();
                    assert!(
                        !said.contains("visits") && !said.contains(SECRET),
                        "{guess}: {said}"
                    );
                }
                sent += 1;
            }
            sent
        });
        for n in 0..GOOD {
            assert_eq!(send(&host, "clinic", &json!({ "n": n })), 202);
        }
        wait_for("the clinic's runs", || {
            (ended(&runs(&host, "clinic"), "succeeded") == GOOD).then_some(())
        });
        over.store(true, Ordering::Relaxed);
        attacking.join().expect("the attacker ends")
    });
    assert!(attacks >= 2 * KINDS);
    wait_for("the attacks to end", || {
        let runs = runs(&host, "villain");
        (ended(&runs, "queued") + ended(&runs, "running") == 0).then_some(())
    });
    assert!(
        ended(&runs(&host, "villain"), "failed") > 0,
        "the attacks were met"
    );
    let received = far.received();
    assert_eq!(received.len(), GOOD);
    for request in &received {
        assert_eq!(request.header("x-token"), Some(SECRET));
    }
    for run in runs(&host, "villain") {
        let page = host
            .get(&format!("/villain/api/v1/runs/{}", run["id"]))
            .text();
        for form in sinks::forms(SECRET) {
            assert!(!page.contains(&form), "{page}");
        }
    }
    // That nothing the host wrote has a secret of either in it, the harness checks when it lets go of the host.
}
