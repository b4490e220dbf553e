//! Patients of the clinic's register: an adaptor to start from.

use fonio_sdk::{Adaptor, Call, Error, Operation, Parameter, Reply, Value, adaptor, http, json};

static ADAPTOR: Adaptor = Adaptor {
    name: "adaptor-name",
    version: env!("CARGO_PKG_VERSION"),
    docs: "Patients of the clinic's register.",
    answers_to: &[],
    wants: &["network", "log"],
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
adaptor!(ADAPTOR);

fn get_patient(call: &Call) -> Result<Reply, Error> {
    let id: u64 = call.required("id")?;
    let url = address(call, &format!("/patients/{id}"))?;
    send(call, http::Request::get(&url)?)
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
    // Secrets belong in headers: there a host can keep them from the adaptor and put them in on the way out.
    let token: String = call.state().credential("token")?;
    let response = call
        .send(&request.header("authorization", format!("Bearer {token}")))?
        .success()?;
    Ok(Reply::data(response.json::<Value>()?).with_response(json!({"status": response.status})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonio_sdk::testing::{Answer, Server, problems};

    const STATE: &str = r#"{"configuration": {"baseUrl": "https://clinic.example", "token": "T"}}"#;

    #[test]
    fn the_table_is_sound() {
        assert_eq!(problems(&ADAPTOR), Vec::<String>::new());
    }

    #[test]
    fn a_patient_is_read_by_number() {
        let server = Server::answering([Answer::json(200, r#"{"name": "Asha"}"#)]);
        let reply = ADAPTOR
            .invoke("getPatient", "[7]", STATE, &server)
            .expect("the server answers");
        assert_eq!(reply.data["name"], "Asha");
        assert_eq!(server.requests()[0].url.path(), "/patients/7");
    }
}
