//! Headers that every reply carries, whatever it is: they tell browsers what not to do with it.

use http::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::Body;

/// Ready as they are: nothing is looked up for each reply.
static ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];
/// For everything but the page, which has its own: an answer that is opened as one runs nothing.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// A year, after which a browser that came back meanwhile starts anew.
const ONLY_TLS: &str = "max-age=31536000";

/// Adds them. `by_tls` is whether this very connection is: a host without TLS must not promise it.
pub fn protect(mut response: Response<Body>, path: &str, by_tls: bool) -> Response<Body> {
    let headers = response.headers_mut();
    for (name, value) in &ALWAYS {
        headers.insert(name, value.clone());
    }
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(POLICY));
    if path.starts_with("/api/") || path == "/metrics" {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if by_tls {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(ONLY_TLS),
        );
    }
    response
}
