//! What a job's author writes, in OpenFn's old dialect and in the new one, and what they read when it fails.

use fonio_tests::{Answer, FarSide, Job};
use serde_json::{Value, json};

/// The final state of an expression without an adaptor.
#[track_caller]
fn state_after(expression: &str, state: Value) -> Value {
    Job::new(expression).state(&state).run().state()
}

/// A server that answers with the number of the request and what it got.
fn numbering() -> FarSide {
    let count = std::sync::atomic::AtomicU64::new(0);
    FarSide::answering(move |request| {
        let id = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let got: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        Answer::json(&json!({"id": id, "got": got}))
    })
}

#[test]
fn the_old_dialect_is_a_list_of_calls() {
    let expression = "
        alterState(state => { state.data.steps = ['one']; return state; });
        alterState(function (state) { state.data.steps.push('two'); return state; });
    ";
    assert_eq!(
        state_after(expression, json!({"data": {}}))["data"],
        json!({"steps": ["one", "two"]})
    );
}

#[test]
fn the_new_dialect_has_constants_functions_templates_and_chaining() {
    let expression = "
        const FACTOR = 3;
        function times(n) { return n * FACTOR; }
        fn(({ data, ...rest }) => ({ ...rest, data: data?.numbers?.map(times) ?? [], title: `x${FACTOR}` }));
        fnIf(state => state.data.length > 2, state => ({ ...state, many: true }));
    ";
    let state = state_after(
        expression,
        json!({"data": {"numbers": [1, 2, 3]}, "kept": 1}),
    );
    assert_eq!(
        state,
        json!({"kept": 1, "data": [3, 6, 9], "title": "x3", "many": true})
    );
}

#[test]
fn asynchronous_operations_are_waited_for_in_order() {
    let expression = "
        fn(async state => {
            const later = await new Promise(resolve => setTimeout(() => resolve('later'), 20));
            return { ...state, order: [later] };
        });
        fn(state => Promise.resolve({ ...state, order: [...state.order, 'last'] }));
    ";
    assert_eq!(
        state_after(expression, json!({}))["order"],
        json!(["later", "last"])
    );
}

#[test]
fn then_and_catch_hang_on_operations() {
    let expression = "
        fn(state => ({ ...state, n: 1 })).then(state => ({ ...state, n: state.n + 1 }));
        fn(() => { throw new Error('lost'); }).catch((error, state) => ({ ...state, caught: error.message }));
    ";
    let state = state_after(expression, json!({}));
    assert_eq!((&state["n"], &state["caught"]), (&json!(2), &json!("lost")));
}

#[test]
fn the_lazy_dollar_reads_state_when_the_operation_runs() {
    let far_side = numbering();
    let expression = format!(
        "fn(state => ({{ ...state, data: {{ name: 'Ama' }} }}));
         post('{}', {{ name: $.data.name, nested: [$.data.name.length] }});",
        far_side.url("/x")
    );
    Job::new(&expression)
        .adaptor("http")
        .allow(&far_side.origin())
        .run()
        .state();
    assert_eq!(
        far_side.only().json(),
        json!({"name": "Ama", "nested": [3]})
    );
}

#[test]
fn each_runs_its_operation_for_every_item_of_a_path() {
    let expression = "each('$.list[*]', fn(state => ({ ...state, names: [...(state.names ?? []), state.data.name] })));";
    let state = state_after(expression, json!({"list": [{"name": "a"}, {"name": "b"}]}));
    assert_eq!(state["names"], json!(["a", "b"]));
}

#[test]
fn the_reply_lands_in_data_and_what_was_there_in_references() {
    let far_side = numbering();
    let expression = format!(
        "post('{url}', {{ a: 1 }});
         post('{url}', state => ({{ before: state.data.id, references: state.references.length }}));",
        url = far_side.url("/x")
    );
    let job = Job::new(&expression)
        .adaptor("http")
        .state(&json!({"data": {"n": 0}}))
        .allow(&far_side.origin());
    let state = job.run().state();
    assert_eq!(
        state["data"],
        json!({"id": 2, "got": {"before": 1, "references": 1}})
    );
    assert_eq!(
        state["references"],
        json!([{"n": 0}, {"id": 1, "got": {"a": 1}}])
    );
    assert!(
        state.get("response").is_none(),
        "the reply's own fields are not kept: {state}"
    );
}

#[test]
fn the_response_can_be_read_by_the_next_operation() {
    let far_side =
        FarSide::answering(|_| Answer::json(&json!([])).status(201).header("x-total", "7"));
    let expression = format!(
        "get('{}'); fn(state => ({{ status: state.response.statusCode, total: state.response.headers['x-total'] }}));",
        far_side.url("/x")
    );
    let state = Job::new(&expression)
        .adaptor("http")
        .allow(&far_side.origin())
        .run()
        .state();
    assert_eq!(state, json!({"status": 201, "total": "7"}));
}

#[test]
fn a_function_after_the_last_argument_runs_on_the_result() {
    let far_side = numbering();
    let expression = format!(
        "get('{url}', {{}}, state => ({{ ...state, called: state.data.id }}));
         post('{url}', {{ x: 1 }}, {{}}, state => ({{ ...state, posted: state.data.got }}));",
        url = far_side.url("/x")
    );
    let state = Job::new(&expression)
        .adaptor("http")
        .allow(&far_side.origin())
        .run()
        .state();
    assert_eq!(
        (&state["called"], &state["posted"]),
        (&json!(1), &json!({"x": 1}))
    );
}

#[test]
fn each_posts_every_item() {
    let far_side = numbering();
    let expression = format!(
        "each('$.data.visits[*]', post('{}', state => ({{ name: state.data.name, index: state.index }})));",
        far_side.url("/visits")
    );
    let visits = json!({"data": {"visits": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}});
    Job::new(&expression)
        .adaptor("http")
        .state(&visits)
        .allow(&far_side.origin())
        .run()
        .state();
    let sent: Vec<Value> = far_side
        .received()
        .iter()
        .map(|request| request.json()["name"].clone())
        .collect();
    assert_eq!(sent, ["a", "b", "c"]);
}

#[test]
fn the_old_helpers_read_and_shape_what_is_sent() {
    let expression = "
        alterState(state => {
            const row = fields(
                field('name', dataValue('person.name')(state)),
                field('first_visit', sourceValue('$.data.visits[0].date')(state)),
                field('tags', arrayToString(['a', 'b'], '-')),
            );
            return { ...state, row, wrapped: toArray(1), human: humanProper('date_of_birth') };
        });
        alterState(combine(
            fn(state => ({ ...state, one: 1 })),
            fn(state => ({ ...state, two: state.one + 1 })),
        ));
    ";
    let state = state_after(
        expression,
        json!({"data": {"person": {"name": "Ama"}, "visits": [{"date": "2026-03-01"}]}}),
    );
    assert_eq!(
        state["row"],
        json!({"name": "Ama", "first_visit": "2026-03-01", "tags": "a-b"})
    );
    assert_eq!(
        (&state["wrapped"], &state["human"], &state["two"]),
        (&json!([1]), &json!("Date Of Birth"), &json!(2))
    );
}

#[test]
fn an_error_points_at_its_place_in_the_authors_file() {
    let expression = "// a comment\nfn(state => state);\n\nfn(state => {\n  const patient = state.data.patient;\n  return patient.name;\n});\n";
    let said = Job::new(expression)
        .state(&json!({"data": {}}))
        .run()
        .expect_failure(1, "TypeError");
    assert!(said.contains("--> job.js:6:"), "{said}");
    assert!(
        said.contains("return patient.name;"),
        "the line itself is shown:\n{said}"
    );
}

#[test]
fn an_error_points_at_its_column_whatever_the_compiler_inserted() {
    let expression = "fn(state => state); fn(state => { throw new Error('here'); });\n";
    let said = Job::new(expression).run().expect_failure(1, "Error: here");
    let column: usize = said
        .split("job.js:1:")
        .nth(1)
        .and_then(|rest| {
            rest.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or_else(|| panic!("no position in:\n{said}"));
    let throw = expression.find("throw").expect("it is there") + 1;
    let end = expression.find("('here')").expect("it is there") + 1;
    assert!(
        (throw..=end).contains(&column),
        "column {column} is not within the throw statement, {throw} to {end}"
    );
}

#[test]
fn an_unknown_function_is_named_when_the_job_is_loaded() {
    let said = Job::new("fn(state => state);\nfrobnicate('x');\n")
        .run()
        .expect_failure(10, "frobnicate");
    assert!(said.contains("job.js:2:1"), "{said}");
}

#[test]
fn half_a_surrogate_pair_is_left_as_a_replacement_character() {
    let expression = "fn(state => ({ cut: '\u{1F33E}!'.slice(1), seen: state.whole.length }));";
    let state = state_after(expression, json!({"whole": "\u{1F33E}"}));
    assert_eq!(state, json!({"cut": "\u{fffd}!", "seen": 2}));
}

#[test]
fn two_steps_draw_different_random_numbers() {
    let draw = || {
        state_after("fn(() => ({ n: Math.random() }))", json!({}))["n"]
            .as_f64()
            .expect("a number")
    };
    let (one, two) = (draw(), draw());
    assert!((0.0..1.0).contains(&one));
    assert!((one - two).abs() > f64::EPSILON, "{one} twice");
}

#[test]
fn the_clock_of_a_job_is_that_of_the_machine() {
    let since = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_millis()
    };
    let before = since(std::time::SystemTime::now());
    let state = state_after("fn(() => ({ now: Date.now() }))", json!({}));
    let now = u128::from(state["now"].as_u64().expect("a time"));
    assert!(
        (before..=since(std::time::SystemTime::now())).contains(&now),
        "{now} is not now"
    );
}

#[test]
fn nothing_of_the_machine_is_in_reach_of_a_job() {
    let expression = "
        fn(() => ({
            found: ['process', 'require', 'fetch', 'XMLHttpRequest', 'Deno', 'std', 'os', '__fonio', 'WebAssembly']
                .filter(name => typeof globalThis[name] !== 'undefined'),
        }));
    ";
    let state = Job::new(expression)
        .env("SECRET_OF_THE_MACHINE", "42")
        .run()
        .state();
    assert_eq!(state["found"], json!([]));
}
