//! Addresses, by the WHATWG's rules.

use rquickjs::{Ctx, Function, Object, Result};
use url::{Url, quirks};

pub(super) fn install<'js>(ctx: &Ctx<'js>, module: &Object<'js>) -> Result<()> {
    module.set("parseUrl", Function::new(ctx.clone(), parse_url)?)?;
    module.set("setUrl", Function::new(ctx.clone(), set_url)?)
}

/// `parseUrl(href, base)`: the parts under their web names, or undefined if it is no address.
fn parse_url<'js>(
    ctx: Ctx<'js>,
    href: String,
    base: Option<String>,
) -> Result<Option<Object<'js>>> {
    let base = match base.as_deref().map(Url::parse) {
        Some(Err(_)) => return Ok(None),
        Some(Ok(base)) => Some(base),
        None => None,
    };
    Url::options()
        .base_url(base.as_ref())
        .parse(&href)
        .ok()
        .map(|url| parts(ctx, &url))
        .transpose()
}

/// `setUrl(href, part, value)`: the parts with one replaced. A value that the part cannot have changes nothing, which is
/// the web's rule; undefined if `href` is no address.
fn set_url<'js>(
    ctx: Ctx<'js>,
    href: String,
    part: String,
    value: String,
) -> Result<Option<Object<'js>>> {
    let Ok(mut url) = Url::parse(&href) else {
        return Ok(None);
    };
    // What a setter answers is whether it changed anything.
    let _ = match part.as_str() {
        "protocol" => quirks::set_protocol(&mut url, &value),
        "username" => quirks::set_username(&mut url, &value),
        "password" => quirks::set_password(&mut url, &value),
        "host" => quirks::set_host(&mut url, &value),
        "hostname" => quirks::set_hostname(&mut url, &value),
        "port" => quirks::set_port(&mut url, &value),
        "pathname" => {
            quirks::set_pathname(&mut url, &value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, &value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(&mut url, &value);
            Ok(())
        }
        _ => Err(()),
    };
    parts(ctx, &url).map(Some)
}

fn parts<'js>(ctx: Ctx<'js>, url: &Url) -> Result<Object<'js>> {
    let parts = Object::new(ctx)?;
    parts.set("href", quirks::href(url))?;
    parts.set("origin", quirks::origin(url))?;
    parts.set("protocol", quirks::protocol(url))?;
    parts.set("username", quirks::username(url))?;
    parts.set("password", quirks::password(url))?;
    parts.set("host", quirks::host(url))?;
    parts.set("hostname", quirks::hostname(url))?;
    parts.set("port", quirks::port(url))?;
    parts.set("pathname", quirks::pathname(url))?;
    parts.set("search", quirks::search(url))?;
    parts.set("hash", quirks::hash(url))?;
    Ok(parts)
}
