//! Whom `https` trusts: Mozilla's authorities, and those that the operator names besides.

use fonio_tests::{Authority, Handshakes, Program, Project};

/// Has a job get something from a server whose certificate is by `authority`, with this in `FONIO_CA_FILE`.
fn get(authority: &Authority, ca_file: &str) -> (fonio_tests::Ended, usize) {
    let far = Handshakes::showing(&authority.sign("127.0.0.1"));
    let project = Project::new()
        .file("job.js", format!("get('{}/x')", far.origin()))
        .file("theirs.pem", &authority.certificate)
        .file(
            "two.pem",
            Authority::new().certificate + &authority.certificate,
        )
        .file("other.pem", Authority::new().certificate)
        .file("empty.pem", "")
        .file(
            "broken.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
    let run = ["run", "job.js", "-a", "http", "--allow", &far.origin()];
    let ended = Program::new(run)
        .env("FONIO_CA_FILE", ca_file)
        .run(project.dir());
    (ended, far.met().len())
}

#[test]
fn a_certificate_by_an_authority_that_the_operator_names_is_taken() {
    let authority = Authority::new();
    for file in ["theirs.pem", "two.pem"] {
        let (ended, met) = get(&authority, file);
        ended.expect_code(0);
        assert_eq!(met, 1);
    }
}

#[test]
fn one_by_another_authority_is_not() {
    let authority = Authority::new();
    for file in ["", "other.pem"] {
        let (ended, met) = get(&authority, file);
        ended
            .expect_code(1)
            .expect_said("no TLS connection to 127.0.0.1");
        assert_eq!(met, 0);
    }
}

#[test]
fn a_file_that_names_no_authority_is_wrong_use_and_not_passed_over() {
    let authority = Authority::new();
    for (file, words) in [
        ("absent.pem", "FONIO_CA_FILE names absent.pem: "),
        ("empty.pem", "there is no certificate in it"),
        ("broken.pem", "a certificate in it cannot be read"),
    ] {
        let (ended, met) = get(&authority, file);
        ended.expect_code(2).expect_said(words);
        assert_eq!(met, 0);
    }
}
