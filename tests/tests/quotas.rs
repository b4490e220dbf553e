//! What one tenant uses up leaves its neighbours what is theirs.

use std::io::Write;

use fonio_tests::{Host, Program, Project, Response, wait_for};
use serde_json::{Value, json};

/// For ever, as far as a step's limits let it.
const LOOPS: &str = "fn(state => { while (true) {} })";

fn project(quota: &str, clinic: &str) -> Project {
    let yaml = "jobs:\n  job:\n    adaptor: '@openfn/language-common'\n    trigger: any\ntriggers:\n  any:\n    criteria: '{}'\n\
                credentials: {}\n";
    Project::new()
        .file("clinic/jobs/job.js", clinic)
        .file("clinic/project.yaml", yaml)
        .file("school/jobs/job.js", "fn(state => ({ data: state.data }))")
        .file("school/project.yaml", yaml)
        .file("tenants.toml", format!("[tenants.clinic.quota]\n{quota}\n"))
}

fn serving(project: Project) -> Host {
    let program = Program::serving_tenants(&["--dev"]);
    let host = Host::guarded_by(project, &program);
    host.wait_until_ready();
    for tenant in ["clinic", "school"] {
        wait_for("the tenants to be ready", || {
            (host.get(&format!("/{tenant}/ready")).status == 200).then_some(())
        });
    }
    host
}

fn send(host: &Host, tenant: &str) -> Response {
    let headers = [("content-type", "application/json")];
    host.send(
        "POST",
        &format!("/{tenant}/inbox"),
        &headers,
        json!({}).to_string().as_bytes(),
    )
}

fn post(host: &Host, tenant: &str) {
    let reply = send(host, tenant);
    assert_eq!(reply.status, 202, "{}", reply.text());
}

fn count(host: &Host, tenant: &str, status: &str) -> usize {
    let answer = host.get(&format!("/{tenant}/api/v1/runs?limit=500")).json();
    let runs: &Vec<Value> = answer["runs"].as_array().expect("a list");
    runs.iter().filter(|run| run["status"] == status).count()
}

fn wait_for_runs(host: &Host, tenant: &str, status: &str, wanted: usize) {
    wait_for(&format!("{wanted} {status} runs of {tenant}"), || {
        (count(host, tenant, status) == wanted).then_some(())
    });
}

/// The neighbour's runs go on as if nothing were.
fn neighbour_runs(host: &Host, times: usize) {
    let before = count(host, "school", "succeeded");
    for _ in 0..times {
        post(host, "school");
    }
    wait_for_runs(host, "school", "succeeded", before + times);
}

#[test]
fn steps_that_loop_in_every_shared_place_leave_a_neighbour_its_own() {
    let project = project("runs_at_once = 9\n", LOOPS).file(
        "clinic/fonio.toml",
        "[limits]\ncpu_time = \"10m\"\nwall_time = \"10m\"\n",
    );
    let host = serving(project);
    for _ in 0..12 {
        post(&host, "clinic");
    }
    // Its own place and the eight that all share.
    wait_for_runs(&host, "clinic", "running", 9);
    neighbour_runs(&host, 10);
    assert_eq!(count(&host, "clinic", "running"), 9, "they run still");
}

#[test]
fn no_more_steps_of_a_tenant_run_at_once_than_its_quota() {
    let project = project("runs_at_once = 2\n", LOOPS).file(
        "clinic/fonio.toml",
        "[limits]\ncpu_time = \"10m\"\nwall_time = \"10m\"\n",
    );
    let host = serving(project);
    for _ in 0..4 {
        post(&host, "clinic");
    }
    wait_for_runs(&host, "clinic", "running", 2);
    neighbour_runs(&host, 3);
    assert_eq!(
        (
            count(&host, "clinic", "running"),
            count(&host, "clinic", "queued")
        ),
        (2, 2)
    );
    // What the operator changes counts at once, without a restart.
    host.project
        .write("tenants.toml", "[tenants.clinic.quota]\nruns_at_once = 3\n");
    host.signal(rustix::process::Signal::HUP);
    wait_for("the new quota", || {
        // A step that ends wakes the runner; so does one that comes.
        (count(&host, "clinic", "running") == 3).then_some(())
    });
}

#[test]
fn runs_beyond_a_minutes_wait_and_are_said() {
    let host = serving(project("runs_per_minute = 2\n", "fn(state => state)"));
    for _ in 0..4 {
        post(&host, "clinic");
    }
    wait_for_runs(&host, "clinic", "succeeded", 2);
    wait_for("the reason", || {
        host.said().contains("[clinic] the tenant's quota `runs_per_minute` (in tenants.toml) is 2, and as many began: what is queued waits").then_some(())
    });
    assert_eq!(count(&host, "clinic", "queued"), 2);
    neighbour_runs(&host, 3);
}

#[test]
fn a_tenant_whose_hour_is_computed_waits_and_its_neighbour_does_not() {
    let project = project("cpu_per_hour = \"1s\"\nruns_at_once = 1\n", LOOPS).file(
        "clinic/fonio.toml",
        "[limits]\ncpu_time = \"1100ms\"\nwall_time = \"10m\"\n",
    );
    let host = serving(project);
    for _ in 0..2 {
        post(&host, "clinic");
    }
    wait_for_runs(&host, "clinic", "failed", 1);
    wait_for("the reason", || {
        host.said()
            .contains("[clinic] the tenant's quota `cpu_per_hour` (in tenants.toml) is 1s, and 1.")
            .then_some(())
    });
    assert_eq!(count(&host, "clinic", "queued"), 1);
    neighbour_runs(&host, 3);
}

#[test]
fn a_tenant_that_stored_its_share_is_refused_and_its_neighbour_is_not() {
    let host = serving(project("stored = \"1MiB\"\n", "fn(state => state)"));
    let headers = [("content-type", "application/json")];
    let mut n = 0;
    let refused = wait_for("the share to be used", || {
        // Each is another: what is the same is stored once.
        n += 1;
        let body = json!({ "n": n, "padding": "x".repeat(200_000) }).to_string();
        let reply = host.send("POST", "/clinic/inbox", &headers, body.as_bytes());
        (reply.status != 202).then_some(reply)
    });
    let said = refused.problem(507);
    assert!(
        said.contains("quota `stored` (in tenants.toml) is 1MiB, and 1."),
        "{said}"
    );
    neighbour_runs(&host, 3);
}

#[test]
fn what_a_few_messages_grow_to_stays_within_the_share_and_the_rest_waits_for_room() {
    // Each of them leaves 4 MiB behind.
    let grows = "fn(state => ({ ...state, data: 'x'.repeat(4 << 20) }))";
    let host = serving(project("stored = \"1MiB\"\nruns_at_once = 1\n", grows));
    for _ in 0..8 {
        // The first of them is done before the last is sent: that is then refused, or waits.
        let _ = send(&host, "clinic");
    }
    wait_for("the reason", || {
        let reason = "[clinic] the tenant's quota `stored` (in tenants.toml) is 1MiB, and ";
        let said = host.said();
        (said.contains(reason) && said.contains("bytes are stored: what is queued waits"))
            .then_some(())
    });
    assert_eq!(count(&host, "clinic", "succeeded"), 1);
    let waiting = count(&host, "clinic", "queued");
    neighbour_runs(&host, 3);
    host.project.write(
        "tenants.toml",
        "[tenants.clinic.quota]\nstored = \"1GiB\"\n",
    );
    host.signal(rustix::process::Signal::HUP);
    wait_for_runs(&host, "clinic", "succeeded", 1 + waiting);
}

#[test]
fn requests_beyond_those_being_answered_are_refused() {
    let project = project("requests_at_once = 1\n", "fn(state => state)");
    let host = serving(project);
    let head = "POST /clinic/inbox HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n";
    // A body that does not come is a request that is being answered, unless the other was there before it.
    let (mut slow, refused) = wait_for("the place to be taken", || {
        let mut slow = std::net::TcpStream::connect(host.address()).expect("a connection");
        slow.write_all(head.as_bytes()).expect("sent");
        let reply = send(&host, "clinic");
        (reply.status == 503).then_some((slow, reply))
    });
    assert_eq!(refused.header("retry-after"), Some("10"));
    let said = refused.problem(503);
    assert_eq!(
        said,
        "the tenant's quota `requests_at_once` (in tenants.toml) is 1, and as many are being answered"
    );
    neighbour_runs(&host, 3);
    slow.write_all(b"{}").expect("sent");
    wait_for("the place to be free", || {
        (send(&host, "clinic").status == 202).then_some(())
    });
}

#[test]
fn a_quota_that_makes_no_sense_is_a_problem_where_it_stands() {
    let project = project(
        "runs_at_once = 0\nstored = \"lots\"\nspeed = 1\n",
        "fn(state => state)",
    );
    let host = Host::guarded_by(project, &Program::serving_tenants(&["--dev"]));
    host.wait_until_ready();
    for said in [
        "`runs_at_once` cannot be 0",
        "from 1 to 9; without the line it is 8",
        "tenants.toml:2:",
        "`stored` should be a size, such as \"64MiB\"",
        "there is no key `speed` in [tenants.clinic.quota]",
    ] {
        assert!(host.said().contains(said), "{said}: {}", host.said());
    }
}
