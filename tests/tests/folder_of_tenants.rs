//! What an operator of several projects is told of them: by `check`, by `--tenant`, and on the console.

use fonio_tests::{Ended, Host, Program, Project, wait_for};

const SOUND: &str = "jobs: { job: { adaptor: common, trigger: any, expression: 'fn(state => state)' } }\ntriggers: { any: { criteria: '{}' } }\n";

fn two() -> Project {
    Project::new()
        .file("clinic/project.yaml", SOUND)
        .file("school/project.yaml", SOUND)
}

fn check(project: &Project) -> Ended {
    Program::new(["check", "."]).run(project.dir())
}

#[track_caller]
fn printed(ended: &Ended, words: &str) {
    let said = &ended.stdout;
    assert!(said.contains(words), "{words} is not in:\n{said}");
}

#[test]
fn each_tenant_is_checked_with_its_name_before_every_place() {
    let project = two();
    let sound = check(&project).expect_code(0);
    for words in [
        "tenant clinic\n",
        "clinic: 1 job, 1 trigger, 0 credentials: 0 errors, 0 warnings\n",
        "tenant school\n",
        "2 tenants: 0 errors, 0 warnings\n",
    ] {
        printed(&sound, words);
    }
    project.write("school/project.yaml", SOUND.replace("fn(", "fnn("));
    let broken = check(&project)
        .expect_code(1)
        .expect_said("`fnn` is not an operation")
        .expect_said("--> school/project.yaml:1:");
    printed(&broken, "school: 1 job, 1 trigger, 0 credentials: 1 error");
    printed(&broken, "2 tenants: 1 error, 0 warnings\n");
}

#[test]
fn what_is_beside_the_tenants_is_checked_too() {
    let project = two()
        .file("Clinic/project.yaml", SOUND)
        .file("empty/jobs/x.js", "")
        .file(
            "tenants.toml",
            "[tenants.clinc]\n[tenants.school.quota]\nruns_at_once = 99\n",
        );
    let ended = check(&project)
        .expect_code(1)
        .expect_said("there is no folder `clinc` here")
        .expect_said("--> tenants.toml:1:10")
        .expect_said("did you mean `clinic`?")
        .expect_said("`runs_at_once` cannot be 99")
        .expect_said("--> tenants.toml:3:16")
        .expect_said("`Clinic` cannot be the name of a tenant")
        .expect_said("--> empty/project.yaml");
    printed(&ended, "3 tenants: 3 errors, 1 warning\n");
    let json = Program::new(["check", ".", "--format", "json"]);
    let said = json.run(project.dir()).expect_code(1).json();
    assert_eq!(
        (&said["ok"], &said["tenants"]["clinic"]["ok"]),
        (&false.into(), &true.into())
    );
    assert_eq!(
        said["tenants"]["empty"]["problems"][0]["file"],
        "empty/project.yaml"
    );
    assert_eq!(said["problems"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_tenant_is_checked_as_it_is_served_with_nothing_of_the_process() {
    let project = two().file(
        "clinic/fonio.toml",
        "[credentials.c]\nfrom = \"env:SHARED_SECRET\"\n",
    );
    Program::new(["check", "."])
        .env("SHARED_SECRET", "{}")
        .run(project.dir())
        .expect_code(1)
        .expect_said("the variable `SHARED_SECRET` is not set")
        .expect_said("--> clinic/fonio.toml:2:");
}

#[test]
fn a_folder_without_any_project_is_told_how_one_begins() {
    check(&Project::new().file("notes/readme.txt", "x"))
        .expect_code(1)
        .expect_said("there is no project.yaml")
        .expect_said("a project starts with");
}

#[test]
fn a_role_for_a_tenant_that_is_not_here_is_given_with_a_warning_that_names_those_that_are() {
    let warning = "no project here is called clinc; those that are: clinic, school";
    let project = two();
    let data = ["--data", ".fonio"];
    let fonio = |arguments: &[&str]| {
        Program::new([arguments, &data].concat())
            .input("a grain of fonio\n")
            .run(project.dir())
    };
    for arguments in [
        ["token", "new", "one", "--tenant", "clinc"].as_slice(),
        &["user", "add", "ama", "--tenant", "clinc"],
        &["user", "role", "ama", "--tenant", "clinc"],
        &["audit", "--tenant", "clinc"],
    ] {
        fonio(arguments).expect_code(0).expect_said(warning);
    }
    for tenant in ["clinic", "*"] {
        let name = if tenant == "*" { "all" } else { tenant };
        fonio(&["token", "new", name, "--tenant", tenant])
            .expect_code(0)
            .expect_unsaid("no project here");
    }
    // Of one project it is the id.
    let one = Project::new()
        .file("project.yaml", SOUND)
        .file("fonio.toml", "[project]\nid = \"district\"\n");
    Program::new(["token", "new", "x", "--tenant", "distric"])
        .run(one.dir())
        .expect_code(0)
        .expect_said("no project here is called distric; those that are: district");
}

#[test]
fn each_problem_of_a_tenant_that_reloads_has_its_name() {
    let open = Program::serving_tenants(&["--dev"]);
    let host = Host::guarded_by(two(), &open);
    host.wait_until_ready();
    host.project
        .write("school/project.yaml", SOUND.replace("any, ", "no, "));
    wait_for("the problem", || {
        let said = host.said();
        let named =
            said.contains("error: [school] ") && said.contains("--> school/project.yaml:1:");
        named.then_some(())
    });
    assert!(!host.said().contains("--> project.yaml"), "{}", host.said());
}

#[test]
fn the_last_word_of_a_start_that_serves_nothing_is_why() {
    let project = Project::new()
        .file("project.yaml", SOUND.replace("any, ", "no, "))
        .file("credentials/broken.json", "{");
    let host = Host::started(project);
    wait_for("the last word", || {
        let said = host.said();
        let last = said.lines().last()?.to_owned();
        (last.contains("not ready")
            && last.contains("/credentials/broken.json:1: ")
            && last.ends_with(", and 1 error more above"))
        .then_some(())
    });
}
