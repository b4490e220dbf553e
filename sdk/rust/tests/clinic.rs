//! The adaptor that README.md shows, compiled and run, and the promise that README.md shows this one.

use fonio_sdk::{Adaptor, Call, Error, Operation, Parameter, Reply, Value, adaptor, http, json};

static CLINIC: Adaptor = Adaptor {
    name: "clinic",
    version: "1.0.0",
    docs: "Patients of the clinic's register.",
    answers_to: &[],
    wants: &["network"],
    credential_schema: r#"{
        "type": "object",
        "properties": {
            "baseUrl": {"type": "string", "format": "uri"},
            "token": {"type": "string", "writeOnly": true}
        },
        "required": ["baseUrl", "token"]
    }"#,
    operations: &[
        Operation {
            name: "getPatient",
            docs: "Reads one patient: `getPatient(7)`.",
            parameters: &[Parameter::required(
                "id",
                "The patient's number.",
                r#"{"type": "integer"}"#,
            )],
            run: get_patient,
        },
        Operation {
            name: "addPatient",
            docs: "Adds a patient: `addPatient({ name: 'Asha' })`.",
            parameters: &[Parameter::required(
                "patient",
                "Name and more.",
                r#"{"type": "object"}"#,
            )],
            run: add_patient,
        },
    ],
};
adaptor!(CLINIC);

fn get_patient(call: &Call) -> Result<Reply, Error> {
    let id: u64 = call.required("id")?;
    send(
        call,
        http::Request::get(&address(call, &format!("/patients/{id}"))?)?,
    )
}

fn add_patient(call: &Call) -> Result<Reply, Error> {
    let patient: Value = call.required("patient")?;
    send(
        call,
        http::Request::post(&address(call, "/patients")?, &patient)?,
    )
}

fn address(call: &Call, path: &str) -> Result<String, Error> {
    let base: String = call.state().credential("baseUrl")?;
    Ok(base + path)
}

fn send(call: &Call, request: http::Request) -> Result<Reply, Error> {
    // Secrets belong in headers: a later host gives only a seal here, and opens it there on the way out.
    let token: String = call.state().credential("token")?;
    let response = call
        .send(&request.header("authorization", format!("Bearer {token}")))?
        .success()?;
    Ok(Reply::data(response.json::<Value>()?).with_response(json!({"status": response.status})))
}

use fonio_sdk::testing::{Answer, Server, problems};

#[test]
fn a_patient_is_read_by_number() {
    assert_eq!(problems(&CLINIC), Vec::<String>::new());
    let server = Server::answering([Answer::json(200, r#"{"name": "Asha"}"#)]);
    let state = r#"{"configuration": {"baseUrl": "https://clinic.example", "token": "T"}}"#;
    let reply = CLINIC
        .invoke("getPatient", "[7]", state, &server)
        .expect("the server answers");
    assert_eq!(reply.data["name"], "Asha");
    assert_eq!(server.requests()[0].url.path(), "/patients/7");
}

#[test]
fn the_readme_shows_this_adaptor_and_its_test() {
    let readme = include_str!("../README.md");
    let shown: Vec<&str> = readme
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(shown.len(), 2);
    for code in shown {
        assert!(
            include_str!("clinic.rs").contains(code),
            "not in tests/clinic.rs:\n{code}"
        );
    }
}
