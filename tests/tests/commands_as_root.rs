//! What an administrator's command makes in the data folder of a host that has a user of its own.

use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use fonio_tests::{Ended, Host, Program, Project};
use rustix::process::Signal;
use serde_json::json;

/// Nobody's.
const UID: u32 = 65_534;

fn all_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    let below = entries.flat_map(|path| match path.is_dir() {
        true => all_below(&path),
        false => vec![path],
    });
    below.chain([folder.to_owned()]).collect()
}

#[track_caller]
fn all_belong_to_the_host(data: &Path) {
    for path in all_below(data) {
        let owner = std::fs::metadata(&path).expect("it is there").uid();
        assert_eq!(owner, UID, "{}", path.display());
    }
}

fn fonio(project: &Project, arguments: &[&str]) -> Ended {
    Program::new(arguments).run(project.dir())
}

#[test]
fn what_root_makes_in_a_folder_of_anothers_is_its_owners() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can make files for another user");
        return;
    }
    let project = Project::with_job("@openfn/language-common", "fn(state => state)");
    let mut host = Host::serving(project);
    host.run(&json!({ "n": 1 }));
    host.signal(Signal::TERM);
    assert!(host.wait_for_end().success(), "{}", host.said());
    let data = host.project.path(".fonio");
    for path in all_below(&data) {
        lchown(path, Some(UID), Some(UID)).expect("root can give files away");
    }
    std::fs::remove_file(data.join("host.lock")).expect("the host left it");
    assert!(!data.join("bodies").exists(), "nothing was large");
    let large = json!({ "data": { "pad": "x".repeat(90_000) } }).to_string();
    host.project.write("state.json", large);
    let retry = [
        "runs",
        "retry",
        "1",
        "--from",
        "start",
        "--state",
        "state.json",
    ];
    fonio(&host.project, &retry).expect_code(0);
    assert!(data.join("bodies").exists() && data.join("host.lock").exists());
    all_belong_to_the_host(&data);
}

#[test]
fn a_user_that_root_adds_before_the_first_start_is_in_a_file_of_the_hosts() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can make files for another user");
        return;
    }
    let project = Project::with_job("@openfn/language-common", "fn(state => state)");
    lchown(project.dir(), Some(UID), Some(UID)).expect("root can give folders away");
    fonio(&project, &["token", "new", "reports"]).expect_code(0);
    assert!(project.path(".fonio/access.sqlite").exists());
    all_belong_to_the_host(&project.path(".fonio"));
}
