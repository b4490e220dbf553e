//! What one tenant does to its own folder: it gets nothing of a neighbour's, and holds up neither the neighbours nor the
//! operator.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use fonio_tests::{FarSide, Gate, Host, Program, Project, wait_for};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::Signal;
use serde_json::Value;

/// With a look at each file before it was opened, one in some two hundred of these showed a neighbour's line; that none does
/// is proved by the 20,000 reads in `host/project/src/files.rs`.
const RELOADS: usize = 250;
/// Shorter than the 30 ms for which files must be quiet.
const PACE: Duration = Duration::from_millis(5);
/// The most tenants of a host.
const TENANTS: usize = 64;

fn program() -> Program {
    Program::serving_tenants(&["--dev"])
}

/// One job, in this file, which every message runs.
fn workflow(adaptor: &str, file: &str) -> String {
    format!(
        "name: p\nworkflows:\n  w:\n    name: w\n    jobs:\n      job:\n        name: job\n        adaptor: '{adaptor}'\n        \
         body: {{ path: {file} }}\n    triggers:\n      webhook: {{ type: webhook, enabled: true }}\n    edges:\n      \
         webhook->job: {{ source_trigger: webhook, target_job: job, condition_type: always, enabled: true }}\n"
    )
}

fn with(project: Project, tenant: &str, expression: &str) -> Project {
    let yaml = workflow("@openfn/language-common@latest", "jobs/job.js");
    project
        .file(&format!("{tenant}/jobs/job.js"), expression)
        .file(&format!("{tenant}/project.yaml"), yaml)
}

fn serving(project: Project) -> Host {
    let host = Host::guarded_by(project, &program());
    host.wait_until_ready();
    host
}

fn status(host: &Host, path: &str) -> u16 {
    host.get(path).status
}

fn wait_ready(host: &Host, tenant: &str) {
    wait_for(&format!("{tenant} to be ready"), || {
        (status(host, &format!("/{tenant}/ready")) == 200).then_some(())
    });
}

fn post(host: &Host, tenant: &str) {
    let headers = [("content-type", "application/json")];
    let reply = host.send("POST", &format!("/{tenant}/i/w/webhook"), &headers, b"{}");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn runs(host: &Host, tenant: &str) -> Vec<Value> {
    let answer = host.get(&format!("/{tenant}/api/v1/runs?limit=500")).json();
    answer["runs"].as_array().expect("a list").clone()
}

/// What the newest run of a tenant's job gave, once it has ended.
fn word(host: &Host, tenant: &str) -> String {
    let run = wait_for("the run to end", || {
        let newest = runs(host, tenant).first()?.clone();
        (newest["status"] == "succeeded").then_some(newest)
    });
    let run = host
        .get(&format!("/{tenant}/api/v1/runs/{}", run["id"]))
        .json();
    let output = &run["steps"][0]["output"];
    let output = host
        .get(&format!("/{tenant}/api/v1/dataclips/{output}"))
        .json();
    output["data"].as_str().expect("a word").to_owned()
}

/// Does something at this pace while `meanwhile` goes on.
fn over_and_over<R>(pace: Duration, act: impl Fn() + Sync, meanwhile: impl FnOnce() -> R) -> R {
    let (going_on, over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let act = &act;
        scope.spawn(move || {
            while over.recv_timeout(pace) == Err(RecvTimeoutError::Timeout) {
                act();
            }
        });
        // Gone also when this panics: the scope waits for the thread.
        let _going_on = going_on;
        meanwhile()
    })
}

fn exchange(one: &Path, other: &Path) {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).expect("two files change places");
}

/// How often a tenant's files have been read and were others than before.
fn reloads(host: &Host, tenant: &str) -> u64 {
    let metrics = host.get(&format!("/{tenant}/metrics")).text();
    let counted = metrics.lines().filter_map(|line| {
        let (name, value) = line.split_once(' ')?;
        name.starts_with("fonio_reloads")
            .then(|| value.parse().expect("a number"))
    });
    let counted: Vec<u64> = counted.collect();
    assert_eq!(counted.len(), 2, "{metrics}");
    counted.iter().sum()
}

#[test]
fn a_folder_that_changes_places_with_a_link_during_reloads_shows_nothing_of_a_neighbour() {
    let yaml = workflow("@openfn/language-common@latest", "a/own/deep/job.js");
    let project = Project::new()
        .file("clinic/project.yaml", yaml)
        .file(
            "school/project.yaml",
            "jobs: {}\ntriggers: {}\ncredentials: {}\n",
        )
        .file("clinic/a/own/deep/job.js", "fn(state => state)")
        // What does not compile is shown to who may look, with its line.
        .file("school/a/own/deep/job.js", "fn(state => the secret recipe");
    // Not in a folder that is watched: it would never be quiet, and seldom be read.
    symlink("../../school/a/own", project.path("clinic/a/theirs")).expect("a link");
    let host = serving(project);
    wait_ready(&host, "clinic");
    let [own, theirs] = ["clinic/a/own", "clinic/a/theirs"].map(|name| host.project.path(name));
    let refused = over_and_over(
        Duration::ZERO,
        || exchange(&own, &theirs),
        || {
            let mut refused = 0;
            for round in 0..RELOADS {
                let before = reloads(&host, "clinic");
                host.project
                    .write("clinic/.env", format!("ROUND={round}\n"));
                wait_for("a reload", || {
                    (reloads(&host, "clinic") > before).then_some(())
                });
                let shown = host.get("/clinic/api/v1/project").text();
                assert!(!shown.contains("recipe"), "round {round}: {shown}");
                refused += usize::from(shown.contains("is outside the "));
            }
            refused
        },
    );
    assert!(refused > 0, "the link was met");
}

/// How many lines of a kind are said of a tenant in a minute, and how many its edits would make.
const SAID: usize = 10;
const EDITS: usize = 15;

#[test]
fn a_tenant_that_is_edited_over_and_over_fills_no_log() {
    let project = with(Project::new(), "clinic", "fn(state => state)");
    let host = serving(with(project, "school", "fn(state => state)"));
    wait_ready(&host, "clinic");
    wait_ready(&host, "school");
    // A folder that is watched changes places, too: what watches it has its own words for that, and says of no tenant.
    let [jobs, others] = ["clinic/jobs", "clinic/others"].map(|name| host.project.path(name));
    fs::create_dir(&others).expect("a folder");
    for round in 0..EDITS {
        let before = reloads(&host, "clinic");
        host.project.write(
            "clinic/jobs/job.js",
            format!("fn(() => ({{ data: {round} }}))"),
        );
        fs::write(
            others.join("job.js"),
            format!("fn(() => ({{ other: {round} }}))"),
        )
        .expect("a file");
        exchange(&jobs, &others);
        wait_for("a reload", || {
            (reloads(&host, "clinic") > before).then_some(())
        });
    }
    let lines = |words: &str| host.said().matches(words).count();
    wait_for("what is left out to be said", || {
        (lines("left out [clinic] as many lines with `reloaded`") == 1).then_some(())
    });
    assert_eq!(lines("reloaded [clinic]"), SAID, "{}", host.said());
    assert_eq!(lines("WARN"), 0, "{}", host.said());
    host.project.write("school/jobs/job.js", "fn(() => ({}))");
    wait_for("a neighbour's edit to be said", || {
        (lines("reloaded [school]") == 1).then_some(())
    });
}

/// A tenant whose jobs take long to compile.
fn with_heavy_jobs(mut project: Project, tenant: &str, jobs: usize) -> Project {
    let mut yaml = "triggers: { any: { criteria: '{}' } }\ncredentials: {}\njobs:\n".to_owned();
    for number in 0..jobs {
        let heavy = "fn(state => ({ ...state, n: state.data.map(x => x + 1) }));\n".repeat(8000);
        yaml += &format!("  job{number}: {{ adaptor: '@openfn/language-common', trigger: any }}\n");
        let file = format!("{tenant}/jobs/job{number}.js");
        // No two are the same, so none is compiled for another.
        project = project.file(&file, format!("// {number}\n{heavy}"));
    }
    project.file(&format!("{tenant}/project.yaml"), yaml)
}

#[test]
fn a_tenant_that_takes_long_to_load_keeps_no_neighbour_off_the_air() {
    let project = with_heavy_jobs(Project::new(), "a-heavy-one", 40);
    let host = serving(with(project, "school", "fn(() => ({ data: 'here' }))"));
    wait_ready(&host, "school");
    post(&host, "school");
    assert_eq!(word(&host, "school"), "here");
    let refused = host.get("/a-heavy-one/ready");
    assert!(
        refused.problem(503).contains("being loaded"),
        "{}",
        refused.text()
    );
    let tenants = host.get("/api/v1/tenants").json()["tenants"].clone();
    assert_eq!(tenants[0]["ready"], false);
}

#[test]
fn a_load_that_takes_longer_than_the_tenants_quota_loads_what_it_could_and_says_so() {
    let project = with_heavy_jobs(Project::new(), "clinic", 40);
    let host = serving(project.file("tenants.toml", "[tenants.clinic.quota]\nloading = \"1s\"\n"));
    let problems = wait_for("the problem", || {
        let problems = host.get("/clinic/api/v1/project").json()["problems"].clone();
        let said = problems.to_string();
        said.contains("loading this project took longer than 1s")
            .then_some(problems)
    });
    let problems = problems.as_array().expect("a list");
    assert!(problems.len() <= 40, "{problems:?}");
    assert_eq!(
        problems[0]["help"]
            .as_str()
            .map(|help| help.contains("goes on with the rest")),
        Some(true)
    );
    assert_eq!(status(&host, "/clinic/ready"), 200);
}

/// A tenant with a step in flight whose far side answers when the gate is open.
fn with_a_step_of_a_day(tenant: &str) -> (Host, FarSide, Gate) {
    let gate = Gate::default();
    let far_side = FarSide::behind(&gate);
    let granted = far_side.granted() + "[limits]\nwall_time = \"1d\"\n";
    let project = Project::new()
        .file(
            &format!("{tenant}/project.yaml"),
            workflow("@openfn/language-http@latest", "jobs/job.js"),
        )
        .file(
            &format!("{tenant}/jobs/job.js"),
            format!("get('{}')", far_side.url("/x")),
        )
        .file(&format!("{tenant}/fonio.toml"), granted);
    let host = serving(project);
    wait_ready(&host, tenant);
    post(&host, tenant);
    wait_for("the step to be in flight", || {
        (far_side.received().len() == 1).then_some(())
    });
    (host, far_side, gate)
}

#[test]
fn a_tenant_that_goes_away_with_a_step_that_may_last_a_day_holds_up_nobody() {
    let (host, far_side, gate) = with_a_step_of_a_day("clinic");
    let elsewhere = with(Project::new(), "school", "fn(state => state)");
    fs::rename(host.project.path("clinic"), elsewhere.path("clinic")).expect("a folder moves");
    wait_for("the tenant to be gone", || {
        (status(&host, "/clinic/ready") == 404).then_some(())
    });
    fs::rename(elsewhere.path("school"), host.project.path("school")).expect("a folder moves");
    wait_ready(&host, "school");
    wait_for("the console to say that it waits", || {
        host.said()
            .contains("[clinic] its folder is gone")
            .then_some(())
    });
    fs::rename(elsewhere.path("clinic"), host.project.path("clinic")).expect("a folder moves");
    wait_ready(&host, "clinic");
    // What had begun was cut off, and begins again with the tenant.
    wait_for("the step to be in flight again", || {
        (far_side.received().len() == 2).then_some(())
    });
    gate.open();
    wait_for("the run to end", || {
        (runs(&host, "clinic")[0]["status"] == "succeeded").then_some(())
    });
    assert_eq!(far_side.received().len(), 2);
}

#[test]
fn a_second_signal_cuts_off_what_runs_of_every_tenant() {
    let (mut host, far_side, gate) = with_a_step_of_a_day("clinic");
    host.signal(Signal::TERM);
    wait_for("the host to cut it off", || {
        host.signal(Signal::TERM);
        let said = "cut off 1 step, to run again at the next start";
        host.said().contains(said).then_some(())
    });
    assert_eq!(host.wait_for_end().code(), Some(0), "{}", host.said());
    let host = host.killed_and_restarted();
    wait_for("the step to be in flight again", || {
        (far_side.received().len() == 2).then_some(())
    });
    gate.open();
    wait_ready(&host, "clinic");
}

#[test]
fn a_tenant_that_touches_its_folder_all_the_time_holds_up_neither_new_ones_nor_the_end() {
    let echo = "fn(state => state)";
    let mut host = serving(with(Project::new(), "clinic", echo));
    wait_ready(&host, "clinic");
    let clinic = host.project.path("clinic");
    let touch = || {
        for mode in [0o700, 0o755] {
            fs::set_permissions(&clinic, Permissions::from_mode(mode)).expect("it is ours");
        }
    };
    over_and_over(PACE, touch, || {
        let added = with(Project::new(), "school", echo);
        fs::rename(added.path("school"), host.project.path("school")).expect("a folder moves");
        wait_ready(&host, "school");
        host.signal(Signal::TERM);
        assert!(host.wait_for_end().success(), "{}", host.said());
    });
}

#[test]
fn a_new_folder_puts_no_tenant_out_that_runs() {
    let mut project = Project::new();
    for number in 0..TENANTS {
        let file = format!("t{number:02}/project.yaml");
        project = project.file(&file, "jobs: {}\ntriggers: {}\ncredentials: {}\n");
    }
    let host = serving(project);
    let last = format!("t{:02}", TENANTS - 1);
    wait_ready(&host, &last);
    fs::create_dir(host.project.path("a0")).expect("a folder");
    wait_for("the console to say so", || {
        host.said()
            .contains("a0: a host has 64 tenants at most")
            .then_some(())
    });
    assert_eq!(status(&host, &format!("/{last}/ready")), 200);
    assert_eq!(status(&host, "/a0/ready"), 404);
    fs::remove_dir_all(host.project.path("t00")).expect("removed");
    // A folder without a project is a tenant that is not ready.
    wait_for("the new folder to have the place", || {
        (status(&host, "/a0/ready") == 503).then_some(())
    });
}

#[test]
fn a_second_host_on_the_same_tenants_is_refused() {
    let host = serving(with(
        Project::new(),
        "clinic",
        "fn(() => ({ data: 'here' }))",
    ));
    wait_ready(&host, "clinic");
    let ended = program().run(host.project.dir()).expect_code(1);
    assert!(
        ended.stderr.contains("is using ./.fonio"),
        "{}",
        ended.stderr
    );
    post(&host, "clinic");
    assert_eq!(word(&host, "clinic"), "here");
}

#[test]
fn a_link_without_the_last_slash_keeps_its_question() {
    let host = serving(with(Project::new(), "clinic", "fn(state => state)"));
    wait_ready(&host, "clinic");
    let moved = host.get("/clinic?x=1&y=%2F");
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("/clinic/?x=1&y=%2F"))
    );
}
