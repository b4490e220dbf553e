//! What the compiler makes of jobs.

use fonio_compiler::{Compiled, Problem, compile};

const KNOWN: &[&str] = &[
    "fn",
    "fnIf",
    "each",
    "combine",
    "alterState",
    "dataValue",
    "field",
    "fields",
    "get",
    "post",
    "upsert",
    "create",
    "query",
    "cursor",
    "collections",
    "beta",
    "http",
    "execute",
    "map",
    "log",
    "util",
];

fn known() -> Vec<String> {
    KNOWN.iter().map(|name| (*name).to_owned()).collect()
}

fn compiled(source: &str) -> Compiled {
    compile(source, &known()).unwrap_or_else(|problems| panic!("{source}\n{problems:#?}"))
}

fn module(source: &str) -> String {
    compiled(source).module
}

fn problems(source: &str) -> Vec<Problem> {
    match compile(source, &known()) {
        Err(problems) => problems,
        Ok(compiled) => panic!("{source}\ncompiled to\n{}", compiled.module),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(module(source), *expected, "source: {source}");
    }
}

#[test]
fn each_top_level_call_becomes_an_operation_with_its_line() {
    check(&[
        ("fn(s => s);", "__operation(async () => (fn(s => s)), 1);"),
        (
            "\n  fn(s => s) ;\nget('/')",
            "\n  __operation(async () => (fn(s => s)), 2) ;\n__operation(async () => (get('/')), 3);",
        ),
        (
            "fn(\n  s => s,\n);",
            "__operation(async () => (fn(\n  s => s,\n)), 1);",
        ),
        (
            "(fn(s => s));",
            "__operation(async () => ((fn(s => s))), 1);",
        ),
        (
            "beta.each('$.a', fn(s => s));",
            "__operation(async () => (beta.each('$.a', fn(s => s))), 1);",
        ),
        (
            "execute(fn(s => s));",
            "__operation(async () => (execute(fn(s => s))), 1);",
        ),
        (
            "fn(await Promise.resolve(s => s));",
            "__operation(async () => (fn(await Promise.resolve(s => s))), 1);",
        ),
        ("", ""),
    ]);
}

#[test]
fn a_call_without_a_semicolon_gets_one_so_that_the_next_line_is_not_its_argument() {
    check(&[
        (
            "fn(s => s) // done\n",
            "__operation(async () => (fn(s => s)), 1); // done\n",
        ),
        (
            "const a = 1\nfn(s => s)\n",
            "const a = 1\n__operation(async () => (fn(s => s)), 2);\n",
        ),
        (
            "fn(a)\n(b)\nvar a, b",
            "__operation(async () => (fn(a)\n(b)), 1);\nvar a, b",
        ),
        (
            "fn(s => s)/* a */;fn(s => s)",
            "__operation(async () => (fn(s => s)), 1)/* a */;__operation(async () => (fn(s => s)), 1);",
        ),
    ]);
}

#[test]
fn everything_else_at_the_top_level_stays_module_code() {
    for source in [
        "const a = b => b;\nfunction c() { return fn(a); }",
        "if (Math.random()) { fn(s => s); }",
        "let x; x = fn(s => s);",
        "'use strict';",
        "await Promise.resolve(1);",
        "new Date();",
        "get?.('/');",
        "export const a = 1;",
        "label: for (;;) { break label; }",
    ] {
        assert_eq!(module(source), source);
    }
}

#[test]
fn a_job_that_is_the_word_none_does_nothing() {
    check(&[
        ("none", ""),
        ("  none;\n", "  \n"),
        ("// no\nnone", "// no\n"),
    ]);
    assert_eq!(compiled("none").warnings, []);
    assert_eq!(compiled("none; fn(s => s)").warnings.len(), 1);
}

#[test]
fn calls_that_are_evaluated_but_are_no_operations_are_warned_of() {
    for source in [
        "fn(s => s), fn(s => s);",
        "true && fn(s => s);",
        "true ? fn(s => s) : get('/');",
    ] {
        let compiled = compiled(source);
        assert_eq!(compiled.module, source);
        assert_eq!(compiled.warnings.len(), 1, "{source}");
    }
}

#[test]
fn code_with_a_default_export_is_left_alone_but_for_its_imports() {
    check(&[
        (
            "export default [fn(s => s)];",
            "export default [fn(s => s)];",
        ),
        (
            "import { fn } from \"@openfn/language-common\";\nexport * from \"@openfn/language-common\";\nget('/').then(a);\nvar a;export default [];",
            "\n\nget('/').then(a);\nvar a;export default [];",
        ),
        (
            "import { defer as _defer } from '@openfn/runtime';\nexport default [_defer(get('/'))];",
            "const _defer = __defer;\nexport default [_defer(get('/'))];",
        ),
    ]);
}

#[test]
fn imports_of_adaptors_go_and_leave_constants_where_names_differ() {
    check(&[
        (
            "import {fn} from '@openfn/language-common';fn(s => s);",
            "__operation(async () => (fn(s => s)), 1);",
        ),
        (
            "import {\n  fn,\n  get as g,\n} from '@openfn/language-http'; g('/');",
            "const g = get;\n\n\n __operation(async () => (g('/')), 4);",
        ),
        (
            "import * as web from '@openfn/language-http';",
            "const web = globalThis;",
        ),
        (
            "import web, { get } from '@openfn/language-http';",
            "const web = globalThis;",
        ),
        (
            "import { default as web } from '@openfn/language-http';",
            "const web = globalThis;",
        ),
        ("import '@openfn/language-http';\n", "\n"),
        ("export { get } from '@openfn/language-http';\n", "\n"),
    ]);
}

#[test]
fn imports_of_anything_else_are_refused() {
    for (source, line) in [
        ("\nimport _ from 'lodash';", 2),
        ("export * from 'lodash';", 1),
        ("\n\nexport { a } from './a.js';", 3),
        ("fn(() => import('lodash'));", 1),
    ] {
        let problems = problems(source);
        assert_eq!(problems.len(), 1, "{source}: {problems:?}");
        assert_eq!(problems[0].line, line, "{source}");
        assert!(problems[0].help.is_some());
    }
    let missing = problems("import { gett } from '@openfn/language-http';");
    assert_eq!((missing[0].line, missing[0].column), (1, 10));
    assert_eq!(missing[0].help.as_deref(), Some("did you mean `get`?"));
}

#[test]
fn the_lazy_state_makes_its_argument_a_function_of_state() {
    let cases = [
        ("get($.data.url);", "get(state => (state.data.url))"),
        (
            "get(`/x/${$.a}/${$.b}`);",
            "get(state => (`/x/${state.a}/${state.b}`))",
        ),
        (
            "post('/', { a: $.a, b: [$.b] });",
            "post('/', state => ({ a: state.a, b: [state.b] }))",
        ),
        (
            "get(urls[$.a]); const urls = {};",
            "get(state => (urls[state.a]))",
        ),
        ("get($['a b']);", "get(state => (state['a b']))"),
        ("get($?.a?.b);", "get(state => (state?.a?.b))"),
        ("get(($.a));", "get(state => ((state.a)))"),
        ("get(!$.a);", "get(state => (!state.a))"),
        (
            "each($.items, post('/', $.data));",
            "each(state => (state.items), post('/', state => (state.data)))",
        ),
        (
            "fields(field('a', $.a));",
            "fields(field('a', state => (state.a)))",
        ),
        ("fn(state => $.a);", "fn(state => state.a)"),
        ("fn(async (state) => $.a);", "fn(async (state) => state.a)"),
        (
            "create('X', { a: state => $.a });",
            "create('X', state => ({ a: state => state.a }))",
        ),
        (
            "helper($.a); function helper(a) { return fn(a); }",
            "helper(state => (state.a))",
        ),
        ("http.get($.a);", "http.get(state => (state.a))"),
        ("get($ => $.a);", "get($ => $.a)"),
    ];
    for (source, operation) in cases {
        let module = module(source);
        assert!(
            module.starts_with(&format!("__operation(async () => ({operation}), 1);")),
            "{source}: {module}"
        );
    }
}

#[test]
fn the_lazy_state_looks_through_builtins_and_methods_of_values() {
    check(&[
        (
            "get(String($.a));",
            "__operation(async () => (get(state => (String(state.a)))), 1);",
        ),
        (
            "log($.name.toUpperCase());",
            "__operation(async () => (log(state => (state.name.toUpperCase()))), 1);",
        ),
        (
            "get(['a', $.b].join('/'));",
            "__operation(async () => (get(state => (['a', state.b].join('/')))), 1);",
        ),
        (
            "fnIf(Object.values($.r).length === 0, fn(s => s));",
            "__operation(async () => (fnIf(state => (Object.values(state.r).length === 0), fn(s => s))), 1);",
        ),
        (
            "get($.items.map(x => x + $.suffix));",
            "__operation(async () => (get(state => (state.items.map(x => x + state.suffix)))), 1);",
        ),
        (
            "get(new Date($.at));",
            "__operation(async () => (get(state => (new Date(state.at)))), 1);",
        ),
    ]);
}

#[test]
fn the_lazy_state_in_a_table_at_the_top_is_left_alone_with_a_warning() {
    let compiled = compiled("const table = { a: { b: $.b } };");
    assert_eq!(compiled.module, "const table = { a: { b: $.b } };");
    assert_eq!(compiled.warnings.len(), 1);
    assert_eq!(compiled.warnings[0].column, 25);
}

#[test]
fn misuse_of_the_lazy_state_is_refused_where_it_stands() {
    for (source, column) in [
        ("const a = $.a;", 11),
        ("fn(state => { return $.a; });", 22),
        ("fn(function (state) { return $.a; });", 30),
        ("get(x => $.a);", 10),
        ("get((state, x) => $.a);", 19),
        ("get(() => $.a);", 11),
        ("fn(s => s, $.a = 1);", 12),
        ("get($.a++);", 5),
        ("get(delete $.a);", 12),
        ("get([$.a] = [1]);", 6),
        ("get($);", 5),
        ("get(...$.a);", 8),
        ("get(await $.a);", 11),
        ("if ($.a) { }", 5),
        ("function f() { $.a }", 16),
        ("String($.a) + 1;", 8),
    ] {
        let problems = problems(source);
        assert_eq!(problems.len(), 1, "{source}: {problems:?}");
        assert_eq!(
            (problems[0].line, problems[0].column),
            (1, column),
            "{source}"
        );
        assert!(problems[0].help.is_some(), "{source}");
    }
}

#[test]
fn promises_on_operations_are_put_off() {
    check(&[
        (
            "get('/').then(a);var a",
            "__operation(async () => (__defer(get('/'), __promise => __promise.then(a))), 1);var a",
        ),
        (
            "get('/')\n  .then(s => s)\n  .catch(s => s)\n",
            "__operation(async () => (__defer(get('/'), __promise => __promise\n  .then(s => s)\n  .catch(s => s))), 1);\n",
        ),
        (
            "get('/').catch((e, s) => s);",
            "__operation(async () => (__defer(get('/'), undefined, (e, s) => s)), 1);",
        ),
        (
            "get('/')\n  // all fails\n  .catch((e, s) => s)\n  .then(s => s);",
            "__operation(async () => (__defer(__defer(get('/'), undefined, \n\n(e, s) => s), __promise => __promise\n  .then(s => s))), 1);",
        ),
        (
            "get('/').then(s => s).finally(() => 1);",
            "__operation(async () => (__defer(get('/'), __promise => __promise.then(s => s).finally(() => 1))), 1);",
        ),
        (
            "each($.a, post('/', $.b).then(s => s));",
            "__operation(async () => (each(state => (state.a), __defer(post('/', state => (state.b)), __promise => __promise.then(s => s)))), 1);",
        ),
        (
            "const op = get('/').catch();",
            "const op = __defer(get('/'), undefined, );",
        ),
        (
            "(get('/').catch(a)).then(a);var a",
            "__operation(async () => (__defer((__defer(get('/'), undefined, a)), __promise => __promise.then(a))), 1);var a",
        ),
        (
            "http.get('/').then(s => s);",
            "__operation(async () => (__defer(http.get('/'), __promise => __promise.then(s => s))), 1);",
        ),
    ]);
}

#[test]
fn promises_elsewhere_stay_promises() {
    for source in [
        "const p = Promise.resolve(1).then(a => a);",
        "const p = async () => get('/').then(a => a);",
        "{ get('/').then(a => a); }",
        "await get('/').then(a => a);",
        "const q = Promise.all([]), p = q.then(a => a);",
    ] {
        assert_eq!(module(source), source);
    }
    let nested = "fn(state => get('/')(state).then(a => a));";
    assert_eq!(
        module(nested),
        format!(
            "__operation(async () => ({}), 1);",
            nested.trim_end_matches(';')
        )
    );
}

#[test]
fn unknown_operations_are_problems_with_the_nearest_name() {
    for (source, line, column, help) in [
        ("\n  upsret('X', {});", 2, 3, Some("did you mean `upsert`?")),
        (
            "fn(state => { Get('/'); });",
            1,
            15,
            Some("did you mean `get`?"),
        ),
        ("htp.get('/');", 1, 1, Some("did you mean `http`?")),
        (
            "const toRow = a => a; fn(s => toRows(s));",
            1,
            31,
            Some("did you mean `toRow`?"),
        ),
        ("zzzzzzz();", 1, 1, None),
        ("/* ééé */ getx();", 1, 11, Some("did you mean `get`?")),
    ] {
        let problems = problems(source);
        assert_eq!(problems.len(), 1, "{source}: {problems:?}");
        assert_eq!(
            (problems[0].line, problems[0].column),
            (line, column),
            "{source}"
        );
        assert_eq!(problems[0].help.as_deref(), help, "{source}");
        assert!(
            problems[0]
                .message
                .contains("is not an operation of this job's adaptor")
        );
    }
    assert!(
        problems("fn(s => fetch('/'));")[0]
            .help
            .as_deref()
            .is_some_and(|help| help.contains("`http`"))
    );
}

#[test]
fn unknown_names_that_are_only_read_are_warnings() {
    let compiled =
        compiled("fn(state => ({ a: undefined, b: stat, c: typeof window, d: arguments }));");
    assert_eq!(compiled.warnings.len(), 1, "{:?}", compiled.warnings);
    assert_eq!(compiled.warnings[0].column, 33);
    assert_eq!(
        compiled.warnings[0].help.as_deref(),
        Some("did you mean `state`?")
    );
}

#[test]
fn a_name_whose_existence_the_job_asks_for_may_be_called() {
    compiled("fn(s => ({ ...s, b: typeof later !== 'undefined' ? later() : 1 }));");
    assert_eq!(problems("fn(s => ({ ...s, b: later() }));").len(), 1);
}

#[test]
fn the_jobs_own_names_hide_operations_and_builtins() {
    for source in [
        "const fields = ['a'];\nconst x = fields.map(f => f);",
        "function post(a) { return a; } const x = post(1);",
        "const $ = { a: 1 }; const x = $.a;",
    ] {
        let compiled = compiled(source);
        assert_eq!(compiled.module, source);
        assert_eq!(compiled.warnings, []);
    }
}

#[test]
fn variables_that_are_assigned_but_never_declared_are_declared_on_the_first_line() {
    let compiled = compiled("fn(state => { for (i = 0; i < 3; i++) total = i; return total; });");
    assert_eq!(
        compiled.module,
        "var i, total; __operation(async () => (fn(state => { for (i = 0; i < 3; i++) total = i; return total; })), 1);"
    );
    assert_eq!(compiled.warnings.len(), 2);
    assert_eq!(
        module("'use strict';\nimport {get} from '@openfn/a'; x = get;"),
        "'use strict';\nvar x;  x = get;"
    );
}

#[test]
fn a_builtin_called_at_the_top_level_is_refused_with_the_way_out() {
    for source in [
        "console.log('hi');",
        "JSON.parse('1');",
        "[1].forEach(get);",
        "setTimeout(() => 1);",
        "state.a();",
    ] {
        let problems = problems(source);
        assert_eq!(problems.len(), 1, "{source}: {problems:?}");
        assert!(
            problems[0]
                .help
                .as_deref()
                .is_some_and(|help| help.contains("fn(state =>")),
            "{source}"
        );
    }
    assert!(
        problems("console.log('hi');")[0]
            .message
            .starts_with("`console.log(…)`")
    );
}

#[test]
fn syntax_errors_have_a_position_and_a_message() {
    for (source, line, column) in [
        ("fn(state => {\n  const = 1;\n});", 2, 9),
        ("fn(s => s;", 1, 10),
        ("é = 'abc", 1, 5),
        ("const a = 1;\nconst a = 2;", 1, 7),
        ("let x = <div/>;", 1, 9),
        ("const a: string = '';", 1, 7),
        ("return 1;", 1, 1),
        ("/(/;", 1, 2),
    ] {
        let problems = problems(source);
        assert_eq!(
            (problems[0].line, problems[0].column),
            (line, column),
            "{source}: {problems:?}"
        );
        assert!(!problems[0].message.is_empty());
    }
}

#[test]
fn what_only_a_sloppy_script_may_do_is_explained() {
    for source in [
        "with (Math) { }",
        "fn(s => 010);",
        "delete x;",
        "var let = 1;",
    ] {
        let problems = problems(source);
        assert!(
            problems[0]
                .help
                .as_deref()
                .is_some_and(|help| help.contains("old jobs")),
            "{source}: {problems:?}"
        );
    }
    assert!(
        problems("const = 1;")[0]
            .help
            .as_deref()
            .is_none_or(|help| !help.contains("old jobs"))
    );
}

#[test]
fn every_problem_is_reported_in_order() {
    let lines: Vec<u32> = problems("zzzzzzzz();\nimport 'x';\nconst a = $.a;\nconsole.log();")
        .iter()
        .map(|p| p.line)
        .collect();
    assert_eq!(lines, [1, 2, 3, 4]);
}
