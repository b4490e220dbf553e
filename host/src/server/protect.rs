//! Headers that every reply carries, whatever it is: they tell browsers what not to do with it.

use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue};

use super::Body;

const ALWAYS: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];
/// For everything but the page, which has its own: an answer that is opened as one runs nothing.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// A year, after which a browser that came back meanwhile starts anew.
const ONLY_TLS: &str = "max-age=31536000";

/// Adds them. `by_tls` is whether this very connection is: a host without TLS must not promise it.
pub fn protect(mut response: Response<Body>, path: &str, by_tls: bool) -> Response<Body> {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(POLICY));
    if path.starts_with("/api/") || path == "/metrics" {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if by_tls {
        let name = HeaderName::from_static("strict-transport-security");
        headers.insert(name, HeaderValue::from_static(ONLY_TLS));
    }
    response
}
