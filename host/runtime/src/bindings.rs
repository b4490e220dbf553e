//! The host functions that the library sees, as one object that the library's `host.js` takes over.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rquickjs::{Coerced, Ctx, Function, Object, Result, TypedArray, Value};

use crate::host::{Host, Level};
use crate::outside::{Outside, Request};
use crate::text::well_formed;

/// The global under which `host.js` finds the object. It takes it away at once.
const GLOBAL: &str = "__fonio";

/// The state of `Math.random`. QuickJS seeds its own generator when a context starts, which the snapshot would freeze:
/// every step would draw the same numbers.
#[derive(Default)]
pub(crate) struct Random(Cell<u64>);

impl Random {
    pub(crate) fn seed(&self, seed: u64) {
        // Xorshift stays at zero for ever once it is there.
        self.0.set(seed.max(1));
    }

    /// A number in [0, 1) with 53 random bits, by xorshift64*.
    fn next(&self) -> f64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        let bits = x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }
}

pub(crate) fn install(
    ctx: &Ctx<'_>,
    host: &Rc<dyn Host>,
    outside: Option<&Rc<dyn Outside>>,
    random: &Rc<Random>,
) -> Result<()> {
    let bindings = Object::new(ctx.clone())?;

    let to = Rc::clone(host);
    bindings.set(
        "log",
        Function::new(ctx.clone(), move |level: u8, line: String| {
            to.log(severity(level), &line)
        })?,
    )?;
    bindings.set("invoke", invoke(ctx, host)?)?;
    crate::collections::install(ctx, &bindings, host)?;
    crate::events::install(ctx, &bindings, host)?;

    if let Some(outside) = outside {
        let to = Rc::clone(outside);
        bindings.set(
            "send",
            Function::new(
                ctx.clone(),
                move |id: u32, asked: Object<'_>| -> Result<()> {
                    to.send(id, request(&asked)?);
                    Ok(())
                },
            )?,
        )?;
    }

    let random = Rc::clone(random);
    bindings.set("random", Function::new(ctx.clone(), move || random.next())?)?;

    ctx.globals().set(GLOBAL, bindings)
}

fn severity(level: u8) -> Level {
    match level {
        0 => Level::Debug,
        1 => Level::Info,
        2 => Level::Warn,
        _ => Level::Error,
    }
}

/// From `{ method, url, headers: [[name, value]], body, timeoutMs }`.
fn request(asked: &Object<'_>) -> Result<Request> {
    let headers: Vec<Vec<Coerced<String>>> = asked.get("headers")?;
    let pair = |header: Vec<Coerced<String>>| {
        let mut parts = header.into_iter().map(|part| part.0);
        Some((parts.next()?, parts.next()?))
    };
    let body: Option<TypedArray<'_, u8>> = asked.get("body")?;
    let timeout_ms: f64 = asked.get("timeoutMs")?;
    Ok(Request {
        method: asked.get::<_, String>("method")?.to_ascii_uppercase(),
        url: asked.get("url")?,
        headers: headers.into_iter().filter_map(pair).collect(),
        // SAFETY: no JavaScript runs while the bytes are copied.
        body: body.map(|body| unsafe { body.as_bytes() }.unwrap_or_default().to_vec()),
        timeout: Duration::from_millis(timeout_ms.max(0.0) as u64),
    })
}

/// `invoke(operation, arguments, state)`: gives `{ data, response }`, or `{ failure: { code, message, details } }`.
fn invoke<'js>(ctx: &Ctx<'js>, host: &Rc<dyn Host>) -> Result<Function<'js>> {
    let host = Rc::clone(host);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>,
              operation: String,
              arguments: Value<'js>,
              state: Value<'js>|
              -> Result<Object<'js>> {
            let arguments = stringify(&ctx, arguments)?;
            let state = stringify(&ctx, state)?;
            let result = Object::new(ctx.clone())?;
            match host.invoke(&operation, &arguments, &state) {
                Ok(reply) => {
                    result.set("data", ctx.json_parse(reply.data)?)?;
                    if let Some(response) = reply.response {
                        result.set("response", ctx.json_parse(response)?)?;
                    }
                }
                Err(failure) => {
                    let described = Object::new(ctx.clone())?;
                    described.set("code", failure.code)?;
                    described.set("message", failure.message)?;
                    described.set("details", ctx.json_parse(failure.details)?)?;
                    result.set("failure", described)?;
                }
            }
            Ok(result)
        },
    )
}

/// JSON text of a value; what JSON cannot hold (`undefined`, a function) is `null`.
pub(crate) fn stringify<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<String> {
    match ctx.json_stringify(value)? {
        Some(text) => {
            let text = text.to_string()?;
            Ok(match well_formed(&text) {
                std::borrow::Cow::Borrowed(_) => text,
                std::borrow::Cow::Owned(fixed) => fixed,
            })
        }
        None => Ok("null".to_owned()),
    }
}
