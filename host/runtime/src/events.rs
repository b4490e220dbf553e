//! `host.publish`: what the library's `events.js` asks of the host.

use std::rc::Rc;

use rquickjs::{Ctx, Function, Object, Result};

use crate::collections::answer;
use crate::host::Host;
use crate::text::well_formed;

pub(crate) fn install<'js>(
    ctx: &Ctx<'js>,
    bindings: &Object<'js>,
    host: &Rc<dyn Host>,
) -> Result<()> {
    let host = Rc::clone(host);
    let publish = Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, name: String, payload: String| {
            let published = host.publish(&name, &well_formed(&payload));
            answer(&ctx, published.map(|()| true))
        },
    )?;
    bindings.set("publish", publish)
}
