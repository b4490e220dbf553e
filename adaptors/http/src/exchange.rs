//! A request sent, and its redirects followed: each hop is a new request, so the host checks each address anew.

use fonio_sdk::http::{Method, Request, Response, Url};
use fonio_sdk::{Call, Error};

use crate::auth;

/// Sends a request and follows at most `max_redirections` redirects; beyond them the redirect itself is the answer. The timeout is
/// for all hops together.
pub fn send(call: &Call, mut request: Request, max_redirections: u64) -> Result<Response, Error> {
    let mut elapsed = std::time::Duration::ZERO;
    let mut hops = 0;
    loop {
        let mut response = call.send(&request)?;
        elapsed += response.duration;
        request.timeout = request.timeout.saturating_sub(response.duration);
        response.duration = elapsed;
        match location(&request, &response)? {
            Some(next) if hops < max_redirections => {
                follow(call, &mut request, next, response.status)
            }
            _ => return Ok(response),
        }
        hops += 1;
    }
}

fn location(request: &Request, response: &Response) -> Result<Option<Url>, Error> {
    let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
    let location = response.headers.get("location").filter(|_| is_redirect);
    location
        .map(|location| request.url.join(location))
        .transpose()
}

/// RFC 9110 section 15.4: 303 becomes a `GET`, 301 and 302 do so for a `POST`; another origin gets none of our secrets.
fn follow(call: &Call, request: &mut Request, next: Url, status: u16) {
    let becomes_get = match status {
        303 => request.method != Method::Head,
        301 | 302 => request.method == Method::Post,
        _ => false,
    };
    if becomes_get {
        request.method = Method::Get;
        request.body.clear();
        request.headers.remove("content-type");
    }
    if next.origin() != request.url.origin() {
        auth::unsign(request, call.state());
    }
    request.url = next;
}
