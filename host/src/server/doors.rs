//! Who may pass: the API, the metrics and what the console shows want somebody who is known here and has the role.
//!
//! The inbox and the webhooks are not kept here: what they want is the project's to say ([`crate::receiver`]).

use std::net::IpAddr;
use std::sync::Arc;

use fonio_access::{Access, AccessError, Event, Principal, Refusal, Role, Scope, What};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, Request, StatusCode};

use super::Reply;
use super::peer::Peer;
use crate::host::{Figures, Host};
use crate::oidc::Oidc;

/// What a request that changes something has to carry besides a session's cookie.
pub const CSRF_HEADER: &str = "x-fonio-csrf";

/// The doors of one listener.
pub struct Doors {
    /// Who is known here.
    pub access: Access,
    /// Who else says who somebody is.
    pub oidc: Option<Arc<Oidc>>,
    /// `--dev`: nobody is asked.
    pub open: bool,
    /// Whether others than this machine can reach the listener, as far as it can tell: it listens on an address that is not
    /// loopback, or a proxy stands before it.
    pub exposed: bool,
    /// `--behind-proxy`: what a proxy says of a request counts.
    pub behind_proxy: bool,
}

/// Where a request comes from, as a browser tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// From a page of this host.
    Same,
    /// From another page.
    Other,
    /// It is not said: no browser of these days.
    Unsaid,
}

/// Where somebody needs a role.
#[derive(Clone, Copy)]
pub enum Place<'h> {
    /// In one project.
    In(&'h Host),
    /// In every one that the host serves; refusals are counted here.
    Everywhere(&'h Figures),
}

impl Place<'_> {
    /// What roles are given for there; nothing for all.
    fn tenant(&self) -> Option<String> {
        match self {
            Place::In(host) => Some(host.name()),
            Place::Everywhere(_) => None,
        }
    }

    /// The role of somebody there.
    pub fn role_of(&self, principal: &Principal) -> Option<Role> {
        match self {
            Place::In(host) => principal.role(&host.name()),
            Place::Everywhere(_) => [Role::Admin, Role::Editor, Role::Viewer]
                .into_iter()
                .find(|role| principal.may_everywhere(*role)),
        }
    }

    /// What stands before its paths.
    pub fn prefix(&self) -> String {
        match self {
            Place::In(host) => host.prefix(),
            Place::Everywhere(_) => String::new(),
        }
    }

    fn figures(&self) -> &Figures {
        match self {
            Place::In(host) => &host.figures,
            Place::Everywhere(figures) => figures,
        }
    }
}

impl<'h> From<&'h Host> for Place<'h> {
    fn from(host: &'h Host) -> Place<'h> {
        Place::In(host)
    }
}

impl Doors {
    /// Whoever asks, if they may: `role` is what they need there.
    ///
    /// # Errors
    /// The reply: 401 when it is not known who asks, 403 when they may not.
    pub fn admit<'h, B>(
        &self,
        place: impl Into<Place<'h>>,
        peer: &Peer,
        request: &Request<B>,
        role: Role,
    ) -> Result<Principal, Reply> {
        let place = place.into();
        let principal = self.known(place, peer, request)?;
        if self.open {
            return Ok(principal);
        }
        let tenant = place.tenant();
        let (method, headers) = (request.method(), request.headers());
        may(&principal, method, headers, tenant.as_deref(), role).map_err(|why| {
            self.refuse(place, peer, request, &principal.who().to_string(), &why);
            Reply::problem(StatusCode::FORBIDDEN, &why)
        })?;
        Ok(principal)
    }

    /// Whoever asks, if it is known who they are.
    ///
    /// # Errors
    /// The reply, 401.
    pub fn known<B>(
        &self,
        place: Place<'_>,
        peer: &Peer,
        request: &Request<B>,
    ) -> Result<Principal, Reply> {
        if let Some(owner) = &peer.owner {
            return Ok(owner.clone());
        }
        let (method, headers) = (request.method(), request.headers());
        if self.open {
            let denied = |_: &Reply| Figures::count(&place.figures().denied);
            return opened(method, headers).inspect_err(denied);
        }
        self.access.authenticate(headers).map_err(|refusal| {
            // A page that outlives its session asks every two seconds: only a wrong token tells something.
            if refusal == Refusal::Token {
                self.refuse(place, peer, request, "somebody", "an unknown token");
            } else {
                Figures::count(&place.figures().denied);
            }
            unknown(&refusal)
        })
    }

    fn refuse<B>(&self, place: Place<'_>, peer: &Peer, request: &Request<B>, who: &str, why: &str) {
        Figures::count(&place.figures().denied);
        let subject = format!("{} {}", request.method(), request.uri().path());
        let detail = format!("{why}, from {}", peer.address(request.headers()));
        let tenant = place.tenant();
        let mut event = Event::new(who, What::Refused);
        if let Some(tenant) = &tenant {
            event = event.in_tenant(tenant);
        }
        self.access.refused(&event.of(&subject, &detail));
    }
}

/// With `--dev`. Other sites' pages run in the same browser: they may neither send changes here, nor read anything by
/// having their own name lead to this machine (DNS rebinding).
fn opened(method: &Method, headers: &HeaderMap) -> Result<Principal, Reply> {
    if !names_this_machine(headers) {
        let said = "with --dev this host answers to localhost and loopback addresses alone";
        return Err(Reply::problem(StatusCode::FORBIDDEN, said));
    }
    if changes(method) && site(headers) == Site::Other {
        return Err(Reply::problem(StatusCode::FORBIDDEN, FROM_ELSEWHERE));
    }
    Ok(Principal::anyone())
}

const FROM_ELSEWHERE: &str = "the request comes from a page of another site";

fn unknown(refusal: &Refusal) -> Reply {
    if let Refusal::Access(error) = refusal {
        return cannot_look_up(error);
    }
    Reply::problem(StatusCode::UNAUTHORIZED, &refusal.to_string())
        .header("www-authenticate", "Bearer realm=\"fonio\"")
}

/// The reason is for whoever runs the host, and not for strangers.
pub fn cannot_look_up(error: &AccessError) -> Reply {
    tracing::error!(%error, "it could not be looked up who may pass");
    let said = "the host cannot look up who may pass; its log says why";
    Reply::problem(StatusCode::SERVICE_UNAVAILABLE, said)
}

/// Or why not.
fn may(
    principal: &Principal,
    method: &Method,
    headers: &HeaderMap,
    tenant: Option<&str>,
    role: Role,
) -> Result<(), String> {
    if changes(method) {
        meant(principal, headers)?;
    }
    let scope = if changes(method) {
        Scope::Write
    } else {
        Scope::Read
    };
    if !principal.has(scope) {
        return Err(format!(
            "the token is not for this: it lacks the scope `{}`",
            scope.as_str()
        ));
    }
    let Some(tenant) = tenant else {
        return if principal.may_everywhere(role) {
            Ok(())
        } else {
            Err(format!("this takes the role {role} in all projects (`*`)"))
        };
    };
    if !principal.may(tenant, role) {
        let have = principal.role(tenant).map_or("none", Role::as_str);
        return Err(format!(
            "this takes the role {role} in this project, and yours is {have}"
        ));
    }
    Ok(())
}

/// Whether the sender means it. A browser sends the cookie with whatever any page makes it send; it tells where from, and
/// only this host's page can read what has to be in the header.
pub fn meant(principal: &Principal, headers: &HeaderMap) -> Result<(), String> {
    let Some(session) = principal.session() else {
        return Ok(());
    };
    let sent = headers.get(CSRF_HEADER).map(http::HeaderValue::as_bytes);
    if sent != Some(session.csrf.as_bytes()) {
        return Err(format!(
            "a change with a session's cookie carries `{CSRF_HEADER}`, as GET /api/v1/session gives it"
        ));
    }
    match site(headers) {
        Site::Same => Ok(()),
        Site::Other => Err(FROM_ELSEWHERE.to_owned()),
        Site::Unsaid => Err(
            "a change with a session's cookie comes from a browser, which says from where (Origin); scripts use tokens"
                .to_owned(),
        ),
    }
}

/// Whether a request of this method may change something.
fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// What the browser says of where the request comes from.
pub fn site(headers: &HeaderMap) -> Site {
    let fetched = headers
        .get("sec-fetch-site")
        .map(|site| site == "same-origin");
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = headers.get(ORIGIN).map(|origin| {
        let origin = origin.to_str().ok();
        let authority = origin.and_then(|origin| origin.split_once("://"));
        authority.is_some_and(|(_, authority)| Some(authority) == host)
    });
    match (fetched, origin) {
        (None, None) => Site::Unsaid,
        (Some(false), _) | (_, Some(false)) => Site::Other,
        (Some(true), _) | (_, Some(true)) => Site::Same,
    }
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
        // Only HTTP/1.0 has none, and no browser speaks it.
        return true;
    };
    let Ok(authority) = host.parse::<http::uri::Authority>() else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let made = pairs.iter().map(|(name, value)| {
            let value = value.parse().expect("a value");
            (http::HeaderName::from_static(name), value)
        });
        made.collect()
    }

    #[test]
    fn a_page_of_this_host_is_told_from_all_others() {
        let of = |pairs: &[(&'static str, &str)]| site(&headers(pairs));
        let host = ("host", "fonio.example.org:4001");
        let own = ("origin", "https://fonio.example.org:4001");
        assert_eq!(of(&[host]), Site::Unsaid);
        assert_eq!(of(&[host, own]), Site::Same);
        assert_eq!(of(&[host, ("sec-fetch-site", "same-origin")]), Site::Same);
        assert_eq!(
            of(&[host, own, ("sec-fetch-site", "same-site")]),
            Site::Other
        );
        for origin in [
            "null",
            "https://fonio.example.org",
            "https://evil.example.org",
            "https://fonio.example.org:4001.evil.example.org",
            "",
        ] {
            assert_eq!(of(&[host, ("origin", origin)]), Site::Other, "{origin}");
        }
        assert_eq!(
            of(&[own]),
            Site::Other,
            "without a host there is nothing to be the same as"
        );
    }

    #[test]
    fn names_of_this_machine_are_few() {
        let is = |name: &str| names_this_machine(&headers(&[("host", name)]));
        for name in [
            "localhost",
            "LOCALHOST:4001",
            "127.0.0.1:4001",
            "127.1.2.3",
            "[::1]:4001",
        ] {
            assert!(is(name), "{name}");
        }
        for name in [
            "evil.example.org",
            "localhost.evil.example.org",
            "192.168.0.1:4001",
            "127.0.0.1.evil.example.org",
            "",
            "a b",
        ] {
            assert!(!is(name), "{name}");
        }
    }
}
