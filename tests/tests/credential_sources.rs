//! Credentials from folders as Kubernetes mounts them and from files encrypted with age, and that each is rotated while the
//! host runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use fonio_tests::{FarSide, Host, Program, Project, wait_for};
use serde_json::json;
use tempfile::TempDir;

/// A job that sends its credential, which is read from where `from` says.
fn project(far_side: &FarSide, from: &str) -> Project {
    let toml = format!(
        "[credentials.registry]\nfrom = \"{from}\"\nhosts = [\"{}\"]\n",
        far_side.origin()
    );
    let job = format!("get('{}');", far_side.url("/x"));
    let yaml = "jobs:\n  job: { adaptor: http, credential: registry, trigger: any }\ntriggers: { any: { criteria: '{}' } }\n";
    Project::new()
        .file("project.yaml", yaml)
        .file("jobs/job.js", job)
        .file("fonio.toml", toml)
}

/// Runs the job until the far side gets this token.
#[track_caller]
fn wait_for_token(host: &Host, far_side: &FarSide, token: &str) {
    wait_for(&format!("the token `{token}`"), || {
        host.run(&json!({}));
        let received = far_side.received();
        let sent = received.last()?.header("authorization")?.to_owned();
        (sent == format!("Bearer {token}")).then_some(())
    });
}

/// What the kubelet does: the files of each version in a folder of their own, and links to them through `..data`, which is
/// replaced in one go.
fn mount(folder: &Path, version: &str, token: &str) {
    let real = folder.join(version);
    fs::create_dir_all(&real).expect("a folder");
    fs::write(real.join("access_token"), format!("{token}\n")).expect("it is written");
    let link = folder.join("..data_tmp");
    symlink(version, &link).expect("a link");
    fs::rename(link, folder.join("..data")).expect("it is switched");
    if !folder.join("access_token").exists() {
        symlink("..data/access_token", folder.join("access_token")).expect("a link");
    }
}

#[test]
fn a_mounted_secret_outside_the_project_is_a_credential_and_is_rotated_while_the_host_runs() {
    let far_side = FarSide::saying(json!({}));
    let outside = TempDir::new().expect("a folder");
    let folder = outside.path().join("registry");
    mount(&folder, "..2026_01", "first-token");
    let host = Host::serving(project(&far_side, &format!("file:{}", folder.display())));
    wait_for_token(&host, &far_side, "first-token");
    mount(&folder, "..2026_02", "second-token");
    wait_for_token(&host, &far_side, "second-token");
}

#[test]
fn a_file_outside_the_project_is_rotated_while_the_host_runs() {
    let far_side = FarSide::saying(json!({}));
    let outside = TempDir::new().expect("a folder");
    let file = outside.path().join("registry.json");
    let write = |token: &str| {
        let beside = outside.path().join("new");
        fs::write(&beside, json!({ "access_token": token }).to_string()).expect("it is written");
        fs::rename(beside, &file).expect("it is replaced");
    };
    write("first-token");
    let host = Host::serving(project(&far_side, &format!("file:{}", file.display())));
    wait_for_token(&host, &far_side, "first-token");
    write("second-token");
    wait_for_token(&host, &far_side, "second-token");
}

fn encrypted(identity: &Identity, token: &str) -> Vec<u8> {
    let credential = json!({ "access_token": token }).to_string();
    age::encrypt(&identity.to_public(), credential.as_bytes()).expect("it is encrypted")
}

#[test]
fn an_encrypted_file_is_decrypted_with_a_key_from_outside_and_rotated_while_the_host_runs() {
    let far_side = FarSide::saying(json!({}));
    let identity = Identity::generate();
    let outside = TempDir::new().expect("a folder");
    let key = outside.path().join("key.txt");
    let text = format!(
        "# created: some day\n{}\n",
        identity.to_string().expose_secret()
    );
    fs::write(&key, text).expect("it is written");
    let project = project(&far_side, "age:registry.age")
        .file("registry.age", encrypted(&identity, "first-token"));
    let program = Program::new(["serve", ".", "--listen", "127.0.0.1:0"])
        .env("FONIO_AGE_KEY_FILE", &key.to_string_lossy());
    let host = Host::started_by(project, &program);
    host.wait_until_ready();
    wait_for_token(&host, &far_side, "first-token");
    host.project
        .replace("registry.age", encrypted(&identity, "second-token"));
    wait_for_token(&host, &far_side, "second-token");
    // What cannot be opened leaves the old one in place, and says so.
    host.project.replace(
        "registry.age",
        encrypted(&Identity::generate(), "third-token"),
    );
    let problem = host.wait_for_problem("encrypted for somebody else");
    assert_eq!(problem["file"], "registry.age");
    wait_for_token(&host, &far_side, "second-token");
}

#[test]
fn a_key_in_the_environment_opens_an_encrypted_file_and_the_table_shows_neither() {
    let far_side = FarSide::saying(json!({}));
    let identity = Identity::generate();
    let project = project(&far_side, "age:registry.age")
        .file("registry.age", encrypted(&identity, "hush-hush-7"));
    let key = identity.to_string();
    let ended = Program::new(["check", "."])
        .env("FONIO_AGE_KEY", key.expose_secret())
        .run(project.dir())
        .expect_code(0)
        .expect_unsaid("hush")
        // Encrypted, it may be read by anybody.
        .expect_unsaid("chmod");
    assert!(
        ended.stdout.contains("registry (age:registry.age)"),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("sealed        access_token"),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains("hush"), "{ended:?}");
    assert!(!ended.stdout.contains("AGE-SECRET"), "{ended:?}");
}

#[test]
fn a_mounted_file_that_every_user_can_read_is_a_note_with_what_its_mount_can_do() {
    let far_side = FarSide::saying(json!({}));
    let outside = TempDir::new().expect("a folder");
    let file = outside.path().join("registry.json");
    fs::write(&file, "{\"access_token\": \"hush-hush-7\"}").expect("it is written");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("it is ours");
    let project = project(&far_side, &format!("file:{}", file.display()));
    let check = || {
        Program::new(["check", "."])
            .run(project.dir())
            .expect_code(0)
    };
    check()
        .expect_said("every user of this machine can read")
        .expect_said("Kubernetes: `defaultMode`")
        .expect_said(&file.display().to_string());
    fs::set_permissions(&file, Permissions::from_mode(0o400)).expect("it is ours");
    check().expect_unsaid("every user");
}
