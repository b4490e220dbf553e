//! What the compiler says to an author who wrote a name that is not there, or not all of what they meant to write.

use fonio_compiler::{Problem, compile};

const COMMON: &[&str] = &["fn", "each", "dataValue", "fields", "combine", "util"];
const HTTP: &[&str] = &["get", "post", "put", "request"];

/// The problems of a job without an adaptor, or with `http`.
fn problems(source: &str, http: bool) -> Vec<Problem> {
    let adaptor = if http { HTTP } else { &[] };
    let known: Vec<String> = COMMON
        .iter()
        .chain(adaptor)
        .map(|name| (*name).to_owned())
        .collect();
    compile(source, &known).expect_err("the job has a problem")
}

#[track_caller]
fn check(source: &str, http: bool, (line, column): (u32, u32), words: &[&str]) {
    let problems = problems(source, http);
    assert_eq!(problems.len(), 1, "{source}: {problems:?}");
    let Problem { message, help, .. } = &problems[0];
    assert_eq!(
        (problems[0].line, problems[0].column),
        (line, column),
        "{source}: {message}"
    );
    let said = format!("{message}\n{}", help.as_deref().unwrap_or_default());
    for word in words {
        assert!(said.contains(word), "{source}: `{word}` is not in: {said}");
    }
}

#[test]
fn an_operation_of_another_adaptor_names_that_adaptor() {
    check(
        "\n post('/x', {});",
        false,
        (2, 2),
        &["`post`", "`http`", "fonio run -a"],
    );
    check("fn(s => sendSMS({}));", true, (1, 9), &["`twilio`"]);
    check(
        "each('$.a[*]', getSubmissions());",
        true,
        (1, 16),
        &["`kobotoolbox`, `odk`"],
    );
}

#[test]
fn what_only_the_common_package_has_names_that_package() {
    let import = "fonio adaptor import @openfn/language-common";
    check(
        "fn(s => dateFns.format(s.data.at, 'yyyy'));",
        false,
        (1, 9),
        &["`dateFns`", import],
    );
    check(
        "validate('$.schema');",
        false,
        (1, 1),
        &["`validate`", import],
    );
    check("fn(s => _.get(s, 'a'));", true, (1, 9), &["`_`", import]);
    check(
        "http.get('/x');",
        true,
        (1, 1),
        &["`http`", "own names, as in get('/')", import],
    );
    check(
        "import { dateFns } from '@openfn/language-common';",
        false,
        (1, 10),
        &["`dateFns`", import],
    );
}

#[test]
fn what_the_imported_common_package_has_is_no_problem() {
    let known = ["fn", "dateFns"].map(str::to_owned);
    let source = "fn(s => dateFns.format(s.data.at, 'yyyy'));";
    assert!(compile(source, &known).is_ok());
}

#[test]
fn a_slip_in_the_name_of_a_package_is_found() {
    let meant = "did you mean `@openfn/language-http`?";
    check(
        "import { get } from '@openfn/language-htp';\nget('/');",
        true,
        (1, 21),
        &[meant],
    );
    check(
        "import * as h from '@openfn/language-htttp';",
        true,
        (1, 20),
        &[meant],
    );
    check(
        "export * from '@openfn/language-Http';",
        true,
        (1, 15),
        &[meant],
    );
    let known = ["fn"].map(str::to_owned);
    for own in [
        "@openfn/language-our-registry",
        "@openfn/language-fhir-4",
        "@openfn/runtime",
    ] {
        assert!(
            compile(&format!("import '{own}'; fn(s => s);"), &known).is_ok(),
            "{own}"
        );
    }
}

#[test]
fn members_of_an_imported_namespace_are_checked() {
    let import = "import * as http from '@openfn/language-http';\n";
    check(
        &format!("{import}  http.gett('/');"),
        true,
        (2, 8),
        &["`gett`", "`get`"],
    );
    check(
        &format!("{import}fn(s => http.poost('/')(s));"),
        true,
        (2, 14),
        &["`post`"],
    );
    let known = ["fn", "get"].map(str::to_owned);
    assert!(
        compile(
            &format!("{import}http.get('/'); fn(s => http[s.data](s));"),
            &known
        )
        .is_ok()
    );
}

#[test]
fn what_misses_its_end_is_missed_at_the_end_of_the_text() {
    check("fn(state => state", false, (1, 18), &[]);
    check("fn(state => {\n  return state;\n\n\n", false, (2, 16), &[]);
    check("fn(state => `${state.a}\n\n", false, (1, 23), &[]);
}

#[test]
fn an_open_bracket_is_named_with_its_place() {
    check(
        "\n each('$.a',\n  fn(s => s);\n",
        false,
        (3, 13),
        &["but found `;`"],
    );
    check(
        "fn(state => {",
        false,
        (1, 14),
        &["found the end of the job"],
    );
    let opened = |source| problems(source, false)[0].unclosed;
    assert_eq!(opened("\n each('$.a',\n  fn(s => s);\n"), Some((2, 6)));
    assert_eq!(opened("fn(state => {"), Some((1, 13)));
    assert_eq!(opened("fnn(s => s);"), None);
}

#[test]
fn a_byte_order_mark_is_not_counted() {
    check("\u{feff}fnn(s => s);", false, (1, 1), &["`fn`"]);
}

#[test]
fn of_names_that_are_equally_near_the_one_of_the_same_case_is_meant() {
    let known = ["map"].map(str::to_owned);
    let problems = compile("mapp(1);", &known).expect_err("there is no mapp");
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `map`?"));
}

#[test]
fn an_error_is_made_where_its_class_stands() {
    let known = ["fn"].map(str::to_owned);
    for (source, module) in [
        (
            "const e = new Error(\n  `no ${name}`,\n); const name = 1;",
            "const e = (function () { return new Error(...this); }).call(\n  [`no ${name}`],\n); const name = 1;",
        ),
        (
            "const e = new TypeError(a, { cause: b }); const a = 1, b = 2;",
            "const e = (function () { return new TypeError(...this); }).call([a, { cause: b }]); const a = 1, b = 2;",
        ),
        (
            "const e = new Error('text');",
            "const e = new Error('text');",
        ),
        ("const e = new Error();", "const e = new Error();"),
        ("const e = new Date(1 + 1);", "const e = new Date(1 + 1);"),
    ] {
        let compiled =
            compile(source, &known).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
        assert_eq!(compiled.module, module);
    }
}

#[test]
fn an_operation_that_nothing_runs_is_warned_of() {
    let known = ["fn", "each", "get", "post", "dataValue"].map(str::to_owned);
    let warned = |source: &str| {
        let warnings = compile(source, &known).expect("the job compiles").warnings;
        let places = warnings
            .iter()
            .filter(|warning| warning.message.contains("nothing runs it"));
        places
            .map(|warning| (warning.line, warning.column))
            .collect::<Vec<_>>()
    };
    for (source, places) in [
        (
            "fn(state => {\n  post('/x', state.data);\n  return state;\n});",
            vec![(2, 3)],
        ),
        (
            "fn(async state => {\n  await get('/x');\n  return state;\n});",
            vec![(2, 9)],
        ),
        ("const go = true;\nif (go) {\n  get('/x');\n}", vec![(3, 3)]),
        (
            "fn(async state => { await get('/x')(state); return state; });",
            vec![],
        ),
        ("fn(state => get('/x')(state));", vec![]),
        ("const load = id => get(id);\nload(1);", vec![]),
        (
            "fn(state => { const get = console.log; get('/x'); return state; });",
            vec![],
        ),
        (
            "fn(state => { each('$.a', fn(s => s))(state); return state; });",
            vec![],
        ),
    ] {
        assert_eq!(warned(source), places, "{source}");
    }
}

#[test]
fn a_declaration_that_takes_a_value_apart_has_a_position_of_its_own() {
    let known = ["fn"].map(str::to_owned);
    for (source, module) in [
        ("const { a } = {};", "0;const { a } = {};"),
        ("const b = 1\nlet [a] = []", "const b = 1\n0;let [a] = []"),
        ("for (const { a } of []) {}", "for (const { a } of []) {}"),
        (
            "for (const [a] of []) { var { b } = a }",
            "for (const [a] of []) { 0;var { b } = a }",
        ),
        ("export const { a } = {};", "export const { a } = {};"),
        (
            "const f = ({ a }) => { const b = a; };",
            "const f = ({ a }) => { const b = a; };",
        ),
        (
            "switch (1) { case 1: const { a } = {}; }",
            "switch (1) { case 1: 0;const { a } = {}; }",
        ),
    ] {
        let compiled =
            compile(source, &known).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
        assert_eq!(compiled.module, module);
    }
}
