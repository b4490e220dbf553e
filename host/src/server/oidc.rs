//! `/api/v1/session/…`: by what one can sign in, and the two ends of a sign-in by another service ([`crate::oidc`]).

use std::net::IpAddr;

use fonio_access::{Event, NewSession, NotKnown, SESSION_LIFETIME, What, cookie};
use fonio_project::in_a_line;
use http::header::ACCEPT;
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::Reply;
use super::doors::{Place, cannot_look_up};
use super::page;
use super::peer::Peer;
use super::session::cookie_of;
use crate::oidc::{BEGIN, CALLBACK, FLOW_LIFETIME, Oidc, OidcError, Returned};

/// By it the browser that comes back is known for the one that went.
const FLOW_COOKIE: &str = "fonio_oidc";
/// What one can sign in with.
const WAYS: &str = "/api/v1/session/ways";

/// A sign-in that ends here.
struct Ended {
    status: StatusCode,
    why: String,
    /// Where to begin again.
    back: String,
}

/// All requests to these paths.
pub async fn answer(place: Place<'_>, peer: &Peer, request: Request<Incoming>) -> Reply {
    let path = request.uri().path();
    if ![WAYS, BEGIN, CALLBACK].contains(&path) {
        return Reply::problem(StatusCode::NOT_FOUND, "there is nothing here");
    }
    // A look (HEAD) must not use up what is good once.
    if request.method() != Method::GET {
        let said = "signing in by another service takes GET";
        return Reply::problem(StatusCode::METHOD_NOT_ALLOWED, said).header("allow", "GET");
    }
    let oidc = peer.doors.oidc.as_deref();
    if path == WAYS {
        return ways(place, oidc);
    }
    let Some(oidc) = oidc else {
        let said = "this host has no sign-in by another service; fonio serve --oidc gives it one";
        return Reply::problem(StatusCode::NOT_FOUND, said);
    };
    let outcome = if path == BEGIN {
        begin(oidc, &place.prefix(), peer, request.headers()).await
    } else {
        finish(oidc, peer, &request).await
    };
    outcome.unwrap_or_else(|ended| shown(&ended, request.headers()))
}

/// What the page offers.
fn ways(place: Place<'_>, oidc: Option<&Oidc>) -> Reply {
    let oidc =
        oidc.map(|oidc| json!({ "name": oidc.name(), "href": oidc.begin_at(&place.prefix()) }));
    Reply::json(StatusCode::OK, &json!({ "oidc": oidc }))
}

async fn begin(
    oidc: &Oidc,
    prefix: &str,
    peer: &Peer,
    headers: &HeaderMap,
) -> Result<Reply, Ended> {
    let begun = oidc.begin(prefix, peer.address(headers)).await;
    let begun = begun.map_err(|error| failed(&error, oidc.page(prefix)))?;
    let cookie = flow_cookie(oidc, &begun.cookie, FLOW_LIFETIME.as_secs());
    Ok(Reply::go_on(&begun.location).cookie(&cookie))
}

async fn finish(oidc: &Oidc, peer: &Peer, request: &Request<Incoming>) -> Result<Reply, Ended> {
    let headers = request.headers();
    let returned = returned(request.uri().query().unwrap_or_default());
    let cookie = cookie(headers, FLOW_COOKIE).unwrap_or_default();
    let flow = oidc.resume(&returned.state, cookie).ok_or_else(|| Ended {
        status: StatusCode::BAD_REQUEST,
        why: "This sign-in is over: it began in another browser, more than 10 minutes ago or before the host was started, or \
              has come to its end already. Begin again."
            .to_owned(),
        back: oidc.page(""),
    })?;
    let from = peer.address(headers);
    let access = &peer.doors.access;
    let identity = oidc.identify(&flow, returned).await.map_err(|error| {
        write_down(peer, &error, from);
        failed(&error, flow.back.clone())
    })?;
    let begun = access.sign_in_as(identity, from).await;
    let NewSession { cookie, .. } = begun.map_err(|why| not_known(&why, flow.back.clone()))?;
    let private = oidc.is_private() || peer.is_private(headers);
    let session = cookie_of(&cookie, SESSION_LIFETIME.as_secs(), private);
    Ok(Reply::go_on(&flow.back)
        .cookie(&session)
        .cookie(&flow_cookie(oidc, "", 0)))
}

/// Of what a service adds, the first of each counts.
fn returned(query: &str) -> Returned {
    let mut returned = Returned::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match name.as_ref() {
            "state" if returned.state.is_empty() => returned.state = value,
            "code" => _ = returned.code.get_or_insert(value),
            "error" => _ = returned.error.get_or_insert(value),
            "iss" => _ = returned.issuer.get_or_insert(value),
            _ => {}
        }
    }
    returned
}

/// `Lax` and not `Strict`: it has to come along when the service sends the browser back.
fn flow_cookie(oidc: &Oidc, value: &str, age_seconds: u64) -> String {
    let secure = if oidc.is_private() { "; Secure" } else { "" };
    let path = oidc.cookie_path();
    format!(
        "{FLOW_COOKIE}={value}; HttpOnly; SameSite=Lax; Path={path}; Max-Age={age_seconds}{secure}"
    )
}

/// In the audit log, which no number of strangers fills. Whom the service itself sends away has tried nothing.
fn write_down(peer: &Peer, error: &OidcError, from: IpAddr) {
    if !matches!(error, OidcError::Refused(_)) {
        let event = Event::new("somebody", What::SignInFailed);
        let detail = format!("{error}, from {from}");
        peer.doors.access.refused(&event.of("no user", &detail));
    }
}

fn failed(error: &OidcError, back: String) -> Ended {
    let (status, rest) = match error {
        OidcError::Unreachable { .. } | OidcError::Strange { .. } => (
            StatusCode::BAD_GATEWAY,
            ". Try again, tell whoever runs this host, or sign in with a password.",
        ),
        OidcError::System(_) => (StatusCode::SERVICE_UNAVAILABLE, ". Try again."),
        OidcError::Refused(_) | OidcError::Untrusted(_) => {
            (StatusCode::FORBIDDEN, ". Begin again.")
        }
        OidcError::Unsaid(_) | OidcError::Unverified(_) => (
            StatusCode::FORBIDDEN,
            ". Whoever runs that service can change it.",
        ),
    };
    Ended {
        status,
        why: sentence(&error.to_string(), rest),
        back,
    }
}

fn not_known(why: &NotKnown, back: String) -> Ended {
    let (status, why) = match why {
        NotKnown::Access(error) => {
            let _ = cannot_look_up(error);
            let said = "The host cannot look up who may pass; its log says why.";
            (StatusCode::SERVICE_UNAVAILABLE, said.to_owned())
        }
        // The name in it is what somebody calls themselves.
        why => (
            StatusCode::FORBIDDEN,
            sentence(&in_a_line(&why.to_string()), ""),
        ),
    };
    Ended { status, why, back }
}

fn sentence(said: &str, rest: &str) -> String {
    let mut letters = said.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first
        .into_iter()
        .chain(letters)
        .chain(rest.chars())
        .collect()
}

/// A page for people, who come here by following the service; a problem for whatever wants no page.
fn shown(ended: &Ended, headers: &HeaderMap) -> Reply {
    let accepted = headers.get_all(ACCEPT).iter();
    let page = accepted
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.contains("text/html"));
    if page {
        page::refused(&ended.why, &ended.back).status(ended.status)
    } else {
        Reply::problem(ended.status, &ended.why)
    }
}
