//! The wall around the process: what `fonio serve` and its compiling children have given up, and that serving takes none
//! of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use fonio_tests::{FarSide, Host, Program, Project, guest, wait_for};
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

const JOB: &str = "get('/x');";

/// A job that sends its credential, which is read from where `from` says.
fn with_credential(far_side: &FarSide, from: &str) -> Project {
    let yaml = "jobs:\n  job:\n    adaptor: '@openfn/language-http'\n    credential: registry\n    trigger: any\n\
                triggers:\n  any:\n    criteria: '{}'\ncredentials:\n  registry: {}\n";
    Project::new()
        .file("project.yaml", yaml)
        .file("jobs/job.js", JOB)
        .file("fonio.toml", settings(far_side, from))
}

fn settings(far_side: &FarSide, from: &str) -> String {
    format!(
        "[network]\nallow = [\"{}\"]\n[credentials.registry]\nfrom = \"{from}\"\n",
        far_side.origin()
    )
}

fn credential(far_side: &FarSide, token: &str) -> String {
    json!({"baseUrl": far_side.origin(), "access_token": token}).to_string()
}

/// Runs the job until the far side gets this token.
fn wait_for_token(host: &Host, far_side: &FarSide, token: &str) {
    wait_for(&format!("the token `{token}`"), || {
        host.run(&json!({}));
        let received = far_side.received();
        let sent = received.last()?.header("authorization")?.to_owned();
        (sent == format!("Bearer {token}")).then_some(())
    });
}

/// Kernels without landlock exist; what it does cannot be tested on them.
fn has_wall(host: &Host) -> bool {
    let has = host.said().contains("landlock (version");
    if !has {
        eprintln!(
            "SKIPPED: this kernel has no landlock, so nothing keeps the host from files; the host said:\n{}",
            host.said()
        );
    }
    has
}

/// A line of `/proc/PID/NAME`, after its title.
fn of_process(pid: u32, name: &str, title: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/{name}")).expect("the process is there");
    let line = text.lines().find_map(|line| line.strip_prefix(title))?;
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("it can be listed");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn a_host_has_given_up_what_it_does_not_need_and_says_so_at_its_start() {
    let host = Host::serving(Project::with_job("common", "fn(state => state)"));
    host.run(&json!({}));
    let pid = host.pid();
    assert_eq!(
        of_process(pid, "status", "NoNewPrivs:").as_deref(),
        Some("1")
    );
    assert_eq!(of_process(pid, "status", "Seccomp:").as_deref(), Some("2"));
    assert_eq!(of_process(pid, "status", "Umask:").as_deref(), Some("0077"));
    let core = of_process(pid, "limits", "Max core file size");
    assert_eq!(core.as_deref(), Some("0 0 bytes"));
    for part in [
        "hardened",
        "no new privileges",
        "no core dumps",
        "seccomp (refuses",
    ] {
        assert!(host.said().contains(part), "{part}: {}", host.said());
    }
    let mut files = files_below(&host.project.path(".fonio"));
    // It says that the rest stays out of a repository, and is made before the host gives anything up.
    files.retain(|file| !file.ends_with(".gitignore"));
    assert!(!files.is_empty());
    for file in files {
        let others = fs::metadata(&file).map_or(0, |found| found.mode() & 0o077);
        assert_eq!(others, 0, "{} is its owner's alone", file.display());
    }
}

#[test]
fn a_host_that_runs_as_root_is_warned_and_no_other() {
    let host = Host::serving(Project::with_job("common", "fn(state => state)"));
    let root = rustix::process::geteuid().is_root();
    assert_eq!(
        host.said().contains("runs as root"),
        root,
        "{}",
        host.said()
    );
}

#[test]
fn without_hardening_a_host_keeps_its_rights_and_says_so() {
    let project = Project::with_job("common", "fn(state => state)");
    let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0", "--no-hardening"]);
    let host = Host::started_by(project, &program);
    host.wait_until_ready();
    assert_eq!(
        of_process(host.pid(), "status", "NoNewPrivs:").as_deref(),
        Some("0")
    );
    assert!(host.said().contains("not hardened"), "{}", host.said());
}

#[test]
fn a_hardened_host_compiles_an_adaptor_that_no_machine_has_seen() {
    let host = Host::serving(Project::with_job("@openfn/language-voice", "attack()"));
    // A section of its own makes it another file, which nobody has compiled.
    let mut wasm = guest("says_one");
    let stamp = format!("{:?}{}", std::time::SystemTime::now(), host.pid());
    let name = stamp.as_bytes();
    wasm.extend([
        0,
        u8::try_from(name.len() + 1).expect("it is short"),
        u8::try_from(name.len()).expect("it is short"),
    ]);
    wasm.extend(name);
    host.project.write("adaptors/voice.wasm", wasm);
    wait_for("the adaptor to say one", || {
        (host.run(&json!({})).step().output["data"] == "one").then_some(())
    });
}

#[test]
fn a_credential_outside_the_project_is_read_and_can_be_replaced_there() {
    let far_side = FarSide::saying(json!({}));
    let outside = TempDir::new().expect("a folder");
    let file = outside.path().join("registry.json");
    fs::write(&file, credential(&far_side, "first")).expect("it is written");
    let host = Host::serving(with_credential(
        &far_side,
        &format!("file:{}", file.display()),
    ));
    wait_for_token(&host, &far_side, "first");
    let beside = outside.path().join("new");
    fs::write(&beside, credential(&far_side, "second")).expect("it is written");
    fs::rename(&beside, &file).expect("it is replaced");
    host.signal(Signal::HUP);
    wait_for_token(&host, &far_side, "second");
}

#[test]
fn credentials_of_systemd_are_read() {
    let far_side = FarSide::saying(json!({}));
    let outside = TempDir::new().expect("a folder");
    fs::write(
        outside.path().join("registry"),
        credential(&far_side, "of systemd"),
    )
    .expect("it is written");
    let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0"])
        .env("CREDENTIALS_DIRECTORY", &outside.path().to_string_lossy());
    let host = Host::started_by(with_credential(&far_side, "systemd:registry"), &program);
    host.wait_until_ready();
    wait_for_token(&host, &far_side, "of systemd");
}

#[test]
fn a_file_that_the_project_names_only_later_is_out_of_reach_until_the_next_start() {
    let far_side = FarSide::saying(json!({}));
    let outside = TempDir::new().expect("a folder");
    let file = outside.path().join("registry.json");
    fs::write(&file, credential(&far_side, "outside")).expect("it is written");
    let project =
        with_credential(&far_side, "file:own.json").file("own.json", credential(&far_side, "own"));
    let host = Host::serving(project);
    wait_for_token(&host, &far_side, "own");
    if !has_wall(&host) {
        return;
    }
    let toml = settings(&far_side, &format!("file:{}", file.display()));
    host.project.replace("fonio.toml", toml);
    host.wait_for_problem("Permission denied");
    wait_for("what helps to be said", || {
        host.said().contains("restart it").then_some(())
    });
    let host = host.restarted_after(|| ());
    wait_for_token(&host, &far_side, "outside");
}

#[test]
fn a_project_folder_that_is_moved_away_and_back_is_served_on() {
    let says = |word: &str| format!("fn(state => ({{ ...state, word: '{word}' }}))");
    let project = Project::new();
    let inner = Project::with_job("common", &says("one"));
    fs::rename(inner.dir(), project.path("clinic")).expect("it can be moved");
    let program = Program::new([
        "serve",
        "clinic",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "data",
    ]);
    let host = Host::started_by(project, &program);
    host.wait_until_ready();
    fs::rename(host.project.path("clinic"), host.project.path("away")).expect("it can be moved");
    host.signal(Signal::HUP);
    wait_for("the folder to be missed", || {
        host.said().contains("not reloaded").then_some(())
    });
    fs::rename(host.project.path("away"), host.project.path("clinic")).expect("it can be moved");
    host.project.write("clinic/jobs/job.js", says("two"));
    host.signal(Signal::HUP);
    wait_for_word(&host, "two");
}

#[test]
fn a_project_that_is_deployed_by_a_link_is_served_in_its_next_version() {
    let says = |word: &str| format!("fn(state => ({{ ...state, word: '{word}' }}))");
    let project = Project::new();
    fs::create_dir(project.path("releases")).expect("a folder");
    for (release, word) in [("releases/1", "one"), ("releases/2", "two")] {
        let inner = Project::with_job("common", &says(word));
        fs::rename(inner.dir(), project.path(release)).expect("it can be moved");
    }
    symlink("releases/1", project.path("current")).expect("a link");
    let program = Program::new([
        "serve",
        "current",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "data",
    ]);
    let host = Host::started_by(project, &program);
    host.wait_until_ready();
    wait_for_word(&host, "one");
    symlink("releases/2", host.project.path("next")).expect("a link");
    fs::rename(host.project.path("next"), host.project.path("current")).expect("it is switched");
    host.signal(Signal::HUP);
    wait_for_word(&host, "two");
}

fn wait_for_word(host: &Host, word: &str) {
    wait_for(&format!("the word `{word}`"), || {
        (host.run(&json!({})).step().output["word"] == word).then_some(())
    });
}
