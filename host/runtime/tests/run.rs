//! `compile` and `run`, as the host calls them.

mod host;

use std::rc::Rc;

use fonio_runtime::{Engine, JobError, Level, Position};
use host::{FakeHost, operations, run, run_on};

fn state_of(module: &str, state: &str) -> String {
    run(module, state).expect("the job succeeds")
}

fn error_of(module: &str, state: &str) -> JobError {
    *run(module, state).expect_err("the job fails")
}

fn logged(module: &str, state: &str) -> Vec<(Level, String)> {
    let host = FakeHost::new();
    let calls = Rc::clone(&host.calls);
    run_on(host, true, module, state).expect("the job succeeds");
    calls.log.take()
}

mod order {
    use super::*;

    #[test]
    fn operations_run_one_after_another_over_the_state() {
        let module = operations(&[
            "fn(state => ({ ...state, seen: [1] }))",
            "fn(async state => { await null; state.seen.push(2); return state; })",
            "alterState(state => { state.seen.push(3); return state; })",
        ]);
        assert_eq!(
            state_of(&module, r#"{"data":{}}"#),
            r#"{"data":{},"seen":[1,2,3]}"#
        );
    }

    #[test]
    fn all_operations_are_made_before_the_first_runs() {
        let module = "let log = []; const op = name => (log.push('made ' + name), state => ({ log: [...log, name] }));
            __operation(async () => (op('a')), 1); __operation(async () => (op('b')), 2);";
        assert_eq!(state_of(module, "{}"), r#"{"log":["made a","made b","b"]}"#);
    }

    #[test]
    fn a_default_export_is_run_instead() {
        assert_eq!(
            state_of(
                "export default [fn(s => ({ a: 1 })), fn(s => ({ ...s, b: 2 }))];",
                "{}"
            ),
            r#"{"a":1,"b":2}"#
        );
        assert_eq!(
            state_of(
                "export default state => ({ only: state.data });",
                r#"{"data":1}"#
            ),
            r#"{"only":1}"#
        );
    }

    #[test]
    fn a_module_may_wait_at_its_top_level() {
        let module = "const late = await new Promise(done => setTimeout(() => done(5), 10)); __operation(async () => (fn(s => ({ late }))), 1);";
        assert_eq!(state_of(module, "{}"), r#"{"late":5}"#);
    }

    #[test]
    fn an_operation_that_returns_nothing_hands_on_an_empty_state_and_a_warning() {
        let module = operations(&["fn(state => {})", "fn(state => ({ got: state }))"]);
        assert_eq!(state_of(&module, r#"{"data":1}"#), r#"{"got":{}}"#);
        let warning = "the operation at line 1 returned no state, so the next one starts with {}: is a return missing?";
        assert_eq!(logged(&module, "{}"), [(Level::Warn, warning.to_owned())]);
    }

    #[test]
    fn then_and_catch_on_an_operation_are_deferred_to_its_turn() {
        let module = operations(&[
            "__defer(fn(s => ({ ...s, a: 1 })), p => p.then(s => ({ ...s, b: 2 })))",
            "__defer(fn(s => { throw new Error('no') }), p => p, (error, state) => ({ ...state, caught: error.message }))",
            "__defer(fn(s => { throw new Error('no') }), p => p.then(s => 1).catch(error => ({ late: true })))",
        ]);
        assert_eq!(state_of(&module, "{}"), r#"{"late":true}"#);
        let first_two = operations(&[
            "__defer(fn(s => ({ ...s, a: 1 })), p => p.then(s => ({ ...s, b: 2 })))",
            "__defer(fn(s => { throw new Error('no') }), p => p, (error, state) => ({ ...state, caught: error.message }))",
        ]);
        assert_eq!(state_of(&first_two, "{}"), r#"{"a":1,"b":2,"caught":"no"}"#);
    }
}

mod final_state {
    use super::*;

    #[test]
    fn configuration_and_response_stay_behind() {
        let module = operations(&["fn(s => s)"]);
        let state =
            r#"{"configuration":{"password":"p"},"data":1,"response":{"x":1},"references":[]}"#;
        assert_eq!(state_of(&module, state), r#"{"data":1,"references":[]}"#);
    }

    #[test]
    fn what_json_cannot_hold_is_left_out_or_named() {
        for (returned, expected) in [
            ("({ a: 1, f() {} })", r#"{"a":1}"#),
            (
                "{ const a = { b: 1 }; a.self = a; return a; }",
                r#"{"b":1,"self":"[Circular]"}"#,
            ),
            (
                "{ const a = {}; return { x: a, y: a }; }",
                r#"{"x":{},"y":{}}"#,
            ),
            ("({ n: 10n })", r#"{"n":"10"}"#),
            (
                "({ d: new Date(0) })",
                r#"{"d":"1970-01-01T00:00:00.000Z"}"#,
            ),
            ("({ half: '😀'.slice(0, 1) })", "{\"half\":\"\\ufffd\"}"),
            ("undefined", "{}"),
            ("null", "null"),
            ("5", "5"),
            ("'text'", r#""text""#),
            ("[1, 2]", "[1,2]"),
            ("() => 1", "{}"),
        ] {
            assert_eq!(
                state_of(&operations(&[&format!("fn(state => {returned})")]), "{}"),
                expected,
                "{returned}"
            );
        }
    }

    #[test]
    fn a_job_without_operations_keeps_its_state() {
        assert_eq!(state_of("", r#"{"data":[1]}"#), r#"{"data":[1]}"#);
    }

    #[test]
    fn the_state_is_also_a_global() {
        assert_eq!(
            state_of(
                &operations(&["fn(() => ({ seen: globalThis.state.data }))"]),
                r#"{"data":4}"#
            ),
            r#"{"seen":4}"#
        );
    }
}

mod errors {
    use super::*;

    #[test]
    fn whatever_is_thrown_is_described() {
        for (thrown, name, message, code, details) in [
            ("new TypeError('bad')", "TypeError", "bad", None, "{}"),
            (
                "Object.assign(new Error('x'), { code: 'E1', statusCode: 404 })",
                "Error",
                "x",
                Some("E1"),
                r#"{"code":"E1","statusCode":404}"#,
            ),
            ("'text'", "Error", "text", None, "{}"),
            ("null", "Error", "null", None, "{}"),
            ("undefined", "Error", "undefined", None, "{}"),
            ("5", "Error", "5", None, "{}"),
            (
                "({ message: 'm', n: 1 })",
                "Error",
                "m",
                None,
                r#"{"message":"m","n":1}"#,
            ),
            ("({ n: 1 })", "Error", r#"{"n":1}"#, None, r#"{"n":1}"#),
            (
                "(() => { const e = new Error('c'); e.self = e; return e; })()",
                "Error",
                "c",
                None,
                r#"{"self":{"self":"[Circular]"}}"#,
            ),
            (
                "({ get message() { throw 1 } })",
                "Error",
                "something was thrown that cannot be shown",
                None,
                "{}",
            ),
        ] {
            let error = error_of(
                &operations(&[&format!("fn(state => {{ throw {thrown} }})")]),
                "{}",
            );
            assert_eq!(
                (
                    error.name.as_str(),
                    error.message.as_str(),
                    error.code.as_deref(),
                    error.details.as_str()
                ),
                (name, message, code, details),
                "{thrown}"
            );
        }
    }

    #[test]
    fn half_an_emoji_in_an_error_leaves_its_json_readable() {
        let module =
            operations(&["fn(s => { s.half = '😀'.slice(0, 1); throw { half: s.half } })"]);
        let error = error_of(&module, "{}");
        assert_eq!(error.details, "{\"half\":\"\\ufffd\"}");
        assert_eq!(error.state.as_deref(), Some("{\"half\":\"\\ufffd\"}"));
    }

    #[test]
    fn details_beyond_64_kib_keep_what_fits() {
        let module = operations(&[
            "fn(() => { throw Object.assign(new Error('x'), { small: 1, body: 'y'.repeat(100000), last: 2 }) })",
        ]);
        assert_eq!(
            error_of(&module, "{}").details,
            r#"{"small":1,"body":"[too large to keep]","last":2}"#
        );
    }

    #[test]
    fn the_position_is_the_innermost_in_the_job() {
        let module = "function inner(state) {\n  return state.data.missing.x;\n}\n__operation(async () => (each([1], fn(state => inner(state)))), 9);";
        let error = error_of(module, "{}");
        assert_eq!(
            (error.name.as_str(), error.at.map(|at| at.line)),
            ("TypeError", Some(2))
        );
        assert_eq!(
            error.at,
            Some(Position {
                line: 2,
                column: 10
            })
        );
    }

    #[test]
    fn a_column_counts_bytes_as_the_job_compiler_does() {
        let error = error_of("\n'é🌾'; nothing.here;", "{}");
        let (line, column) = (2, 1 + "'é🌾'; ".len() as u32);
        assert_eq!(error.at, Some(Position { line, column }));
    }

    #[test]
    fn an_error_of_the_jobs_own_class_is_placed_where_it_was_thrown() {
        let module = "class Base extends Error {\n  constructor(text) {\n    super(text);\n  }\n}\nclass Own extends Base {}\n__operation(async () => (fn(() => {\n  throw new Own('x');\n})), 7);";
        assert_eq!(error_of(module, "{}").at.map(|at| at.line), Some(8));
    }

    #[test]
    fn a_constant_before_a_declaration_places_the_failure_to_take_apart() {
        let module = "__operation(async () => (fn(state => {\n\n  0;const { a: { b } } = state.data;\n})), 1);";
        assert_eq!(
            error_of(module, r#"{"data":{}}"#).at,
            Some(Position { line: 3, column: 3 })
        );
    }

    #[test]
    fn an_error_without_a_position_gets_that_of_its_operation() {
        let error = error_of(
            &operations(&["fn(s => s)", "fn(s => { throw 'text' })"]),
            "{}",
        );
        assert_eq!(error.at.map(|at| at.line), Some(2));
    }

    #[test]
    fn the_state_is_what_the_failing_operation_received_and_did_to_it() {
        let module = operations(&[
            "fn(s => ({ ...s, a: 1 }))",
            "fn(s => { s.touched = true; throw new Error('x') })",
        ]);
        let error = error_of(&module, r#"{"configuration":{"p":1},"data":2}"#);
        assert_eq!(
            error.state.as_deref(),
            Some(r#"{"data":2,"a":1,"touched":true}"#)
        );
    }

    #[test]
    fn a_statement_that_is_no_operation_is_named_by_the_authors_line() {
        let error = error_of("\n__operation(async () => (console.log('hi')), 12);", "{}");
        assert_eq!(
            error.message,
            "the statement at line 12 is not an operation: wrap it in fn(state => { ... }) to run it in its turn"
        );
        assert_eq!(error.at.map(|at| at.line), Some(2));
    }

    #[test]
    fn an_error_at_the_top_level_of_the_module_keeps_its_name_and_place() {
        let error = error_of("const a = 1;\nnothing.here;", r#"{"data":1}"#);
        assert_eq!(
            (error.name.as_str(), error.message.as_str()),
            ("ReferenceError", "nothing is not defined")
        );
        assert_eq!(error.at.map(|at| at.line), Some(2));
        assert_eq!(error.state.as_deref(), Some(r#"{"data":1}"#));
    }

    #[test]
    fn a_promise_that_nothing_will_settle_ends_the_job() {
        let error = error_of(
            &operations(&["fn(() => new Promise(() => {}))"]),
            r#"{"data":1}"#,
        );
        assert_eq!(
            error.message,
            "the job waits for a promise that nothing will settle"
        );
        assert_eq!(error.state.as_deref(), Some(r#"{"data":1}"#));
    }

    #[test]
    fn endless_recursion_is_an_error_not_a_crash() {
        let error = error_of(
            &operations(&["fn(function again(s) { return again(s) + 1; })"]),
            "{}",
        );
        assert_eq!(error.name, "RangeError");
    }

    #[test]
    fn the_causes_of_an_error_are_told_where_its_message_does_not_tell_them() {
        let message = |thrown: &str| {
            error_of(
                &operations(&[&format!("fn(() => {{ throw {thrown}; }})")]),
                "{}",
            )
            .message
        };
        let cause = "new Error('far', { cause: new Error('gone') })";
        assert_eq!(
            message(&format!("new Error('no', {{ cause: {cause} }})")),
            "no: far: gone"
        );
        assert_eq!(
            message("new Error('no: gone', { cause: new Error('gone') })"),
            "no: gone"
        );
        assert_eq!(message("(e => (e.cause = e))(new Error('round'))"), "round");
    }

    #[test]
    fn an_error_in_a_timer_fails_the_job() {
        let module = operations(&[
            "fn(s => new Promise(() => setTimeout(() => { throw new TypeError('late') }, 5)))",
        ]);
        let error = error_of(&module, "{}");
        assert_eq!(
            (
                error.name.as_str(),
                error.message.as_str(),
                error.at.is_some()
            ),
            ("TypeError", "late", true)
        );
    }

    #[test]
    fn a_state_that_is_not_json_is_refused() {
        let error = error_of("", "{");
        assert!(error.message.contains("JSON"), "{error:?}");
    }

    #[test]
    fn a_failure_that_nothing_waits_for_is_a_warning() {
        let module = operations(&[
            "fn(s => { Promise.reject(new Error('lost')); Promise.reject(1).catch(() => {}); return s; })",
        ]);
        let warning =
            "a promise failed and nothing waited for it (is an await missing?): Error: lost";
        assert_eq!(logged(&module, "{}"), [(Level::Warn, warning.to_owned())]);
    }
}

mod compile {
    use super::*;

    #[test]
    fn a_syntax_error_says_what_and_where() {
        let engine = Engine::new(FakeHost::new()).expect("the library loads");
        let problem = engine
            .compile("job", "const a = 1;\nlet b = ;\n")
            .expect_err("it does not compile");
        assert_eq!(problem.message, "unexpected token in expression: ';'");
        assert_eq!(problem.at, Some(Position { line: 2, column: 9 }));
    }

    #[test]
    fn an_import_that_leads_nowhere_is_a_problem() {
        let engine = Engine::new(FakeHost::new()).expect("the library loads");
        let problem = engine
            .compile("job", "import { x } from 'util';")
            .expect_err("it does not compile");
        assert_eq!(problem.message, "could not load module 'util'");
    }

    #[test]
    fn a_nul_character_is_a_problem() {
        let engine = Engine::new(FakeHost::new()).expect("the library loads");
        assert!(engine.compile("job", "let a = '\0';").is_err());
    }
}

mod surroundings {
    use super::*;

    #[test]
    fn timers_fire_in_their_order_and_the_host_waits() {
        let host = FakeHost::new();
        let calls = Rc::clone(&host.calls);
        let module = operations(&["fn(async s => {
            const seen = [];
            const wait = ms => new Promise(done => setTimeout(done, ms));
            setTimeout(name => seen.push(name), 3000, 'late');
            clearTimeout(setTimeout(() => seen.push('never'), 1000));
            let ticks = 0;
            const ticking = setInterval(() => { seen.push('tick'); if (++ticks === 2) clearInterval(ticking); }, 500);
            await wait(2000);
            seen.push('first');
            await wait(60000);
            return { seen };
        })"]);
        let state = run_on(host, false, &module, "{}").expect("it runs");
        assert_eq!(state, r#"{"seen":["tick","tick","first","late"]}"#);
        assert!(
            calls
                .slept_ms
                .borrow()
                .iter()
                .all(|slept| (1..=62000).contains(slept)),
            "{:?}",
            calls.slept_ms
        );
    }

    #[test]
    fn random_numbers_follow_the_seed_of_the_run() {
        let numbers = |seed| {
            let host = FakeHost {
                seed,
                ..FakeHost::new()
            };
            let module = operations(&["fn(() => Array.from({ length: 100 }, Math.random))"]);
            let text = run_on(host, false, &module, "{}").expect("it runs");
            serde_json::from_str::<Vec<f64>>(&text).expect("numbers")
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert!(numbers(0).iter().all(|number| (0.0..1.0).contains(number)));
        assert!(
            numbers(3).iter().any(|number| *number > 0.5)
                && numbers(3).iter().any(|number| *number < 0.5)
        );
    }

    #[test]
    fn the_console_writes_readable_bounded_lines() {
        let module = operations(&["fn(s => {
            const cycle = { a: [1, undefined, () => 1] }; cycle.self = cycle;
            console.log('a', 1, null, undefined, { b: 'c' }, [2], cycle);
            console.warn('%s has %d%%', 'Ann', 5, { more: true });
            console.error(Object.assign(new TypeError('bad'), { code: 'E' }));
            console.debug(new Map([[1, 2]]), new Set([3]), Symbol('s'), 10n, function named() {});
            console.info('😀'.repeat(9000));
            return s;
        })"]);
        let lines = logged(&module, "{}");
        assert_eq!(
            lines[0],
            (Level::Info, r#"a 1 null undefined {"b":"c"} [2] {"a":[1,null,"[Function]"],"self":"[Circular]"}"#.to_owned())
        );
        assert_eq!(
            lines[1],
            (Level::Warn, r#"Ann has 5% {"more":true}"#.to_owned())
        );
        assert_eq!(
            lines[2],
            (Level::Error, r#"TypeError: bad {"code":"E"}"#.to_owned())
        );
        assert_eq!(
            lines[3],
            (
                Level::Debug,
                r#"{"Map":[[1,2]]} {"Set":[3]} Symbol(s) 10 [Function: named]"#.to_owned()
            )
        );
        assert!(
            lines[4].1.ends_with("… (9808 more characters)"),
            "{}",
            lines[4].1
        );
    }

    #[test]
    fn log_and_debug_are_operations_over_values_of_state() {
        let module = operations(&[
            "log('data', s => s.data, { at: s => s.index })",
            "debug(s => s.data)",
        ]);
        let lines = logged(&module, r#"{"data":5,"index":1}"#);
        assert_eq!(
            lines,
            [
                (Level::Info, r#"data 5 {"at":1}"#.to_owned()),
                (Level::Debug, "5".to_owned())
            ]
        );
    }

    #[test]
    fn the_host_cannot_be_reached_past_the_library() {
        assert_eq!(
            state_of(
                &operations(&["fn(() => ({ found: typeof globalThis.__fonio }))"]),
                "{}"
            ),
            r#"{"found":"undefined"}"#
        );
    }
}
