//! A package in the engine: what it exports, how its operations run, and its requests.

mod host;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use fonio_runtime::outside::{Ended, Outside, Request, RequestId, Response, SendError};
use fonio_runtime::{Engine, Job, JobError};
use host::{FakeHost, operations};

/// Requests and what was made of them.
#[derive(Default)]
struct Traffic {
    under_way: RefCell<Vec<(RequestId, Request)>>,
    seen: RefCell<Vec<Request>>,
    most_at_once: RefCell<usize>,
    waits: RefCell<Vec<Option<Duration>>>,
}

/// A far side that answers the request sent last first, with its body; `slow` ones are never done in time for a timer,
/// and `refused` ones fail.
struct FarSide(Rc<Traffic>);

impl Outside for FarSide {
    fn send(&self, id: RequestId, request: Request) {
        self.0.seen.borrow_mut().push(request.clone());
        let mut under_way = self.0.under_way.borrow_mut();
        under_way.push((id, request));
        let mut most = self.0.most_at_once.borrow_mut();
        *most = most.max(under_way.len());
    }

    fn wait(&self, at_most: Option<Duration>) -> Vec<Ended> {
        self.0.waits.borrow_mut().push(at_most);
        let mut under_way = self.0.under_way.borrow_mut();
        let slow = |request: &Request| at_most.is_some() && request.url.contains("slow");
        let Some(at) = under_way.iter().rposition(|(_, request)| !slow(request)) else {
            return Vec::new();
        };
        let (id, request) = under_way.remove(at);
        let ended = if request.url.contains("refused") {
            Err(SendError {
                code: "ECONNREFUSED".into(),
                message: "nobody is there".into(),
            })
        } else {
            Ok(Response {
                status: 200,
                headers: vec![("x-url".into(), request.url)],
                body: request.body.unwrap_or_default(),
            })
        };
        vec![(id, ended)]
    }

    fn random_bits(&self) -> u64 {
        0x9e37_79b9_7f4a_7c15
    }
}

const PACKAGE: &str = r#"
    import { send, randomBytes } from 'fonio:host';
    const request = url => send({ method: 'post', url, headers: [['a', 'b']], body: new Uint8Array([1, 2]), timeoutMs: 5000 });
    const get = url => async state => {
        const { status, headers, body } = await request(url);
        return { ...state, data: { status, headers, body: Array.from(body) } };
    };
    const all = (...urls) => async state => {
        const replies = await Promise.all(urls.map(request));
        return { ...state, data: replies.map(reply => reply.headers[0][1]) };
    };
    const race = url => async state => {
        const timer = new Promise(resolve => setTimeout(resolve, 20, 'the timer'));
        return { ...state, first: await Promise.race([timer, request(url).then(() => 'the reply')]) };
    };
    const bytes = () => state => ({ ...state, bytes: randomBytes(4).length });
    const fn = operation => state => operation({ ...state, own: true });
    const fail = () => state => { state.touched = true; throw new TypeError('it went wrong'); };
    const execute = (...steps) => async state => {
        let current = { ...state, loggedIn: true };
        for (const step of steps) current = await step(current);
        return { ...current, loggedOut: true };
    };
    export const adaptor = { get, all, race, bytes, fn, fail, execute, http: { get, deep: { get } }, version: '1.0.0' };
"#;

fn engine(source: &str) -> Result<(Engine, String, Rc<Traffic>), String> {
    let traffic = Rc::<Traffic>::default();
    let far_side = FarSide(Rc::clone(&traffic));
    Engine::for_package(FakeHost::new(), far_side, source)
        .map(|(engine, exports)| (engine, exports, traffic))
        .map_err(|error| error.to_string())
}

fn run_with(
    source: &str,
    module: &str,
    state: &str,
) -> (Result<String, Box<JobError>>, Rc<Traffic>) {
    let compile = |engine: &Engine| engine.compile("job", module).expect("the module compiles");
    let (compiler, ..) = engine(source).expect("the package loads");
    let (engine, _, traffic) = engine(source).expect("the package loads");
    let ended = engine.run(&Job {
        bytecode: compile(&compiler),
        operations: Vec::new(),
        state: state.into(),
    });
    (ended, traffic)
}

fn run(lines: &[&str], state: &str) -> (Result<String, Box<JobError>>, Rc<Traffic>) {
    run_with(PACKAGE, &operations(lines), state)
}

fn state_of(lines: &[&str], state: &str) -> String {
    run(lines, state).0.expect("the job succeeds")
}

mod exports {
    use super::*;

    #[test]
    fn the_names_are_told_with_those_in_namespaces() {
        let (_, exports, _) = engine(PACKAGE).expect("it loads");
        assert_eq!(
            exports,
            r#"{"exports":{"get":1,"all":0,"race":1,"bytes":0,"fn":1,"fail":0,"execute":0,"http":{"get":1,"deep":{"get":1}},"version":null},"skipped":{}}"#
        );
    }

    #[test]
    fn what_cannot_be_read_is_skipped_and_the_rest_is_there() {
        let source = "const no = { get() { throw { message: 'not today' }; }, enumerable: true };
            const http = Object.defineProperty({ get: () => state => state }, 'old', no);
            export const adaptor = Object.defineProperty({ hello: () => state => ({ said: 'hello' }), http }, 'worse', no);";
        let (_, exports, _) = engine(source).expect("it loads");
        assert_eq!(
            exports,
            r#"{"exports":{"hello":0,"http":{"get":0}},"skipped":{"worse":"not today","http.old":"not today"}}"#
        );
        let (ended, _) = run_with(source, &operations(&["hello()"]), "{}");
        assert_eq!(ended.expect("it succeeds"), r#"{"said":"hello"}"#);
    }

    #[test]
    fn a_packages_own_names_stand_before_the_common_ones_and_the_others_stay() {
        let source = "export const adaptor = { fn: operation => state => operation({ ...state, own: true }) };";
        let module = operations(&[
            "fn(state => state)",
            "alterState(state => ({ ...state, common: true }))",
        ]);
        let (ended, _) = run_with(source, &module, "{}");
        assert_eq!(ended.expect("it succeeds"), r#"{"own":true,"common":true}"#);
    }

    #[test]
    fn a_package_that_exports_one_default_object_exports_its_members() {
        let source =
            "export const adaptor = { default: { hello: () => state => ({ said: 'hello' }) } };";
        let (ended, _) = run_with(source, &operations(&["hello()"]), "{}");
        assert_eq!(ended.expect("it succeeds"), r#"{"said":"hello"}"#);
    }
}

mod running {
    use super::*;

    #[test]
    fn the_packages_own_execute_runs_the_operations() {
        assert_eq!(
            state_of(&["fn(state => ({ ...state, seen: state.loggedIn }))"], "{}"),
            r#"{"loggedIn":true,"own":true,"seen":true,"loggedOut":true}"#
        );
    }

    #[test]
    fn a_failure_keeps_its_place_in_the_job_and_the_state_that_the_operation_got() {
        let error = run(&["fn(state => ({ ...state, one: 1 }))", "fail()"], "{}")
            .0
            .expect_err("it fails");
        assert_eq!(
            (error.name.as_str(), error.message.as_str()),
            ("TypeError", "it went wrong")
        );
        assert_eq!(error.at.map(|at| at.line), Some(2));
        assert_eq!(
            error.state.as_deref(),
            Some(r#"{"loggedIn":true,"own":true,"one":1,"touched":true}"#)
        );
    }

    #[test]
    fn an_operation_that_returns_nothing_gives_the_next_an_empty_state() {
        assert_eq!(
            state_of(
                &[
                    "fn(() => undefined)",
                    "fn(state => ({ ...state, next: true }))"
                ],
                "{}"
            ),
            r#"{"own":true,"next":true,"loggedOut":true}"#
        );
    }
}

mod requests {
    use super::*;

    #[test]
    fn a_request_goes_out_whole_and_its_reply_comes_back_whole() {
        let (ended, traffic) = run(&["get('http://far/side')"], "{}");
        let state: serde_json::Value =
            serde_json::from_str(&ended.expect("it succeeds")).expect("JSON");
        assert_eq!(
            state["data"],
            serde_json::json!({"status": 200, "headers": [["x-url", "http://far/side"]], "body": [1, 2]})
        );
        let expected = Request {
            method: "POST".into(),
            url: "http://far/side".into(),
            headers: vec![("a".into(), "b".into())],
            body: Some(vec![1, 2]),
            timeout: Duration::from_secs(5),
        };
        assert_eq!(*traffic.seen.borrow(), [expected]);
        assert_eq!(*traffic.waits.borrow(), [None]);
    }

    #[test]
    fn several_are_under_way_at_once_and_each_reply_finds_its_own_request() {
        let (ended, traffic) = run(&["all('http://a', 'http://b', 'http://c')"], "{}");
        let ended = ended.expect("it succeeds");
        assert!(
            ended.contains(r#""data":["http://a","http://b","http://c"]"#),
            "{ended}"
        );
        assert_eq!(*traffic.most_at_once.borrow(), 3);
    }

    #[test]
    fn a_timer_that_is_due_does_not_wait_for_a_reply() {
        let (ended, traffic) = run(&["race('http://slow')"], "{}");
        let ended = ended.expect("it succeeds");
        assert!(ended.contains(r#""first":"the timer""#), "{ended}");
        let longest = traffic.waits.borrow().iter().flatten().max().copied();
        assert!(
            longest.is_some_and(|wait| wait <= Duration::from_millis(20)),
            "{longest:?}"
        );
    }

    #[test]
    fn a_reply_does_not_wait_for_a_timer() {
        let state = state_of(&["race('http://quick')"], "{}");
        assert!(state.contains(r#""first":"the reply""#), "{state}");
    }

    #[test]
    fn one_that_fails_throws_an_error_with_its_code_in_the_job() {
        let error = run(&["get('http://refused')"], "{}")
            .0
            .expect_err("it fails");
        assert_eq!(error.code.as_deref(), Some("ECONNREFUSED"));
        assert_eq!(error.message, "nobody is there");
        assert_eq!(error.at.map(|at| at.line), Some(1));
    }

    #[test]
    fn random_bytes_come_from_the_outside() {
        let state = state_of(&["bytes()"], "{}");
        assert!(state.contains(r#""bytes":4"#), "{state}");
    }
}

mod what_does_not_load {
    use super::*;

    fn fault(source: &str) -> String {
        engine(source).map(|_| ()).expect_err("it does not load")
    }

    #[test]
    fn a_package_that_throws_says_what() {
        let fault = fault("throw new Error('no such luck'); export const adaptor = {};");
        assert!(fault.contains("no such luck"), "{fault}");
    }

    #[test]
    fn a_package_that_waits_while_it_loads_is_refused() {
        let fault = fault("await new Promise(() => {}); export const adaptor = {};");
        assert!(
            fault.contains("it waits for something while it loads"),
            "{fault}"
        );
    }

    #[test]
    fn a_package_that_draws_random_bytes_while_it_loads_is_refused() {
        let fault = fault(
            "import { randomBytes } from 'fonio:host'; const key = randomBytes(8); export const adaptor = { key };",
        );
        assert!(
            fault.contains("it draws random bytes while it loads"),
            "{fault}"
        );
    }

    #[test]
    fn a_package_that_asks_for_the_network_while_it_loads_is_refused_with_the_request() {
        let send = "send({ method: 'get', url: 'http://x.test/v' })";
        for source in [
            format!("export const adaptor = {{ version: await {send} }};"),
            format!("{send}.catch(() => {{}}); export const adaptor = {{}};"),
            format!("{send}; throw new Error('no reply');"),
            format!("export const adaptor = {{ get version() {{ {send}; throw 0; }} }};"),
        ] {
            let fault = fault(&format!("import {{ send }} from 'fonio:host'; {source}"));
            assert!(
                fault.contains("it requests GET http://x.test/v while it loads"),
                "{source}: {fault}"
            );
        }
    }

    #[test]
    fn whatever_it_throws_while_it_loads_is_shown() {
        for (thrown, words) in [
            ("{ message: 'no key' }", "it throws no key"),
            ("{ code: 7 }", "code"),
            ("'plain'", "it throws plain"),
            ("undefined", "it throws undefined"),
            ("Object.create(null)", "it throws"),
            ("{ get message() { throw 1; } }", "cannot be shown"),
            ("new RangeError('too far')", "too far"),
        ] {
            let fault = fault(&format!("throw {thrown};"));
            assert!(fault.contains(words), "{thrown}: {fault}");
            assert!(!fault.contains("(0x"), "{thrown}: {fault}");
        }
    }

    #[test]
    fn a_syntax_error_is_told_with_its_place() {
        let fault = fault("export const adaptor = {;");
        assert!(fault.contains("at adaptor:1:25"), "{fault}");
    }
}
