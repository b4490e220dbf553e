//! OpenFn's own adaptors, imported from npm as they are published, at work against a local server.

use fonio_tests::{Answer, FarSide, Finished, Host, Job, Npm, Program, Project, Received};
use serde_json::{Value, json};

fn run(
    npm: &Npm,
    adaptor: &str,
    far_side: &FarSide,
    credential: Value,
    expression: &str,
) -> Finished {
    Job::new(expression)
        .adaptor_file(&npm.imported(adaptor))
        .credential(&credential)
        .allow(&far_side.origin())
        .run()
}

/// The target of each request, in order.
fn targets(far_side: &FarSide) -> Vec<String> {
    let received = far_side.received().into_iter();
    received
        .map(|request| format!("{} {}", request.method, request.target))
        .collect()
}

#[test]
fn language_http_sends_what_a_job_asks_and_throws_what_it_is_answered() {
    let Some(npm) = Npm::for_test("openfn_adaptors") else {
        return;
    };
    let far_side = FarSide::answering(|request| match request.target.as_str() {
        "/missing" => Answer::json(&json!({"why": "not here"})).status(404),
        _ => Answer::json(&json!({"target": request.target, "body": request.text()})),
    });
    let credential = json!({"baseUrl": far_side.origin(), "username": "me", "password": "secret"});
    let expression = "
        get('/list', { query: { page: 2 }, headers: { 'x-trace': 'one' } });
        post('/new', state => ({ from: state.data.target }), { headers: { 'content-type': 'application/json' } });
        get('/missing').catch((error, state) => ({ ...state, caught: { status: error.statusCode, body: error.body } }));
        fn(state => ({ ...state, count: state.references.length }));
    ";
    let state = run(&npm, "http", &far_side, credential, expression).state();
    assert_eq!(
        targets(&far_side),
        ["GET /list?page=2", "POST /new", "GET /missing"]
    );
    let received = far_side.received();
    let basic = received[0].header("authorization");
    assert_eq!(basic, Some("Basic bWU6c2VjcmV0"));
    assert_eq!(received[1].json(), json!({"from": "/list?page=2"}));
    assert_eq!(state["data"]["target"], "/new");
    assert_eq!(state["caught"]["status"], 404);
    assert_eq!(state["count"], 2);
    assert!(state.get("configuration").is_none());
}

#[test]
fn an_error_of_language_http_points_at_the_operation() {
    let Some(npm) = Npm::for_test("openfn_adaptors") else {
        return;
    };
    let far_side = FarSide::answering(|_| Answer::json(&json!({})).status(500));
    let credential = json!({"baseUrl": far_side.origin()});
    let said = run(
        &npm,
        "http",
        &far_side,
        credential,
        "fn(state => state);\nget('/x');\n",
    )
    .expect_failure(1, "500");
    assert!(said.contains("job.js:2:1"), "{said}");
}

#[test]
fn language_common_has_the_real_date_fns_csv_and_json_schema() {
    let Some(npm) = Npm::for_test("openfn_adaptors") else {
        return;
    };
    let expression = "
        fn(state => ({ ...state, day: dateFns.format(dateFns.parse('10 Feb 1970', 'd MMM yyyy', new Date(0)), 'yyyy-MM-dd') }));
        parseCsv('a,b\\n1,\"2,5\"\\n3,4', { chunkSize: 1 }, (state, rows) => ({ ...state, rows: [...(state.rows ?? []), ...rows] }));
        fn(state => validate({ type: 'object', required: ['missing'] }, { a: 1 })(state));
        fn(state => ({ day: state.day, rows: state.rows, found: state.validationErrors[0].errors[0].keyword }));
        each('$.rows[*]', state => ({ ...state, sum: (state.sum ?? 0) + Number(state.data.a) }));
    ";
    let far_side = FarSide::saying(json!({}));
    let state = run(&npm, "common", &far_side, json!({}), expression).state();
    assert_eq!(state["day"], "1970-02-10");
    assert_eq!(
        state["rows"],
        json!([{"a": "1", "b": "2,5"}, {"a": "3", "b": "4"}])
    );
    assert_eq!(
        (&state["found"], &state["sum"]),
        (&json!("required"), &json!(4))
    );
}

#[test]
fn language_fhir_creates_and_reads_resources() {
    let Some(npm) = Npm::for_test("openfn_adaptors") else {
        return;
    };
    let far_side = FarSide::answering(|request| {
        let body = match request.method.as_str() {
            "POST" => json!({"resourceType": "Patient", "id": "7", "name": request.json()["name"]}),
            _ => json!({"resourceType": "Bundle", "entry": [{"resource": {"id": "7"}}]}),
        };
        Answer::new("application/fhir+json", body.to_string())
    });
    let credential =
        json!({"baseUrl": far_side.origin(), "apiPath": "fhir", "access_token": "abc"});
    let expression = "
        create('Patient', { name: [{ family: 'Doe' }] });
        fn(state => ({ ...state, id: state.data.id }));
        get('Patient', { identifier: 'x|1' });
    ";
    let state = run(&npm, "fhir", &far_side, credential, expression).state();
    assert_eq!(
        targets(&far_side),
        ["POST /fhir/Patient", "GET /fhir/Patient?identifier=x%7C1"]
    );
    let created = &far_side.received()[0];
    assert_eq!(created.header("authorization"), Some("Bearer abc"));
    assert_eq!(created.json()["name"][0]["family"], "Doe");
    assert_eq!(
        (&state["id"], &state["data"]["entry"][0]["resource"]["id"]),
        (&json!("7"), &json!("7"))
    );
}

#[test]
fn language_collections_sets_gets_and_walks_keys() {
    let Some(npm) = Npm::for_test("openfn_adaptors") else {
        return;
    };
    let items = json!({"items": [{"key": "a", "value": "{\"n\":1}"}, {"key": "b", "value": "{\"n\":2}"}], "cursor": null});
    let answer = move |request: &Received| match request.method.as_str() {
        "POST" => Answer::json(&json!({"upserted": 1, "errors": []})),
        _ if request.target.contains('?') => Answer::json(&items),
        _ => Answer::json(&json!({"key": "a", "value": "{\"n\":1}"})),
    };
    let far_side = FarSide::answering(answer);
    let credential =
        json!({"collections_endpoint": far_side.url("/collections"), "collections_token": "abc"});
    let expression = "
        collections.set('stock', 'a', { n: 1 });
        collections.get('stock', 'a');
        fn(state => ({ ...state, got: state.data }));
        collections.each('stock', '*', (state, value, key) => { (state.seen ??= []).push([key, value.n]); return state; });
    ";
    let state = run(&npm, "collections", &far_side, credential, expression).state();
    assert_eq!(state["got"], json!({"n": 1}));
    assert_eq!(state["seen"], json!([["a", 1], ["b", 2]]));
    let set = &far_side.received()[0];
    assert_eq!(
        (set.method.as_str(), set.target.as_str()),
        ("POST", "/collections/stock")
    );
    assert_eq!(set.header("authorization"), Some("Bearer abc"));
    assert_eq!(
        set.json(),
        json!({"items": [{"key": "a", "value": "{\"n\":1}"}]})
    );
}

#[test]
fn language_openmrs_pages_through_results_and_creates() {
    let Some(npm) = Npm::for_test("openfn_adaptors") else {
        return;
    };
    let far_side = FarSide::answering(|request| {
        Answer::json(&match request.method.as_str() {
            "POST" => json!({"uuid": "u-1", "sent": request.json()}),
            _ if request.target.contains("startIndex") => json!({"results": [{"uuid": "c"}]}),
            _ => {
                json!({"results": [{"uuid": "a"}, {"uuid": "b"}], "links": [{"rel": "next", "uri": "x"}]})
            }
        })
    });
    let credential =
        json!({"instanceUrl": far_side.origin(), "username": "admin", "password": "Admin123"});
    let expression = "
        get('patient', { query: 'Sarah' });
        fn(state => ({ ...state, found: state.data.map(one => one.uuid) }));
        create('person', state => ({ names: [{ givenName: 'Sarah' }], from: state.found[0] }));
    ";
    let state = run(&npm, "openmrs", &far_side, credential, expression).state();
    assert_eq!(state["found"], json!(["a", "b", "c"]));
    assert_eq!(state["data"]["sent"]["from"], "a");
    let received = far_side.received();
    assert!(
        received
            .iter()
            .all(|request| request.target.starts_with("/ws/rest/v1/")),
        "{received:#?}"
    );
    assert_eq!(
        received[0].header("authorization"),
        Some("Basic YWRtaW46QWRtaW4xMjM=")
    );
}

#[test]
fn names_resolve_to_the_exact_version_the_newest_that_fits_or_a_native_adaptor_and_list_says_why() {
    let Some(npm) = Npm::for_test("openfn_adaptors") else {
        return;
    };
    let names = [
        "http@7.2.10",
        "http@^7.1",
        "http",
        "http@6.5.1",
        "common@3.3.4",
        "common@2.0.0",
        "fhir@5.0.15",
    ];
    let jobs: String = names
        .iter()
        .enumerate()
        .map(|(at, name)| format!("  job{at}: {{ adaptor: '@openfn/language-{name}', expression: 'fn(state => state)', trigger: any }}\n"))
        .collect();
    let project = Project::new()
        .file(
            "project.yaml",
            format!("jobs:\n{jobs}triggers:\n  any: {{ criteria: '{{}}' }}\ncredentials: {{}}\n"),
        )
        .file("adaptors/http@7.2.10.wasm", npm.imported("http"))
        .file("adaptors/common@3.3.4.wasm", npm.imported("common"));
    let listed = Program::new(["adaptor", "list", "--json"])
        .run(project.dir())
        .expect_code(1)
        .json();
    let meaning = |name: &str| {
        let name = format!("@openfn/language-{name}");
        let names = listed["names"].as_array().expect("a list");
        let found = names
            .iter()
            .find(|row| row["name"] == name)
            .expect("every name of a job is there");
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        (text("from"), text("why"), text("help"))
    };
    let (imported, http) = ("adaptors/http@7.2.10.wasm", "built in");
    assert_eq!(
        meaning("http@7.2.10"),
        (
            imported.into(),
            "imported, exactly this version".into(),
            String::new()
        )
    );
    assert_eq!(
        meaning("http@^7.1"),
        (
            imported.into(),
            "imported, the newest in this range".into(),
            String::new()
        )
    );
    assert_eq!(
        meaning("http"),
        (
            imported.into(),
            "imported, the newest".into(),
            String::new()
        )
    );
    assert_eq!(
        meaning("http@6.5.1"),
        (
            http.into(),
            "a native adaptor that answers to the name; 6.5.1 is not imported (7.2.10 is): fonio adaptor import @openfn/language-http@6.5.1".into(),
            String::new()
        )
    );
    assert_eq!(meaning("common@3.3.4").0, "adaptors/common@3.3.4.wasm");
    assert_eq!(
        meaning("common@2.0.0").1,
        "the common operations inside the program; 2.0.0 is not imported (3.3.4 is): fonio adaptor import @openfn/language-common@2.0.0"
    );
    let help = meaning("fhir@5.0.15").2;
    assert!(
        help.contains("fonio adaptor import @openfn/language-fhir@5.0.15"),
        "{help}"
    );
}

#[test]
fn a_message_runs_through_an_imported_adaptor_in_a_served_project() {
    let Some(npm) = Npm::for_test("openfn_adaptors") else {
        return;
    };
    let far_side = FarSide::saying(json!({"ok": true}));
    let expression = format!("post('{}', $.data);", far_side.url("/in"));
    let project = Project::with_job("@openfn/language-http@7.2.10", &expression)
        .file("fonio.toml", far_side.granted())
        .file("adaptors/http@7.2.10.wasm", npm.imported("http"));
    let host = Host::serving(project);
    host.run(&json!({"n": 1}));
    assert_eq!(far_side.only().json(), json!({"n": 1}));
}
