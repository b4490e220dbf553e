//! Promises that failed while nothing waited for them.
//!
//! A job that forgets an `await` would lose such a failure without a trace; it becomes a warning in the log.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::{Coerced, FromJs, Runtime, Value};

use crate::host::{Host, Level};

/// The rejected promises that nothing has handled so far: which one, and why it failed.
#[derive(Default)]
pub(crate) struct Rejections(RefCell<Vec<(usize, String)>>);

impl Rejections {
    pub(crate) fn track(runtime: &Runtime) -> Rc<Self> {
        let rejections = Rc::new(Self::default());
        let tracked = Rc::clone(&rejections);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |ctx, promise, reason, handled| {
                let which = identity(&promise);
                let mut open = tracked.0.borrow_mut();
                if handled {
                    // The last one: an address may be that of an earlier promise that is gone.
                    if let Some(at) = open.iter().rposition(|(other, _)| *other == which) {
                        open.remove(at);
                    }
                } else {
                    let reason = Coerced::<String>::from_js(&ctx, reason).map(|text| text.0);
                    open.push((
                        which,
                        reason.unwrap_or_else(|_| {
                            ctx.catch();
                            "for a reason that cannot be shown".to_owned()
                        }),
                    ));
                }
            },
        )));
        rejections
    }

    pub(crate) fn report(&self, host: &dyn Host) {
        for (_, reason) in self.0.borrow_mut().drain(..) {
            host.log(
                Level::Warn,
                &format!(
                    "a promise failed and nothing waited for it (is an await missing?): {reason}"
                ),
            );
        }
    }
}

fn identity(promise: &Value<'_>) -> usize {
    promise.as_object().map_or(0, |object| {
        // SAFETY: the pointer is only compared, never followed.
        unsafe { rquickjs::qjs::JS_VALUE_GET_PTR(object.as_value().as_raw()) as usize }
    })
}
