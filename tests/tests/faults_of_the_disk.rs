//! A disk that fills while steps run, and files that were damaged while the host was down.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use fonio_test_postgres::{Database, Server};
use fonio_tests::network::{alone, skip};
use fonio_tests::{Accounts, Answer, FarSide, Gate, Host, Program, Project, wait_for};
use rustix::process::Signal;
use serde_json::json;

/// A webhook that posts what it is sent to the far side, and keeps it.
fn project(far_side: &FarSide) -> Project {
    let url = far_side.url("/records");
    let steps = json!([
        { "id": "hook", "type": "webhook", "next": "send" },
        { "id": "send", "adaptor": "@openfn/language-http",
          "expression": format!("post('{url}', state => ({{ n: state.data.n }}));\nfn(state => ({{ ...state, kept: 'x'.repeat(100000) }}))") },
    ]);
    let file = json!({ "schema_version": "4.0", "id": "clinic", "name": "clinic", "workflows": [{ "id": "w", "steps": steps }] });
    Project::new()
        .file("project.yaml", file.to_string())
        .file("fonio.toml", far_side.granted())
}

fn send(host: &Host, n: u64) {
    let body = json!({ "n": n }).to_string();
    let headers = [("content-type", "application/json")];
    let reply = host.send("POST", "/i/w", &headers, body.as_bytes());
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Sends messages of 100 kB, from this number on, until three were refused, and says which were accepted.
fn send_until_refused(host: &Host, mut n: u64) -> BTreeSet<u64> {
    let mut accepted = BTreeSet::new();
    let mut refused = 0;
    while refused < 3 {
        let pad: String = (0..20_000_u64)
            .map(|at| format!("{:05x}", at * at * 7919 % 0xf_ffff))
            .collect();
        let body = json!({ "n": n, "pad": pad }).to_string();
        let headers = [("content-type", "application/json")];
        let reply = host.send("POST", "/i/w", &headers, body.as_bytes());
        match reply.status {
            200 => drop(accepted.insert(n)),
            503 => {
                assert!(reply.header("retry-after").is_some(), "{reply:?}");
                assert!(reply.text().contains("is full"), "{}", reply.text());
                refused += 1;
            }
            other => panic!("{other}: {}", reply.text()),
        }
        n += 1;
    }
    accepted
}

fn mount(options: &str, folder: &Path) {
    let mut mount = Command::new("mount");
    let mount = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
    let done = mount.arg(folder).status().expect("there is `mount`");
    assert!(
        done.success(),
        "tmpfs with {options} on {}",
        folder.display()
    );
}

#[test]
fn a_disk_that_fills_while_steps_run_costs_no_run_and_no_second_request() {
    alone(
        "a_disk_that_fills_while_steps_run_costs_no_run_and_no_second_request",
        || {
            const BEGUN: u64 = 6;
            let gate = Gate::default();
            let far_side = FarSide::answering({
                let gate = gate.clone();
                move |_| {
                    gate.pass();
                    Answer::json(&json!({}))
                }
            });
            let project = project(&far_side);
            let data = project.path(".fonio");
            fs::create_dir(&data).expect("a folder");
            mount("size=1g", &data);
            // Nothing is kept in reserve, so that it is the disk that refuses.
            let serve = [
                "serve",
                ".",
                "--listen",
                "127.0.0.1:0",
                "--disk-reserve",
                "0B",
            ];
            let host = Host::started_by(project, &Program::new(serve));
            host.wait_until_ready();
            (0..BEGUN).for_each(|n| send(&host, n));
            wait_for("the steps to begin", || {
                (far_side.received().len() as u64 == BEGUN).then_some(())
            });
            // What is used, and a page or two.
            let disk = rustix::fs::statvfs(&data).expect("what the disk says");
            let used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
            mount(&format!("remount,size={}", used + (16 << 10)), &data);
            gate.open();
            wait_for("the host to say so", || {
                let said = host.said();
                (said.contains("is full") && said.contains("cannot be stored; trying again"))
                    .then_some(())
            });
            assert_eq!(host.get("/health").status, 200);
            let mut accepted = send_until_refused(&host, BEGUN);
            mount("remount,size=1g", &data);
            accepted.extend(0..BEGUN);
            let sent = accepted.len() as u64;
            let accounts = Accounts::of(&host, &far_side, &accepted, sent);
            assert_eq!(accounts.ended("succeeded") as u64, sent);
            assert_eq!(accounts.repeated, 0, "what had ended was not run again");
            send(&host, 1_000);
            assert_eq!(Accounts::of_runs(&host).len() as u64, sent + 1);
            drop(host);
        },
    );
}

/// Only who is root can give the server's user a disk of its own.
#[test]
fn a_database_whose_disk_fills_refuses_messages_and_goes_on_when_there_is_room() {
    let owner = Server::owner().expect("PostgreSQL's user");
    let Some((user, group)) = owner else {
        return skip("only root can make a disk that belongs to PostgreSQL's user");
    };
    alone(
        "a_database_whose_disk_fills_refuses_messages_and_goes_on_when_there_is_room",
        || {
            const BEGUN: u64 = 6;
            let gate = Gate::default();
            let far_side = FarSide::behind(&gate);
            let disk = tempfile::tempdir().expect("a folder");
            let sized = |size: &str| format!("size={size},uid={user},gid={group},mode=700");
            mount(&sized("1g"), disk.path());
            let server = Server::start().expect("a PostgreSQL server");
            let database = Database::on_disk(&server, disk.path());
            let serve = Program::new(["serve", ".", "--listen", "127.0.0.1:0"]);
            let serve = serve.env("FONIO_STORE", &database.url());
            let host = Host::started_by(project(&far_side), &serve);
            host.wait_until_ready();
            (0..BEGUN).for_each(|n| send(&host, n));
            wait_for("the steps to begin", || {
                (far_side.received().len() as u64 == BEGUN).then_some(())
            });
            let room = rustix::fs::statvfs(disk.path()).expect("what the disk says");
            let used = (room.f_blocks - room.f_bfree) * room.f_frsize;
            let full = sized(&(used + (16 << 10)).to_string());
            mount(&format!("remount,{full}"), disk.path());
            let mut accepted = send_until_refused(&host, BEGUN);
            gate.open();
            wait_for("the host to say so", || {
                host.said()
                    .contains("cannot be stored; trying again")
                    .then_some(())
            });
            assert_eq!(host.get("/health").status, 200);
            mount(&format!("remount,{}", sized("1g")), disk.path());
            accepted.extend(0..BEGUN);
            let sent = accepted.len() as u64;
            let accounts = Accounts::of(&host, &far_side, &accepted, sent);
            assert_eq!(accounts.ended("succeeded") as u64, sent);
            assert_eq!(accounts.repeated, 0, "what had ended was not run again");
            send(&host, 1_000);
            assert_eq!(Accounts::of_runs(&host).len() as u64, sent + 1);
            drop(host);
        },
    );
}

#[test]
fn a_store_that_is_damaged_is_refused_with_what_to_do() {
    let far_side = FarSide::saying(json!({}));
    let mut host = Host::serving(project(&far_side));
    (0..20).for_each(|n| send(&host, n));
    assert_eq!(Accounts::of_runs(&host).len(), 20);
    host.signal(Signal::TERM);
    assert!(host.wait_for_end().success(), "{}", host.said());
    let file = host.project.path(".fonio/fonio.db");
    let bytes = fs::read(&file).expect("its file");
    let serve = || Program::new(["serve", ".", "--listen", "127.0.0.1:0"]).run(host.project.dir());
    let scribbled = [&[b'?'; 4096], &bytes[4096..]].concat();
    for damaged in [&bytes[..bytes.len() / 2], &scribbled] {
        fs::write(&file, damaged).expect("a damaged file");
        serve()
            .expect_code(1)
            .expect_said("fonio.db")
            .expect_said("is damaged or is no store")
            .expect_said("restore a backup");
        let left = fs::read(&file).expect("its file");
        assert!(left == damaged, "a file that is refused is not touched");
    }
    fs::write(&file, &bytes).expect("the file as it was");
    let host = host.killed_and_restarted();
    assert_eq!(Accounts::of_runs(&host).len(), 20);
}

#[test]
fn a_host_whose_log_was_torn_goes_on_with_what_is_whole() {
    let far_side = FarSide::saying(json!({}));
    let host = Host::serving(project(&far_side));
    let (first, torn) = (10, 30);
    (0..first).for_each(|n| send(&host, n));
    assert_eq!(Accounts::of_runs(&host).len(), 10);
    let log = host.project.path(".fonio/fonio.db-wal");
    let whole = fs::metadata(&log).expect("its log").len();
    (first..torn).for_each(|n| send(&host, n));
    let host = host.killed_and_restarted_after(|| {
        let longer = fs::metadata(&log).expect("its log").len();
        assert!(longer > whole, "nothing to tear");
        let file = fs::OpenOptions::new().write(true).open(&log);
        let file = file.expect("its log");
        file.set_len(whole + (longer - whole) / 2).expect("torn");
    });
    let runs = Accounts::of_runs(&host).len();
    assert!((10..30).contains(&runs), "{runs} runs");
    send(&host, 99);
    assert_eq!(Accounts::of_runs(&host).len(), runs + 1);
}

#[test]
fn a_fault_that_cannot_be_made_here_fails_where_no_test_may_be_skipped() {
    let this = std::env::current_exe().expect("a test knows where it is");
    let name = "a_disk_that_fills_while_steps_run_costs_no_run_and_no_second_request";
    let without_namespaces = || {
        let mut again = Command::new(&this);
        again.args(["--exact", name, "--nocapture"]);
        // Nor `unshare`.
        again.env("PATH", "").env_remove("CI");
        again.env_remove("FONIO_TEST_NO_SKIP");
        again
    };
    let skipped = without_namespaces().output().expect("it starts");
    let said = String::from_utf8_lossy(&skipped.stderr).into_owned();
    assert!(
        skipped.status.success() && said.contains("SKIPPED"),
        "{said}"
    );
    for variable in ["CI", "FONIO_TEST_NO_SKIP"] {
        let refused = without_namespaces().env(variable, "1").output();
        let refused = refused.expect("it starts");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains(variable),
            "{said}"
        );
    }
}
