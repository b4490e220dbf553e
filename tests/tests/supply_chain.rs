//! Which adaptors a project loads: those that `fonio.lock` pins, and those that are signed.

use std::fs;
use std::io::Cursor;

use fonio_tests::{Ended, Host, Npm, Package, Program, Project, guest, wait_for};
use minisign::KeyPair;
use rustix::process::Signal;
use serde_json::{Value, json};

/// A job of `adaptors/voice.wasm`, which says one word.
fn project(word: &str) -> Project {
    Project::with_job("@openfn/language-voice", "attack()").file("adaptors/voice.wasm", guest(word))
}

fn fonio<const N: usize>(project: &Project, arguments: [&str; N]) -> Ended {
    Program::new(arguments).run(project.dir())
}

fn lock(project: &Project) -> Ended {
    fonio(project, ["adaptor", "lock"]).expect_code(0)
}

fn lock_file(project: &Project) -> String {
    fs::read_to_string(project.path("fonio.lock")).expect("there is a lock")
}

/// The word that the job says now, in a host that serves the project.
fn word(host: &Host) -> Value {
    host.run(&json!({})).step().output["data"].clone()
}

/// Reloads until the job says this word.
fn wait_for_word(host: &Host, expected: &str) {
    wait_for(&format!("the job to say {expected}"), || {
        (word(host) == expected).then_some(())
    });
}

#[test]
fn a_lock_names_each_file_by_its_digest_and_is_the_same_each_time() {
    let project = project("says_one").file("adaptors/aria.wasm", guest("says_two"));
    let said = lock(&project).stdout;
    assert!(said.contains("added    adaptors/voice.wasm"), "{said}");
    let first = lock_file(&project);
    let at = |words: &str| {
        first
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {first}"))
    };
    assert!(
        at("adaptors/aria.wasm") < at("adaptors/voice.wasm"),
        "{first}"
    );
    let digests = first.lines().filter(|line| line.starts_with("sha256 = \""));
    assert_eq!(
        digests.filter(|line| line.len() == 64 + 11).count(),
        2,
        "{first}"
    );
    at("version = \"");
    let said = lock(&project).stdout;
    assert!(
        !said.contains("added") && !said.contains("changed"),
        "{said}"
    );
    assert_eq!(lock_file(&project), first);
    fonio(&project, ["check"]).expect_code(0);
}

#[test]
fn a_file_that_was_changed_after_the_lock_is_not_loaded() {
    let project = project("says_one");
    lock(&project);
    project.write("adaptors/voice.wasm", guest("says_two"));
    let ended = fonio(&project, ["check"]).expect_code(1);
    for words in [
        "adaptors/voice.wasm",
        "not the file in fonio.lock",
        "locked is sha256",
        "fonio adaptor lock",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    fonio(&project, ["adaptor", "list"])
        .expect_code(1)
        .expect_said("not the file in fonio.lock");
    fonio(&project, ["run", "jobs/job.js", "-a", "voice"])
        .expect_code(10)
        .expect_said("not the file in fonio.lock");
    let said = lock(&project).stdout;
    assert!(said.contains("changed  adaptors/voice.wasm"), "{said}");
    fonio(&project, ["check"]).expect_code(0);
}

#[test]
fn a_file_that_nobody_locked_is_not_loaded_and_one_that_is_gone_is_told() {
    let project = project("says_one");
    lock(&project);
    project.write("adaptors/aria.wasm", guest("says_two"));
    fonio(&project, ["check"])
        .expect_code(1)
        .expect_said("adaptors/aria.wasm")
        .expect_said("it is not in fonio.lock");
    project.delete("adaptors/aria.wasm");
    fs::rename(
        project.path("adaptors/voice.wasm"),
        project.path("voice.wasm"),
    )
    .expect("it can be moved");
    fonio(&project, ["check"])
        .expect_code(1)
        .expect_said("adaptors/voice.wasm is listed, and is not there");
    let said = lock(&project).stdout;
    assert!(said.contains("removed  adaptors/voice.wasm"), "{said}");
}

#[test]
fn a_host_goes_on_with_the_locked_version_until_the_lock_is_made_anew() {
    let project = project("says_one");
    lock(&project);
    let host = Host::serving(project);
    assert_eq!(word(&host), "one");
    host.project
        .replace("adaptors/voice.wasm", guest("says_two"));
    let problem = host.wait_for_problem("not the file in fonio.lock");
    assert_eq!(problem["file"], "adaptors/voice.wasm");
    assert_eq!(word(&host), "one", "the version that was locked serves on");
    lock(&host.project);
    wait_for_word(&host, "two");
    host.wait_for_no_problems();
    // What runs is not in this lock: it may not stand in for what is.
    let other = lock_file(&host.project).replace("sha256 = \"", "sha256 = \"0000");
    let other: String = other.lines().map(|line| shortened(line) + "\n").collect();
    host.project.replace("fonio.lock", other);
    host.wait_for_problem("no adaptor here answers to @openfn/language-voice");
    assert_eq!(host.run(&json!({})).step().exit_code, 10);
}

/// A digest of 64 digits again.
fn shortened(line: &str) -> String {
    match line.strip_prefix("sha256 = \"") {
        Some(digest) => format!("sha256 = \"{}\"", &digest[..64]),
        None => line.to_owned(),
    }
}

#[test]
fn a_lock_that_cannot_be_understood_loads_nothing() {
    let project = project("says_one");
    for (lock, words) in [
        ("version = ", "it is no lock"),
        ("version = 2\n", "format 2"),
        (
            "version = 1\n[[adaptor]]\nfile = \"adaptors/voice.wasm\"\n",
            "missing field",
        ),
    ] {
        project.write("fonio.lock", lock);
        fonio(&project, ["check"])
            .expect_code(1)
            .expect_said(words)
            .expect_said(
                "fonio.lock cannot be understood, and it may say which adaptors are trusted",
            );
    }
    lock(&project);
    fonio(&project, ["check"]).expect_code(0);
}

#[test]
fn check_and_list_say_whether_a_project_is_locked() {
    let project = project("says_one");
    let json = |command: &[&str]| Program::new(command).run(project.dir()).json();
    let said = fonio(&project, ["check"]).expect_code(0).stdout;
    assert!(said.contains("not locked: `fonio adaptor lock`"), "{said}");
    assert_eq!(json(&["check", "--format", "json"])["locked"], false);
    lock(&project);
    for command in [["check", "."], ["adaptor", "list"]] {
        let said = fonio(&project, command).expect_code(0).stdout;
        assert!(said.contains("locked by fonio.lock"), "{said}");
    }
    assert_eq!(json(&["check", "--format", "json"])["locked"], true);
    let list = json(&["adaptor", "list", "--json"]);
    assert_eq!(list["locked"], true);
    let digest = list["adaptors"][0]["sha256"].as_str().expect("a digest");
    assert!(lock_file(&project).contains(digest));
    let without = Project::with_job("common", "fn(state => state)");
    let said = fonio(&without, ["check"]).expect_code(0).stdout;
    assert!(!said.contains("locked"), "there is nothing to lock: {said}");
}

#[test]
fn a_lock_is_not_written_of_what_does_not_load() {
    let project = project("says_one").file("adaptors/aria.wasm", b"no component");
    fonio(&project, ["adaptor", "lock"])
        .expect_code(1)
        .expect_said("adaptors/aria.wasm")
        .expect_said("was not written");
    assert!(!project.path("fonio.lock").exists());
}

#[test]
fn an_import_begins_a_lock_and_keeps_it() {
    let Some(npm) = Npm::for_test("supply chain") else {
        return;
    };
    let project = project("says_one");
    let import = |version: &str| {
        let manifest = format!(
            r#"{{"name": "@acme/thing", "version": "{version}", "type": "module", "license": "MIT", "exports": "./index.js"}}"#
        );
        let package = Package::with_manifest(&manifest).file(
            "index.js",
            "export const hello = () => state => ({ ...state, data: 'hello' });",
        );
        package.import_into(&project, &npm).expect_code(0)
    };
    import("1.0.0").expect_said("Locked");
    let first = lock_file(&project);
    assert!(first.contains("package = \"@acme/thing@1.0.0\""), "{first}");
    assert!(
        first.contains("adaptors/voice.wasm"),
        "what was there goes on being loaded: {first}"
    );
    // What was changed since is not locked by the way.
    project.write("adaptors/voice.wasm", guest("says_two"));
    import("1.1.0");
    let second = lock_file(&project);
    assert!(
        second.contains("package = \"@acme/thing@1.1.0\""),
        "{second}"
    );
    assert!(
        second.contains("package = \"@acme/thing@1.0.0\""),
        "{second}"
    );
    fonio(&project, ["check"])
        .expect_code(1)
        .expect_said("adaptors/voice.wasm")
        .expect_said("not the file in fonio.lock");
}

#[test]
fn an_adaptor_that_is_built_into_a_locked_project_is_locked() {
    let Some(npm) = Npm::for_test("supply chain") else {
        return;
    };
    let project = project("says_one");
    lock(&project);
    let before = lock_file(&project);
    npm.program(["adaptor", "new", "clinic", "--lang", "js"])
        .run(project.dir())
        .expect_code(0);
    npm.program(["adaptor", "build", "clinic", "-o", "adaptors/clinic.wasm"])
        .run(project.dir())
        .expect_code(0)
        .expect_said("Locked");
    let after = lock_file(&project);
    assert!(
        after.contains("adaptors/clinic.wasm") && !before.contains("clinic"),
        "{after}"
    );
    fonio(&project, ["check"]).expect_code(0);
}

/// Someone who signs.
struct Signer(KeyPair);

impl Signer {
    fn new() -> Signer {
        Signer(KeyPair::generate_unencrypted_keypair().expect("a key can be made"))
    }

    fn key(&self) -> String {
        self.0.pk.to_base64()
    }

    fn sign(&self, project: &Project, file: &str) {
        let wasm = fs::read(project.path(file)).expect("it is there");
        let signature = minisign::sign(Some(&self.0.pk), &self.0.sk, Cursor::new(wasm), None, None);
        let signature = signature.expect("it can be signed").to_string();
        project.replace(&format!("{file}.minisig"), signature);
    }
}

fn trusting(signers: &[&Signer]) -> String {
    let keys: Vec<String> = signers.iter().map(|signer| signer.key()).collect();
    format!("[signatures]\nkeys = {keys:?}\n")
}

#[test]
fn where_signatures_are_asked_for_only_a_file_signed_by_a_trusted_key_is_loaded() {
    let (trusted, also, stranger) = (Signer::new(), Signer::new(), Signer::new());
    let project = project("says_one").file("fonio.toml", trusting(&[&trusted, &also]));
    let refused = |words: &str| {
        fonio(&project, ["check"])
            .expect_code(1)
            .expect_said("adaptors/voice.wasm")
            .expect_said(words);
    };
    refused("it is not signed: there is no ./adaptors/voice.wasm.minisig");
    stranger.sign(&project, "adaptors/voice.wasm");
    refused("not of this file by a key that fonio.toml trusts");
    for signer in [&trusted, &also] {
        signer.sign(&project, "adaptors/voice.wasm");
        let said = fonio(&project, ["check"]).expect_code(0).stdout;
        assert!(said.contains("its files are signed"), "{said}");
    }
    let list = fonio(&project, ["adaptor", "list", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(list["adaptors"][0]["signed_by"], also.key());
    project.write("adaptors/voice.wasm", guest("says_two"));
    refused("not of this file by a key that fonio.toml trusts");
    project.write("adaptors/voice.wasm.minisig", "no signature");
    refused("it is no signature");
    fonio(&project, ["adaptor", "lock"]).expect_code(1);
}

#[test]
fn a_key_that_is_none_and_a_table_without_keys_trust_nobody() {
    let signer = Signer::new();
    let project = project("says_one");
    signer.sign(&project, "adaptors/voice.wasm");
    project.write("fonio.toml", "[signatures]\nkeys = [\"RWQnonsense\"]\n");
    fonio(&project, ["check"])
        .expect_code(1)
        .expect_said("`RWQnonsense` is no public key of minisign")
        .expect_said("fonio.toml cannot be understood");
    project.write("fonio.toml", "[signatures]\n");
    fonio(&project, ["check"])
        .expect_code(1)
        .expect_said("by a key that fonio.toml trusts");
    project.write("fonio.toml", "[signatures]\nkey = []\n");
    fonio(&project, ["check"])
        .expect_code(1)
        .expect_said("keys");
}

#[test]
fn an_adaptor_whose_key_is_no_longer_trusted_goes_out_of_service_at_once() {
    let (trusted, stranger) = (Signer::new(), Signer::new());
    let project = project("says_one").file("fonio.toml", trusting(&[&trusted]));
    trusted.sign(&project, "adaptors/voice.wasm");
    let host = Host::serving(project);
    assert_eq!(word(&host), "one");
    stranger.sign(&host.project, "adaptors/voice.wasm");
    host.wait_for_problem("not of this file by a key that fonio.toml trusts");
    assert_eq!(
        word(&host),
        "one",
        "what runs was signed by a key that is trusted"
    );
    host.project
        .replace("fonio.toml", trusting(&[&Signer::new()]));
    host.wait_for_problem("no adaptor here answers to @openfn/language-voice");
    assert_eq!(host.run(&json!({})).step().exit_code, 10);
    host.project.replace("fonio.toml", trusting(&[&stranger]));
    host.signal(Signal::HUP);
    wait_for_word(&host, "one");
}
