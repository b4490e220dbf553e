//! `tenants.toml`, and what a tenant may read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use fonio_project::{QUOTAS, Quota, Tenants, check_tenant_name, load_tenant, load_tenants};

/// Beside a folder `clinic`.
fn read(text: &str) -> (Option<Tenants>, Vec<String>) {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("clinic")).expect("made");
    fs::write(dir.path().join("tenants.toml"), text).expect("written");
    let (tenants, problems) = load_tenants(dir.path());
    let problems = problems.iter().map(ToString::to_string).collect();
    (tenants, problems)
}

#[test]
fn without_the_file_every_tenant_has_the_defaults() {
    let dir = tempfile::tempdir().expect("a directory");
    let (tenants, problems) = load_tenants(dir.path());
    assert!(problems.is_empty(), "{problems:?}");
    let clinic = tenants.expect("the defaults").of("clinic");
    assert_eq!((clinic.quota, clinic.hostnames), (Quota::default(), vec![]));
}

#[test]
fn a_tenants_own_quota_stands_over_that_of_all_wherever_it_is_written() {
    let (tenants, problems) = read(
        "[tenants.clinic]\nhostnames = [\"Clinic.Example.org\"]\n[tenants.clinic.quota]\nruns_at_once = 3\n\
         [quota]\nruns_at_once = 5\ncpu_per_hour = \"10m\"\nstored = \"2GiB\"\n",
    );
    assert!(problems.is_empty(), "{problems:?}");
    let tenants = tenants.expect("settings");
    let clinic = tenants.of("clinic");
    assert_eq!(clinic.hostnames, ["clinic.example.org"]);
    assert_eq!(clinic.quota.runs_at_once, 3);
    assert_eq!(clinic.quota.cpu_per_hour, Duration::from_secs(600));
    assert_eq!(tenants.of("school").quota.runs_at_once, 5);
    assert_eq!(tenants.of("school").quota.stored_bytes, 2 << 30);
}

#[test]
fn a_tenant_whose_folder_is_not_there_is_a_warning_and_has_its_settings() {
    let (tenants, problems) = read("[tenants.clinc]\nhostnames = [\"a\"]\n");
    let problem = &problems[0];
    for words in [
        "no folder `clinc`",
        "tenants.toml:1:10",
        "did you mean `clinic`?",
    ] {
        assert!(problem.contains(words), "{problem}");
    }
    assert_eq!(tenants.expect("settings").of("clinc").hostnames, ["a"]);
}

#[test]
fn what_is_wrong_has_a_place_and_gives_no_settings() {
    for (text, said, at) in [
        (
            "[quota]\nruns_at_once = 0\n",
            "`runs_at_once` cannot be 0",
            "tenants.toml:2:16",
        ),
        (
            "[quota]\nruns_at_once = 10\n",
            "from 1 to 9; without the line it is 8",
            "tenants.toml:2:16",
        ),
        (
            "[quota]\nstored = 7\n",
            "`stored` should be a size",
            "tenants.toml:2:10",
        ),
        (
            "[quota]\nspeed = 7\n",
            "there is no key `speed` in [quota]",
            "tenants.toml:2:1",
        ),
        (
            "[limits]\n",
            "there is no key `limits` in tenants.toml",
            "tenants.toml:1:2",
        ),
        (
            "[tenants.Clinic]\n",
            "cannot be the name of a tenant",
            "tenants.toml:1:10",
        ),
        (
            "[tenants.clinic]\nhostname = []\n",
            "`hostname` in [tenants.clinic]",
            "tenants.toml:2:1",
        ),
        (
            "[tenants.clinic]\nhostnames = [\"https://x\"]\n",
            "is not a host's name",
            "tenants.toml:2:14",
        ),
        (
            "[tenants.a]\nhostnames = [\"x\"]\n[tenants.b]\nhostnames = [\"X\"]\n",
            "leads to two tenants",
            "tenants.toml:4:14",
        ),
        ("[quota\n", "", "tenants.toml:1"),
    ] {
        let (tenants, problems) = read(text);
        assert_eq!(tenants, None, "{text}");
        let all = problems.join("\n");
        assert!(all.contains(said) && all.contains(at), "{text}: {all}");
    }
}

#[test]
fn names_of_tenants_are_parts_of_addresses() {
    for name in ["clinic", "a", "0", "clinic-2_b", &"x".repeat(63)] {
        assert_eq!(check_tenant_name(name), Ok(()), "{name}");
    }
    for name in [
        "",
        "Clinic",
        "-a",
        "_a",
        "a.b",
        "a/b",
        "é",
        "api",
        "inbox",
        "i",
        &"x".repeat(64),
    ] {
        check_tenant_name(name).expect_err(name);
    }
}

#[test]
fn what_the_documentation_says_of_quotas_is_what_they_are() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tenants.md");
    let docs = fs::read_to_string(docs).expect("it is there");
    for info in QUOTAS {
        let [default, smallest, largest] =
            [info.default, info.smallest, info.largest].map(|amount| info.unit.format(amount));
        let row = format!(
            "| `{}` | {default} | {smallest} | {largest} | {} | {} |",
            info.name, info.about, info.reached
        );
        assert!(docs.contains(&row), "docs/tenants.md lacks: {row}");
    }
}

#[test]
fn a_tenant_reads_what_is_really_in_its_folder_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let (clinic, school) = (dir.path().join("clinic"), dir.path().join("school"));
    fs::create_dir_all(clinic.join("jobs")).expect("a folder");
    fs::create_dir_all(&school).expect("a folder");
    fs::write(school.join("secret.js"), "fn(state => 'recipe')").expect("written");
    fs::write(clinic.join("jobs/own.js"), "fn(state => state)").expect("written");
    symlink("own.js", clinic.join("jobs/job.js")).expect("a link");
    let yaml = "jobs:\n  job:\n    adaptor: common\n    trigger: any\ntriggers:\n  any:\n    criteria: '{}'\n";
    fs::write(clinic.join("project.yaml"), yaml).expect("written");
    let loaded = load_tenant(&clinic);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    fs::remove_file(clinic.join("jobs/job.js")).expect("removed");
    symlink("../../school/secret.js", clinic.join("jobs/job.js")).expect("a link");
    let loaded = load_tenant(&clinic);
    let said: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    let said = said.join("\n");
    assert!(
        said.contains("outside the tenant's folder") && !said.contains("recipe"),
        "{said}"
    );
}
