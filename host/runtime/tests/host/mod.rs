//! A host of the tests' own.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use fonio_runtime::{
    Engine, Failure, Host, ItemPage, ItemQuery, Job, JobError, Level, Operation, Reply,
};

/// What the engine asked of the host, in order.
#[derive(Default)]
pub struct Calls {
    pub log: RefCell<Vec<(Level, String)>>,
    pub invoked: RefCell<Vec<(String, String, String)>>,
    pub slept_ms: RefCell<Vec<u64>>,
    pub kept: RefCell<BTreeMap<String, String>>,
    pub queries: RefCell<Vec<ItemQuery>>,
    pub published: RefCell<Vec<(String, String)>>,
}

type Answer = Box<dyn Fn(&str, &str) -> Result<Reply, Failure>>;

pub struct FakeHost {
    pub calls: Rc<Calls>,
    pub answer: Answer,
    pub seed: u64,
}

impl FakeHost {
    pub fn new() -> Self {
        Self {
            calls: Rc::default(),
            answer: Box::new(|operation, arguments| {
                Ok(Reply {
                    data: format!(r#"{{"{operation}":{arguments}}}"#),
                    response: Some(r#"{"status":200}"#.into()),
                })
            }),
            seed: 7,
        }
    }
}

/// This host has the collection `facilities` alone.
fn unknown(collection: &str) -> Result<(), Failure> {
    if collection == "facilities" {
        return Ok(());
    }
    Err(Failure {
        code: "COLLECTION_NOT_FOUND".into(),
        message: format!("there is no {collection}"),
        details: "{}".into(),
    })
}

impl Host for FakeHost {
    fn invoke(&self, operation: &str, arguments: &str, state: &str) -> Result<Reply, Failure> {
        self.calls
            .invoked
            .borrow_mut()
            .push((operation.into(), arguments.into(), state.into()));
        (self.answer)(operation, arguments)
    }

    fn collection_get(&self, collection: &str, key: &str) -> Result<Option<String>, Failure> {
        let kept = self.calls.kept.borrow();
        unknown(collection).map(|()| kept.get(key).cloned())
    }

    fn collection_list(
        &self,
        collection: &str,
        query: &ItemQuery,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<ItemPage, Failure> {
        unknown(collection)?;
        self.calls.queries.borrow_mut().push(query.clone());
        let kept = self.calls.kept.borrow();
        let after = kept
            .iter()
            .filter(|(key, _)| cursor.is_none_or(|cursor| key.as_str() > cursor));
        let mut items: Vec<(String, String)> = after
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let cursor = items.last().map(|(key, _)| key.clone()).filter(|_| more);
        Ok(ItemPage { items, cursor })
    }

    fn collection_set(
        &self,
        collection: &str,
        items: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        unknown(collection)?;
        self.calls.kept.borrow_mut().extend(items);
        Ok(())
    }

    fn collection_remove(
        &self,
        collection: &str,
        query: &ItemQuery,
    ) -> Result<Vec<String>, Failure> {
        unknown(collection)?;
        self.calls.kept.borrow_mut().remove(&query.keys);
        Ok(vec![query.keys.clone()])
    }

    fn publish(&self, name: &str, payload: &str) -> Result<(), Failure> {
        if name == "secret" {
            return Err(Failure {
                code: "DENIED".into(),
                message: "not granted to publish secret".into(),
                details: "{}".into(),
            });
        }
        let published = (name.to_owned(), payload.to_owned());
        self.calls.published.borrow_mut().push(published);
        Ok(())
    }

    fn random_seed(&self) -> u64 {
        self.seed
    }

    fn sleep(&self, milliseconds: u64) {
        self.calls.slept_ms.borrow_mut().push(milliseconds);
    }

    fn log(&self, level: Level, message: &str) {
        self.calls.log.borrow_mut().push((level, message.into()));
    }
}

/// Compiles `module` under the name `job` and runs it on `host`, with an adaptor that has `get(path, options)`
/// and `post(path, body, options)` if `with_adaptor`.
pub fn run_on(
    host: FakeHost,
    with_adaptor: bool,
    module: &str,
    state: &str,
) -> Result<String, Box<JobError>> {
    let bytecode = Engine::new(FakeHost::new())
        .expect("the library loads")
        .compile("job", module)
        .expect("the module compiles");
    let operation = |name: &str, parameters| Operation {
        name: name.into(),
        parameters,
        options: vec!["body".into(), "headers".into()],
    };
    let operations = if with_adaptor {
        vec![operation("get", 2), operation("post", 3)]
    } else {
        Vec::new()
    };
    Engine::new(host).expect("the library loads").run(&Job {
        bytecode,
        operations,
        state: state.into(),
    })
}

pub fn run(module: &str, state: &str) -> Result<String, Box<JobError>> {
    run_on(FakeHost::new(), false, module, state)
}

/// The final state of a job whose operations these are, one a line, as the job compiler writes them.
pub fn operations(lines: &[&str]) -> String {
    let operation =
        |(at, line): (usize, &&str)| format!("__operation(async () => ({line}), {});\n", at + 1);
    lines.iter().enumerate().map(operation).collect()
}
