//! Credentials in folders and in encrypted files: what is wrong with one is said, and none of what is in it.

use std::os::unix::fs::symlink;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use serde_json::json;

use crate::{Fixture, WORKING, only_problem};

const SECRET: &str = "{\"password\": \"hush-hush-7\"}";

fn reading(from: &str) -> Fixture {
    let yaml = WORKING.replace(
        "trigger: trigger-1\n",
        "trigger: trigger-1\n    credential: c\n",
    );
    let toml = format!("[credentials.c]\nfrom = \"{from}\"\nhosts = [\"https://c.org\"]\n");
    Fixture::new(&yaml).with("fonio.toml", toml)
}

/// The error, and that it is the only one, and that nothing of the secret is in it.
fn error(fixture: &Fixture) -> String {
    let mut errors = fixture.problems();
    errors.retain(|problem| problem.starts_with("error"));
    let all = format!("{:?}", fixture.load().problems);
    assert!(
        !all.contains("hush") && !all.contains("AGE-SECRET"),
        "{all}"
    );
    assert!(errors.len() <= 2, "{errors:#?}");
    errors.remove(0)
}

fn key(identity: &Identity) -> String {
    identity.to_string().expose_secret().to_owned()
}

fn encrypted(identity: &Identity) -> Vec<u8> {
    age::encrypt(&identity.to_public(), SECRET.as_bytes()).expect("it is encrypted")
}

#[test]
fn each_file_in_a_folder_is_a_field_without_the_newline_at_its_end() {
    let fixture = reading("file:secret")
        .with("secret/..2026/username", "ana\n")
        .with("secret/..2026/password", "hush\nhush\r\n")
        .with("secret/nested/other", "not a field");
    symlink("..2026", fixture.path().join("secret/..data")).expect("a link");
    for field in ["username", "password"] {
        let link = fixture.path().join("secret").join(field);
        symlink(format!("..data/{field}"), link).expect("a link");
    }
    let project = fixture.project();
    let credential = &project.credentials["c"];
    assert_eq!(
        serde_json::Value::Object((*credential.body).clone()),
        json!({"password": "hush\nhush", "username": "ana"})
    );
    assert_eq!(credential.from, "file:secret");
    assert!(
        project
            .credential_files
            .contains(std::path::Path::new("secret"))
    );
}

#[test]
fn a_folder_that_is_no_secret_is_an_error() {
    let fixture = reading("file:secret").with("secret/.hidden", "hush");
    assert_eq!(
        only_problem(&fixture),
        "error fonio.toml:2:8 there is no file in secret | in a folder each file is a field of the credential, such as `username` and `password`"
    );
    let mut fixture = reading("file:secret");
    for number in 0..257 {
        fixture = fixture.with(&format!("secret/field-{number}"), "hush");
    }
    assert!(
        error(&fixture)
            .contains("there are 257 files in secret, and a credential has at most 256 fields"),
    );
    let fixture = reading("file:secret").with("secret/password", [b'h', b'u', 0xff]);
    assert!(error(&fixture).starts_with("error secret/password:1:3 the file is not UTF-8"));
}

#[test]
fn an_encrypted_file_is_read_with_the_key_or_the_file_of_the_key() {
    let identity = Identity::generate();
    let armored = age::encrypt_and_armor(&identity.to_public(), SECRET.as_bytes());
    for content in [
        encrypted(&identity),
        armored.expect("it is encrypted").into_bytes(),
    ] {
        let fixture = reading("age:private/c.age").with("private/c.age", content);
        let by_key = fixture.with_variable("FONIO_AGE_KEY", &key(&identity));
        assert_eq!(
            by_key.project().credentials["c"].body["password"],
            "hush-hush-7"
        );
        let by_file = by_key
            .with_variable("FONIO_AGE_KEY", "")
            .with_variable("FONIO_AGE_KEY_FILE", "key.txt")
            .with("key.txt", format!("# a comment\n{}\n", key(&identity)));
        let project = by_file.project();
        assert_eq!(project.credentials["c"].body["password"], "hush-hush-7");
        assert_eq!(project.credentials["c"].from, "age:private/c.age");
        let files: Vec<_> = project
            .credential_files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(files, ["key.txt", "private/c.age"]);
    }
}

#[test]
fn what_keeps_an_encrypted_file_shut_is_named_with_what_to_do() {
    let (mine, other) = (Identity::generate(), Identity::generate());
    let whole = encrypted(&mine);
    let mut turned = whole.clone();
    *turned.last_mut().expect("it has bytes") ^= 1;
    let passphrase = age::secrecy::SecretString::from("hush");
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(2);
    let by_passphrase = age::encrypt(&recipient, SECRET.as_bytes()).expect("it is encrypted");
    let no_json = age::encrypt(&mine.to_public(), b"hush: hush").expect("it is encrypted");
    let cases = [
        (
            encrypted(&other),
            "the file is encrypted for somebody else",
            "age-keygen -y",
        ),
        (turned, "damaged or cut off since", "encrypt it again"),
        (
            whole[..whole.len() - 20].to_vec(),
            "damaged or cut off since",
            "encrypt it again",
        ),
        (
            SECRET.into(),
            "the file is not encrypted with age",
            "from = \"file:PATH\"",
        ),
        (
            Vec::new(),
            "the file is not encrypted with age",
            "age -r age1",
        ),
        (
            by_passphrase,
            "encrypted with a passphrase, which nobody is there to type",
            "age -r age1",
        ),
        (
            no_json,
            "decrypted, at 1:1, this is not JSON",
            "one JSON object",
        ),
    ];
    for (content, message, help) in cases {
        let fixture = reading("age:c.age")
            .with("c.age", content)
            .with_variable("FONIO_AGE_KEY", &key(&mine));
        let error = error(&fixture);
        assert!(error.starts_with("error c.age:"), "{error}");
        assert!(error.contains(message) && error.contains(help), "{error}");
    }
}

#[test]
fn a_key_that_is_not_there_or_no_key_is_named_where_the_file_is() {
    let fixture = || reading("age:c.age").with("c.age", encrypted(&Identity::generate()));
    let at = "error fonio.toml:2:8 ";
    let neither = "c.age cannot be decrypted: neither FONIO_AGE_KEY_FILE nor FONIO_AGE_KEY is set";
    assert!(error(&fixture()).starts_with(&format!("{at}{neither} | `age-keygen -o FILE`")));
    let wrong = fixture().with_variable("FONIO_AGE_KEY", "AGE-SECRET-KEY-1HUSH");
    assert!(error(&wrong).starts_with(&format!("{at}FONIO_AGE_KEY is no identity of age")));
    let absent = fixture().with_variable("FONIO_AGE_KEY_FILE", "key.txt");
    let names = "FONIO_AGE_KEY_FILE names key.txt, and there is no such file";
    assert!(error(&absent).starts_with(&format!("{at}{names}")));
    let empty = absent.with("key.txt", "# hush\n");
    assert!(
        error(&empty).contains("key.txt, which FONIO_AGE_KEY_FILE names, holds no identity of age")
    );
    let gone = reading("age:gone.age").with_variable("FONIO_AGE_KEY", "");
    assert!(error(&gone).starts_with(&format!("{at}there is no file gone.age")));
}
