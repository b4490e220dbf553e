//! The common operations, against what OpenFn's own gave for the same expressions (`observed.json`).

mod host;

use host::run;
use serde_json::Value;

const OBSERVED: &str = include_str!("observed.json");

fn observed() -> Value {
    serde_json::from_str(OBSERVED).expect("the table is JSON")
}

/// What `expression` gives, with `sample()` at hand; what JSON leaves out is marked, so that it counts.
fn evaluate(expression: &str) -> Result<Value, String> {
    let module = format!(
        r#"const sample = () => state.sample;
        const marked = (key, value) =>
            value === undefined ? '«undefined»' : typeof value === 'function' ? '«function»' : value;
        __operation(async () => fn(async () => {{
            const value = await ({expression});
            return {{ text: JSON.stringify(value === undefined ? '«undefined»' : value, marked) }};
        }}), 1);"#
    );
    let state = format!(r#"{{"sample":{}}}"#, observed()["sample"]);
    let state = run(&module, &state).map_err(|error| error.to_string())?;
    let state: Value = serde_json::from_str(&state).expect("the final state is JSON");
    let text = state["text"].as_str().expect("the job gives text");
    Ok(serde_json::from_str(text).expect("the text is JSON"))
}

/// Fields in any order are the same fields.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

#[test]
fn every_expression_gives_what_openfn_gave() {
    let table = observed();
    let mut wrong = Vec::new();
    for case in table["gives"].as_array().expect("a list of cases") {
        let expression = case[0].as_str().expect("an expression");
        match evaluate(expression) {
            Ok(value) if same(&value, &case[1]) => {}
            other => wrong.push(format!(
                "{expression}\n  OpenFn: {}\n  here:   {other:?}",
                case[1]
            )),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_expression_that_fails_in_openfn_fails_here() {
    let table = observed();
    for case in table["fails"].as_array().expect("a list of cases") {
        let expression = case.as_str().expect("an expression");
        assert!(evaluate(expression).is_err(), "{expression} should fail");
    }
}

fn gives(expression: &str, expected: Value) {
    let value = evaluate(expression).expect(expression);
    assert!(
        same(&value, &expected),
        "{expression}\n  expected: {expected}\n  gave:     {value}"
    );
}

#[test]
fn promises_are_waited_for_wherever_a_function_of_state_can_stand() {
    use serde_json::json;
    gives(
        "each(async s => [1, 2], s => ({ sum: (s.sum ?? 0) + s.data }))({})",
        json!({ "sum": 3 }),
    );
    gives(
        "each([1, 2], async s => ({ sum: (s.sum ?? 0) + s.data }))({})",
        json!({ "sum": 3 }),
    );
    gives(
        "fnIf(async s => false, s => ({ ran: true }))({ a: 1 })",
        json!({ "a": 1 }),
    );
    gives(
        "map(async s => [1, 2], async item => item * 2)({})",
        json!({ "data": [2, 4] }),
    );
    gives(
        "cursor(async s => s.a)({ a: 4 })",
        json!({ "a": 4, "cursor": 4 }),
    );
    gives(
        "merge(async s => [{ a: 1 }], { b: async s => s.c })({ c: 3 })",
        json!([{ "a": 1, "b": 3 }]),
    );
    gives(
        "expandReferences({ a: async s => s.x, b: [Promise.resolve(2)] })({ x: 5 })",
        json!({ "a": 5, "b": [2] }),
    );
    assert!(evaluate("assert(async s => false, 'no')({})").is_err());
}

#[test]
fn helpers_called_without_promises_answer_at_once() {
    use serde_json::json;
    gives("expandReferences({ a: s => s.x })({ x: 5 }).a", json!(5));
    gives("each([1], s => s)({}).data", json!(1));
    gives("combine(s => ({ a: 1 }))({}).a", json!(1));
    gives("merge('$.a[*]', { b: 1 })({ a: [{}] })[0].b", json!(1));
}

#[test]
fn a_jsonpath_may_compare_the_item_itself_and_name_several_keys() {
    use serde_json::json;
    gives("source('$.a[?(@ > 1)]')({ a: [1, 2, 3] })", json!([2, 3]));
    gives("source(\"$['a','b']\")({ a: 1, b: 2 })", json!([1, 2]));
}

#[test]
fn a_filter_that_cannot_be_read_says_where() {
    let error = evaluate("source('$.a[?(@.x ==)]')({ a: [1] })").expect_err("it cannot be read");
    assert_eq!(
        error,
        r#"SyntaxError: the filter "@.x ==" cannot be read at character 7"#
    );
}

#[test]
fn natural_dates_become_moments() {
    use serde_json::json;
    gives(
        "['start', 'now', 'end', 'today', 'yesterday', '2 hours ago', '3 days ago', '1 day ago']
            .map(phrase => Math.round((Date.now() - Date.parse(cursor(phrase)({}).cursor)) / 60000))
            .map((minutes, at) => at < 3 ? minutes : at === 5 ? minutes : Math.floor(minutes / 1440))",
        json!([0, 0, 0, 0, 1, 120, 3, 1]),
    );
    gives(
        "cursor('today')({}).cursor.slice(10)",
        json!("T00:00:00.000Z"),
    );
    gives(
        "cursor('today', { format: date => date.getUTCHours() })({})",
        json!({ "cursor": 0 }),
    );
    gives(
        "cursor('2020-01-01')({})",
        json!({ "cursor": "2020-01-01" }),
    );
}

#[test]
fn a_chunk_of_no_size_is_refused_instead_of_looping_for_ever() {
    for size in ["0", "-1"] {
        let error = evaluate(&format!("chunk([1], {size})")).expect_err("it is refused");
        assert_eq!(
            error,
            format!("RangeError: chunk needs a size of at least 1, but got {size}")
        );
    }
}

#[test]
fn base64_of_an_object_is_that_of_its_json() {
    use serde_json::json;
    gives(
        "util.decode(util.encode({ a: ['é'] }))",
        json!({ "a": ["é"] }),
    );
    gives(
        "util.decode(util.encode([1]), { parseJson: false })",
        json!("[1]"),
    );
    gives("util.decode(util.encode('{no json'))", json!("{no json"));
}

#[test]
fn what_util_leaves_out_says_where_it_is() {
    use serde_json::json;
    gives(
        "util.makeBasicAuthHeader('u', 'é')",
        json!({ "Authorization": "Basic dTrDqQ==" }),
    );
    let error = evaluate("util.throwError('GONE', { description: 'not there', id: 7 })");
    assert_eq!(error.expect_err("it is thrown"), "Error: GONE: not there");
    let error = evaluate("util.request('GET', '/')").expect_err("it is not there");
    assert!(
        error.starts_with("TypeError: util.request is in @openfn/language-common"),
        "{error}"
    );
}

#[test]
fn the_old_map_runs_its_operation_at_once_and_keeps_the_state() {
    use serde_json::json;
    gives(
        "(seen => [map('$.list[*]', s => { seen.push(s); }, { list: [1, 2], references: ['r'] }), seen])([])",
        json!([
            { "list": [1, 2], "references": ["r"] },
            [{ "data": 1, "references": ["r"] }, { "data": 2, "references": ["r"] }],
        ]),
    );
}

#[test]
fn a_format_that_gives_nothing_leaves_the_cursor_as_it_was_named() {
    use serde_json::json;
    gives(
        "cursor(5, { format: () => undefined })({})",
        json!({ "cursor": 5 }),
    );
    gives(
        "cursor('today', { format: () => null })({}).cursor.length",
        json!(24),
    );
}

#[test]
fn base64_goes_there_and_back() {
    use serde_json::json;
    gives(
        "['', 'a', 'ab', 'abc', 'é€😀'].map(util.encode)",
        json!(["", "YQ==", "YWI=", "YWJj", "w6nigqzwn5iA"]),
    );
    gives(
        "['', 'a', 'ab', 'abc', 'é€😀'].map(util.encode).map(util.decode)",
        json!(["", "a", "ab", "abc", "é€😀"]),
    );
    gives(
        "/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(util.uuid())",
        json!(true),
    );
}
