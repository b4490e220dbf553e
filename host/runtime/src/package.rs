//! A package in the engine: one ES module that exports the package as `adaptor` and imports nothing but `fonio:host`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use rquickjs::{CaughtError, Ctx, Exception, Function, Module, Object, Result};

use crate::library::evaluated;
use crate::natives;
use crate::outside::{Ended, Outside, Request, RequestId};

/// The name of the package's module in stack traces.
const NAME: &str = "adaptor";
/// What the compatibility layer imports.
const HOST_MODULE: &str = "fonio:host";

/// Evaluates the package, puts its exports in the place of the common operations of the same name, and gives their names
/// as `adopt` in `library/package.js` tells them.
pub(crate) fn load<'js>(
    ctx: &Ctx<'js>,
    library: &Object<'js>,
    gate: &Rc<Gate>,
    source: &str,
) -> Result<String> {
    let adopted = adopt(ctx, library, gate, source);
    let Some(asked) = gate.open() else {
        return adopted;
    };
    // Whatever the package made of it, an error included.
    ctx.catch();
    Err(Exception::throw_message(ctx, &asked))
}

fn adopt<'js>(
    ctx: &Ctx<'js>,
    library: &Object<'js>,
    gate: &Rc<Gate>,
    source: &str,
) -> Result<String> {
    let natives = Object::new(ctx.clone())?;
    let random = Rc::clone(gate);
    natives::install(ctx, &natives, move || random.draw())?;
    let host: String = library
        .get::<_, Function<'js>>("hostModule")?
        .call((natives,))?;
    evaluated(ctx, Module::declare(ctx.clone(), HOST_MODULE, host)?)?;
    let namespace = evaluated(ctx, Module::declare(ctx.clone(), NAME, source)?)?;
    library.get::<_, Function<'js>>("adopt")?.call((namespace,))
}

/// What a package threw while it loaded, for a person: anything can be thrown.
pub(crate) fn thrown<'js>(library: &Object<'js>, fault: &CaughtError<'js>) -> String {
    let CaughtError::Value(value) = fault else {
        return fault.to_string();
    };
    let described = || -> Result<String> {
        let failed: Function<'js> = library.get("failed")?;
        let report: Object<'js> = failed.call((value.clone(),))?;
        let error: Object<'js> = report.get("error")?;
        error.get("message")
    };
    described().map_or_else(
        |_| fault.to_string(),
        |message| format!("it throws {message}"),
    )
}

/// Stands before the outside until the package is loaded. There is no network before the snapshot and no chance: a package
/// that asks for either is not loaded, because every step would start with the same answer.
pub(crate) struct Gate {
    outside: Rc<dyn Outside>,
    is_open: Cell<bool>,
    /// Why the package cannot be loaded: the first thing that it asked for.
    asked: RefCell<Option<String>>,
}

impl Gate {
    pub(crate) fn closed(outside: impl Outside + 'static) -> Rc<Gate> {
        Rc::new(Gate {
            outside: Rc::new(outside),
            is_open: Cell::new(false),
            asked: RefCell::default(),
        })
    }

    /// For the steps to come; gives what was asked for too early.
    fn open(&self) -> Option<String> {
        self.is_open.set(true);
        self.asked.take()
    }

    fn refuse(&self, asked: impl FnOnce() -> String) {
        self.asked.borrow_mut().get_or_insert_with(asked);
    }

    /// A number in [0, 1) with 53 random bits.
    fn draw(&self) -> f64 {
        if self.is_open.get() {
            return (self.outside.random_bits() >> 11) as f64 / (1u64 << 53) as f64;
        }
        self.refuse(|| {
            "it draws random bytes while it loads: every step would start with the same".to_owned()
        });
        0.0
    }
}

impl Outside for Gate {
    fn send(&self, id: RequestId, request: Request) {
        if self.is_open.get() {
            return self.outside.send(id, request);
        }
        self.refuse(|| {
            format!(
                "it requests {} {} while it loads, when there is no network: a package is loaded once, here, and every \
                 step starts from what that left. A request belongs in an operation",
                request.method, request.url
            )
        });
    }

    fn wait(&self, at_most: Option<Duration>) -> Vec<Ended> {
        self.outside.wait(at_most)
    }

    fn random_bits(&self) -> u64 {
        self.outside.random_bits()
    }
}
