//! Several projects on one host: each folder of `serve --projects` is a tenant, and nothing of one is another's.

use std::fs;
use std::os::unix::fs::symlink;

use fonio_tests::{Host, Program, Project, Response, wait_for};
use serde_json::{Value, json};

fn program() -> Program {
    Program::serving_tenants(&[])
}

/// Folders to serve, and no tenant yet.
fn nobody() -> Project {
    Project::new()
}

/// One more tenant, whose job runs on every message.
fn with(project: Project, tenant: &str, expression: &str) -> Project {
    let yaml = "jobs:\n  job:\n    adaptor: '@openfn/language-common'\n    trigger: any\ntriggers:\n  any:\n    criteria: '{}'\n\
                credentials: {}\n";
    project
        .file(&format!("{tenant}/jobs/job.js"), expression)
        .file(&format!("{tenant}/project.yaml"), yaml)
}

fn two() -> Project {
    let echo = "fn(state => ({ data: state.data }))";
    with(with(nobody(), "clinic", echo), "school", echo)
}

/// Serves them openly, and waits until `tenants` are ready.
fn serving(project: Project, tenants: &[&str]) -> Host {
    let mut open = program();
    open.arg("--dev");
    let host = Host::guarded_by(project, &open);
    host.wait_until_ready();
    for tenant in tenants {
        wait_ready(&host, tenant);
    }
    host
}

fn wait_ready(host: &Host, tenant: &str) {
    wait_for(&format!("{tenant} to be ready"), || {
        (host.get(&format!("/{tenant}/ready")).status == 200).then_some(())
    });
}

fn send(host: &Host, tenant: &str, body: &Value) -> Response {
    let headers = [("content-type", "application/json")];
    let body = body.to_string();
    host.send(
        "POST",
        &format!("/{tenant}/inbox"),
        &headers,
        body.as_bytes(),
    )
}

fn post(host: &Host, tenant: &str, body: &Value) {
    let reply = send(host, tenant, body);
    assert_eq!(reply.status, 202, "{}", reply.text());
}

fn runs(host: &Host, tenant: &str) -> Vec<Value> {
    let answer = host.get(&format!("/{tenant}/api/v1/runs?limit=500")).json();
    answer["runs"].as_array().expect("a list").clone()
}

fn with_status(host: &Host, tenant: &str, status: &str) -> usize {
    let runs = runs(host, tenant);
    runs.iter().filter(|run| run["status"] == status).count()
}

fn wait_for_runs(host: &Host, tenant: &str, status: &str, count: usize) {
    wait_for(&format!("{count} {status} runs of {tenant}"), || {
        (with_status(host, tenant, status) == count).then_some(())
    });
}

#[test]
fn each_tenant_has_its_own_messages_runs_and_addresses_below_its_name() {
    let host = serving(two(), &["clinic", "school"]);
    post(&host, "clinic", &json!({ "of": "clinic" }));
    wait_for_runs(&host, "clinic", "succeeded", 1);
    assert!(runs(&host, "school").is_empty());
    // Numbers begin anew in each, so guessing one leads to one's own.
    post(&host, "school", &json!({ "of": "school" }));
    wait_for_runs(&host, "school", "succeeded", 1);
    for tenant in ["clinic", "school"] {
        let run = runs(&host, tenant)[0]["id"].clone();
        let run = host.get(&format!("/{tenant}/api/v1/runs/{run}")).json();
        let output = run["steps"][0]["output"].clone();
        let output = host
            .get(&format!("/{tenant}/api/v1/dataclips/{output}"))
            .json();
        assert_eq!(output["data"]["of"], tenant);
    }
    let served = host.get("/clinic/api/v1/project").json();
    assert_eq!(served["inbox"], "/clinic/inbox");
    assert!(host.get("/clinic/").text().contains("<title>Fonio</title>"));
    let moved = host.get("/clinic");
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("/clinic/"))
    );
    for path in [
        "/inbox",
        "/api/v1/runs",
        "/nobody/",
        "/clinic/../school/x",
        "//clinic/ready",
        "/CLINIC/ready",
    ] {
        assert_eq!(host.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_tenant_is_reached_by_its_host_names_too() {
    let project = two().file(
        "tenants.toml",
        "[tenants.clinic]\nhostnames = [\"Clinic.example.org\"]\n",
    );
    let token = project.token("all", &["--role", "admin", "--data", ".fonio"]);
    let host = Host::guarded_by(project, &program());
    host.wait_until_ready();
    let bearer = format!("Bearer {token}");
    let ask = |name: &str, path: &str| {
        host.send(
            "GET",
            path,
            &[("host", name), ("authorization", &bearer)],
            b"",
        )
    };
    for name in [
        "clinic.example.org",
        "CLINIC.example.org:4001",
        "clinic.example.org.",
    ] {
        wait_for("the tenant by its name", || {
            (ask(name, "/ready").json()["tenants"].is_null() && ask(name, "/ready").status == 200)
                .then_some(())
        });
        assert_eq!(ask(name, "/api/v1/project").json()["id"], "clinic");
    }
    assert_eq!(ask("other.example.org", "/api/v1/project").status, 404);
}

#[test]
fn folders_that_come_and_go_are_served_from_then_and_until_then() {
    let host = serving(nobody(), &[]);
    assert!(host.said().contains("none yet"), "{}", host.said());
    let echo = "fn(state => state)";
    let added = with(Project::new(), "clinic", echo);
    fs::rename(added.path("clinic"), host.project.path("clinic")).expect("a folder moves");
    wait_ready(&host, "clinic");
    post(&host, "clinic", &json!({}));
    wait_for_runs(&host, "clinic", "succeeded", 1);
    fs::rename(host.project.path("clinic"), added.path("clinic")).expect("a folder moves");
    wait_for("the tenant to be gone", || {
        (host.get("/clinic/ready").status == 404).then_some(())
    });
    fs::rename(added.path("clinic"), host.project.path("clinic")).expect("a folder moves");
    wait_ready(&host, "clinic");
    assert_eq!(runs(&host, "clinic").len(), 1, "what it stored is kept");
}

#[test]
fn a_tenants_files_are_reloaded_and_a_broken_one_is_its_own_trouble() {
    let host = serving(two(), &["clinic", "school"]);
    // Whole at once: an empty file would be read as a project without jobs.
    host.project.replace("clinic/project.yaml", "jobs: [");
    wait_for("the problem", || {
        let problems = host.get("/clinic/api/v1/project").json()["problems"].clone();
        problems
            .as_array()
            .is_some_and(|problems| !problems.is_empty())
            .then_some(())
    });
    assert!(host.said().contains("[clinic]"), "{}", host.said());
    let tenants = host.get("/api/v1/tenants").json()["tenants"].clone();
    assert_eq!(
        tenants,
        json!([
            { "name": "clinic", "path": "/clinic/", "ready": true, "problems": 1 },
            { "name": "school", "path": "/school/", "ready": true, "problems": 0 },
        ])
    );
    post(&host, "school", &json!({}));
    wait_for_runs(&host, "school", "succeeded", 1);
}

#[test]
fn everything_is_there_again_after_a_restart() {
    let host = serving(two(), &["clinic", "school"]);
    post(&host, "clinic", &json!({}));
    wait_for_runs(&host, "clinic", "succeeded", 1);
    let host = host.killed_and_restarted();
    wait_ready(&host, "clinic");
    assert_eq!(
        (runs(&host, "clinic").len(), runs(&host, "school").len()),
        (1, 0)
    );
    let mut host = host;
    host.signal(rustix::process::Signal::TERM);
    assert!(host.wait_for_end().success(), "{}", host.said());
}

#[test]
fn who_may_look_at_one_tenant_learns_nothing_of_another() {
    // Its own files say that it is the other.
    let project = two().file("school/fonio.toml", "[project]\nid = \"clinic\"\n");
    let one = project.token(
        "one",
        &["--role", "admin", "--tenant", "clinic", "--data", ".fonio"],
    );
    let all = project.token("all", &["--role", "admin", "--data", ".fonio"]);
    let host = Host::guarded_by(project, &program());
    host.wait_until_ready();
    wait_ready(&host, "clinic");
    wait_ready(&host, "school");
    let status = |token: &str, path: &str| host.with_token(token, "GET", path).status;
    for (path, of_one) in [
        ("/clinic/api/v1/project", 200),
        ("/clinic/api/v1/audit", 200),
        ("/clinic/metrics", 200),
        ("/school/api/v1/project", 403),
        ("/school/api/v1/runs/1", 403),
        ("/school/api/v1/audit", 403),
        ("/school/metrics", 403),
        ("/metrics", 403),
        ("/api/v1/audit", 403),
    ] {
        assert_eq!(status(&one, path), of_one, "{path}");
        assert_eq!(
            status(&all, path),
            if path.contains("/runs/1") { 404 } else { 200 },
            "{path}"
        );
        assert_eq!(host.get(path).status, 401, "{path}");
    }
    let names = |token: &str| {
        let tenants = host.with_token(token, "GET", "/api/v1/tenants").json()["tenants"].clone();
        let tenants = tenants.as_array().expect("a list").clone();
        tenants
            .iter()
            .map(|tenant| tenant["name"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&one), ["clinic"]);
    assert_eq!(names(&all), ["clinic", "school"]);
    assert_eq!(host.get("/api/v1/tenants").status, 401);
    let audit = host.with_token(&one, "GET", "/clinic/api/v1/audit").text();
    assert!(!audit.contains("school"), "{audit}");
    let metrics = host.with_token(&all, "GET", "/metrics").text();
    assert!(
        metrics.contains("fonio_steps_succeeded_total{tenant=\"school\"} 0"),
        "{metrics}"
    );
}

/// What `tenant`'s problems say.
fn problems(host: &Host, tenant: &str) -> String {
    wait_for("problems", || {
        let problems = host.get(&format!("/{tenant}/api/v1/project")).json()["problems"].clone();
        problems
            .as_array()
            .is_some_and(|problems| !problems.is_empty())
            .then(|| problems.to_string())
    })
}

#[test]
fn a_tenant_reads_nothing_outside_its_folder() {
    for settings in [
        "[credentials.theirs]\nfrom = \"file:../school/credentials/secret.json\"\n",
        "[credentials.theirs]\nfrom = \"file:linked.json\"\n",
        "[credentials.theirs]\nfrom = \"file:/etc/hostname\"\n",
    ] {
        let project = two()
            .file(
                "school/credentials/secret.json",
                "{ \"password\": \"the school's own\" }",
            )
            .file("clinic/fonio.toml", settings);
        symlink(
            "../school/credentials/secret.json",
            project.path("clinic/linked.json"),
        )
        .expect("a link");
        let host = serving(project, &["school"]);
        let said = problems(&host, "clinic");
        assert!(
            said.contains("outside the tenant's folder"),
            "{settings}: {said}"
        );
        assert!(!said.contains("own"), "{said}");
    }
}

#[test]
fn a_job_that_is_a_link_to_a_neighbours_is_not_read() {
    let project = two();
    project.write(
        "school/jobs/job.js",
        "fn(state => 'the school has a secret recipe')",
    );
    project.delete("clinic/jobs/job.js");
    symlink(
        "../../school/jobs/job.js",
        project.path("clinic/jobs/job.js"),
    )
    .expect("a link");
    let host = serving(project, &["school"]);
    let said = problems(&host, "clinic");
    assert!(
        said.contains("outside the tenant's folder") && !said.contains("recipe"),
        "{said}"
    );
}

#[test]
fn an_adaptor_that_is_a_link_to_a_neighbours_is_not_loaded() {
    let project = two();
    project.write("school/adaptors/theirs.wasm", fonio_tests::guest("echoes"));
    fs::create_dir(project.path("clinic/adaptors")).expect("a folder");
    symlink(
        "../../school/adaptors/theirs.wasm",
        project.path("clinic/adaptors/theirs.wasm"),
    )
    .expect("a link");
    let host = serving(project, &["school"]);
    let said = problems(&host, "clinic");
    assert!(said.contains("outside the tenant's folder"), "{said}");
}

#[test]
fn variables_of_the_process_are_no_tenants() {
    let mut open = program().env("SHARED_SECRET", "{\"password\":\"of all\"}");
    open.arg("--dev");
    let project = two()
        .file(
            "clinic/fonio.toml",
            "[credentials.c]\nfrom = \"env:SHARED_SECRET\"\n",
        )
        .file(
            "school/.env",
            "SHARED_SECRET='{\"password\":\"of the school\"}'\n",
        )
        .file(
            "school/fonio.toml",
            "[credentials.c]\nfrom = \"env:SHARED_SECRET\"\n",
        );
    let host = Host::guarded_by(project, &open);
    host.wait_until_ready();
    let said = problems(&host, "clinic");
    assert!(
        said.contains("SHARED_SECRET") && !said.contains("of all"),
        "{said}"
    );
    wait_ready(&host, "school");
}

#[test]
fn folders_that_can_be_no_tenants_and_names_that_lead_to_two_are_said_once() {
    let project = two()
        .file("Clinic/project.yaml", "jobs: {}\n")
        .file("api/project.yaml", "jobs: {}\n")
        .file(".hidden/project.yaml", "jobs: {}\n");
    let host = serving(project, &["clinic"]);
    let said = host.said();
    assert!(
        said.contains("`Clinic` cannot be the name of a tenant"),
        "{said}"
    );
    assert!(
        said.contains("/api is an address of the host's own"),
        "{said}"
    );
    assert!(!said.contains("hidden"), "{said}");
    host.project.write(
        "tenants.toml",
        "[tenants.clinic]\nhostnames = [\"a.example.org\", \"not a name\"]\n[tenants.school]\nhostnames = [\"A.example.org\"]\n",
    );
    wait_for("the problems", || {
        let said = host.said();
        (said.contains("leads to two tenants") && said.contains("is not a host's name"))
            .then_some(())
    });
    assert_eq!(
        host.get("/clinic/ready").status,
        200,
        "what it said before counts"
    );
    assert_eq!(host.said().matches("`Clinic` cannot be").count(), 1);
}

#[test]
fn collections_of_the_same_name_are_each_tenants_own() {
    let keep = "collections.set('seen', 'key', state => state.data);\ncollections.get('seen', { key: '*' });";
    let mut project = nobody();
    for tenant in ["clinic", "school"] {
        project = project
            .file(&format!("{tenant}/jobs/job.js"), keep)
            .file(
                &format!("{tenant}/project.yaml"),
                "name: p\ncollections:\n  seen: { name: seen }\nworkflows:\n  w:\n    name: w\n    jobs:\n      job:\n        name: job\n        \
                 adaptor: '@openfn/language-collections@latest'\n        body: { path: jobs/job.js }\n    triggers:\n      webhook: { type: webhook, \
                 enabled: true }\n    edges:\n      webhook->job: { source_trigger: webhook, target_job: job, condition_type: always, enabled: true }\n",
            );
    }
    let host = serving(project, &["clinic", "school"]);
    for tenant in ["clinic", "school"] {
        let headers = [("content-type", "application/json")];
        let body = json!({ "of": tenant }).to_string();
        let path = format!("/{tenant}/i/w/webhook");
        let reply = host.send("POST", &path, &headers, body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
        wait_for_runs(&host, tenant, "succeeded", 1);
        let run = runs(&host, tenant)[0]["id"].clone();
        let run = host.get(&format!("/{tenant}/api/v1/runs/{run}")).json();
        let output = run["steps"][0]["output"].clone();
        let output = host
            .get(&format!("/{tenant}/api/v1/dataclips/{output}"))
            .text();
        assert!(output.contains(tenant), "{output}");
        let other = if tenant == "clinic" {
            "school"
        } else {
            "clinic"
        };
        assert!(!output.contains(other), "{output}");
    }
}
