//! Variables that an adaptor sees are those that the project names for it.

use fonio_tests::{Host, Job, Program, Project, guest};
use serde_json::{Value, json};

const NAMES: &str = "[adaptors.around]\nenvironment = [\"SERVER\", \"REGION\"]\n";

fn project(settings: &str) -> Project {
    let yaml = "jobs:\n  job:\n    adaptor: around\n    trigger: any\ntriggers:\n  any:\n    criteria: '{}'\n";
    Project::new()
        .file("project.yaml", yaml)
        .file("jobs/job.js", "attack()")
        .file("adaptors/around.wasm", guest("looks_around"))
        .file(".env", "REGION=north\nOTHER=none of its business\n")
        .file("fonio.toml", settings)
}

fn seen_by(project: Project) -> Value {
    let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]);
    let host = Host::started_by(project, &program.env("SERVER", "clinic-7"));
    host.wait_until_ready();
    let run = host.run(&json!({}));
    assert_eq!(run.status, "succeeded", "{run:#?}");
    run.steps[0].output["data"][1].clone()
}

#[test]
fn an_adaptor_sees_the_variables_that_are_granted_to_it_and_no_others() {
    let both = json!([["SERVER", "clinic-7"], ["REGION", "north"]]);
    assert_eq!(seen_by(project(NAMES)), both);
    assert_eq!(seen_by(project("")), json!([]));
    let of_another = NAMES.replace("around", "http");
    assert_eq!(seen_by(project(&of_another)), json!([]));
}

#[test]
fn check_shows_them_by_name_and_never_their_values() {
    let checked = Program::new(["check", "."])
        .env("SERVER", "clinic-7")
        .run(project(NAMES).dir())
        .expect_code(0);
    assert!(
        checked.stdout.contains("SERVER, REGION"),
        "{}",
        checked.stdout
    );
    assert!(!checked.stdout.contains("clinic-7"), "{}", checked.stdout);
}

#[test]
fn one_job_alone_sees_the_same() {
    // By the name that it gives itself, as its file may be called anything.
    let job = || {
        Job::new("attack()")
            .adaptor_file(&guest("looks_around"))
            .settings("[adaptors.test]\nenvironment = [\"SERVER\"]\n")
    };
    let seen = job().env("SERVER", "clinic-7").run().state();
    assert_eq!(seen["data"][1], json!([["SERVER", "clinic-7"]]));
    job()
        .run()
        .expect_failure(2, "the variable `SERVER` is not set");
}
