//! `/api/v1/session`: signing in, who one is, signing out; and by what else one can sign in.

use std::time::Duration;

use fonio_access::{
    COOKIE, NewSession, NoSignIn, Principal, Role, SESSION_LIFETIME, SignIn, session_cookie,
};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Reply;
use super::doors::{Place, Site, cannot_look_up, meant, site};
use super::oidc;
use super::peer::Peer;
use super::seats;

/// A name and the longest password fit many times over.
const BODY_MAX_BYTES: usize = 8 << 10;
/// For the whole of so small a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What is sent to sign in.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Shown {
    Password { name: String, password: String },
    Token { token: String },
}

/// Whether it is about signing in, which one does without having a role.
pub fn is_here(path: &str) -> bool {
    path.strip_prefix("/api/v1/session")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// All requests to these paths.
pub async fn answer(place: Place<'_>, peer: &Peer, request: Request<Incoming>) -> Reply {
    if request.uri().path() != "/api/v1/session" {
        return oidc::answer(place, peer, request).await;
    }
    let outcome = match *request.method() {
        Method::GET | Method::HEAD => who(place, peer, &request),
        Method::POST => sign_in(place, peer, request).await,
        Method::DELETE => sign_out(peer, &request).await,
        _ => Err(Reply::problem(
            StatusCode::METHOD_NOT_ALLOWED,
            "a session takes GET, POST and DELETE",
        )
        .header("allow", "GET, POST, DELETE")),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

fn who(place: Place<'_>, peer: &Peer, request: &Request<Incoming>) -> Result<Reply, Reply> {
    // A token for sending alone may know who it is, as everybody may.
    let principal = match peer.doors.access.authenticate(request.headers()) {
        Ok(principal) if !peer.doors.open => principal,
        _ => peer.doors.admit(place, peer, request, Role::Viewer)?,
    };
    Ok(Reply::json(StatusCode::OK, &shown(place, peer, &principal)))
}

fn shown(place: Place<'_>, peer: &Peer, principal: &Principal) -> Value {
    json!({
        "who": principal.who().to_string(),
        "role": place.role_of(principal),
        "csrf": principal.session().map(|session| &session.csrf),
        "ends_ms": principal.session().map(|session| session.ends_ms),
        "dev": peer.doors.open,
    })
}

async fn sign_in(
    place: Place<'_>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Reply, Reply> {
    let (parts, body) = request.into_parts();
    if site(&parts.headers) == Site::Other {
        let said = "sign in from a page of this host";
        return Err(Reply::problem(StatusCode::FORBIDDEN, said));
    }
    let with = read(&parts.headers, body).await?;
    let from = peer.address(&parts.headers);
    let access = &peer.doors.access;
    let NewSession { cookie, principal } = access
        .sign_in(with, from)
        .await
        .map_err(|refusal| not_let_in(&refusal))?;
    let age = SESSION_LIFETIME.as_secs();
    let set = cookie_of(&cookie, age, peer.is_private(&parts.headers));
    Ok(
        Reply::json(StatusCode::CREATED, &shown(place, peer, &principal))
            .header("set-cookie", &set),
    )
}

/// Forms of other sites cannot send JSON, so nobody is signed in without knowing.
async fn read(headers: &HeaderMap, body: Incoming) -> Result<SignIn, Reply> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !essence.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        let said = "what is sent to sign in is JSON (content-type: application/json)";
        return Err(Reply::problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, said));
    }
    let wrong = || {
        let said = "send {\"name\": …, \"password\": …} or {\"token\": …}, 8 KiB at most";
        Reply::problem(StatusCode::BAD_REQUEST, said)
    };
    let whole = Limited::new(body, BODY_MAX_BYTES).collect();
    let whole = tokio::time::timeout(BODY_TIMEOUT, whole);
    let whole = seats::while_it_comes(whole).await.map_err(|_| late())?;
    let bytes = whole.map_err(|_| wrong())?.to_bytes();
    match serde_json::from_slice(&bytes).map_err(|_| wrong())? {
        Shown::Password { name, password } => Ok(SignIn::Password { name, password }),
        Shown::Token { token } => Ok(SignIn::Token(token)),
    }
}

fn late() -> Reply {
    let said = format!(
        "what is sent to sign in did not come within {} seconds",
        BODY_TIMEOUT.as_secs()
    );
    Reply::problem(StatusCode::REQUEST_TIMEOUT, &said).header("connection", "close")
}

fn not_let_in(refusal: &NoSignIn) -> Reply {
    let status = match refusal {
        NoSignIn::Wrong => StatusCode::UNAUTHORIZED,
        NoSignIn::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
        NoSignIn::Busy => StatusCode::SERVICE_UNAVAILABLE,
        NoSignIn::Access(error) => return cannot_look_up(error),
    };
    let reply = Reply::problem(status, &refusal.to_string());
    match refusal.retry_after_s() {
        Some(seconds) => reply.header("retry-after", &seconds.to_string()),
        None => reply.header("www-authenticate", "Bearer realm=\"fonio\""),
    }
}

async fn sign_out(peer: &Peer, request: &Request<Incoming>) -> Result<Reply, Reply> {
    let headers = request.headers();
    let access = &peer.doors.access;
    let forget = cookie_of("", 0, peer.is_private(headers));
    let (Ok(principal), Some(cookie)) = (access.authenticate(headers), session_cookie(headers))
    else {
        // Nothing to end, and the page wants to be rid of the cookie.
        return Ok(
            Reply::json(StatusCode::OK, &json!({ "who": null })).header("set-cookie", &forget)
        );
    };
    meant(&principal, headers).map_err(|why| Reply::problem(StatusCode::FORBIDDEN, &why))?;
    let ended = access.sign_out(principal.who(), cookie).await;
    ended.map_err(|error| cannot_look_up(&error))?;
    Ok(Reply::json(StatusCode::OK, &json!({ "who": null })).header("set-cookie", &forget))
}

/// No script can read it, no page of another site makes the browser send it, and where there is TLS it does not travel
/// without.
pub fn cookie_of(value: &str, age_seconds: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age_seconds}{secure}")
}
