//! A package in the engine: one ES module that exports the package as `adaptor` and imports nothing but `fonio:host`.

use std::cell::Cell;
use std::rc::Rc;

use rquickjs::{Ctx, Exception, Function, Module, Object, Result};

use crate::library::evaluated;
use crate::natives;
use crate::outside::Outside;

/// The name of the package's module in stack traces.
const NAME: &str = "adaptor";
/// What the compatibility layer imports.
const HOST_MODULE: &str = "fonio:host";

/// Evaluates the package, puts its exports in the place of the common operations of the same name, and gives their names
/// as `adopt` in `library/package.js` tells them.
pub(crate) fn load<'js>(
    ctx: &Ctx<'js>,
    library: &Object<'js>,
    outside: &Rc<dyn Outside>,
    source: &str,
) -> Result<String> {
    let random = Random::new(outside);
    let natives = Object::new(ctx.clone())?;
    let drawn = Rc::clone(&random);
    natives::install(ctx, &natives, move || drawn.draw())?;
    let host: String = library
        .get::<_, Function<'js>>("hostModule")?
        .call((natives,))?;
    evaluated(ctx, Module::declare(ctx.clone(), HOST_MODULE, host)?)?;
    let namespace = evaluated(ctx, Module::declare(ctx.clone(), NAME, source)?)?;
    if random.drawn_while_loading() {
        return Err(Exception::throw_message(
            ctx,
            "it draws random bytes while it loads: every step would start with the same",
        ));
    }
    library.get::<_, Function<'js>>("adopt")?.call((namespace,))
}

/// Chance for the natives, which must not be asked for before the snapshot.
struct Random {
    outside: Rc<dyn Outside>,
    stage: Cell<Stage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Loading,
    DrawnWhileLoading,
    Running,
}

impl Random {
    fn new(outside: &Rc<dyn Outside>) -> Rc<Self> {
        Rc::new(Self {
            outside: Rc::clone(outside),
            stage: Cell::new(Stage::Loading),
        })
    }

    /// A number in [0, 1) with 53 random bits.
    fn draw(&self) -> f64 {
        if self.stage.get() == Stage::Running {
            return (self.outside.random_bits() >> 11) as f64 / (1u64 << 53) as f64;
        }
        self.stage.set(Stage::DrawnWhileLoading);
        0.0
    }

    fn drawn_while_loading(&self) -> bool {
        self.stage.replace(Stage::Running) == Stage::DrawnWhileLoading
    }
}
