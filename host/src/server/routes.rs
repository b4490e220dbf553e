//! The routes of the API, as data: by this table requests are dispatched, and by it the document that describes them
//! ([`super::openapi`]) is checked.

use fonio_access::Role;
use http::Method;

use super::forget::Asked;

/// One method of one address.
#[derive(Debug)]
pub struct Route {
    /// A HEAD is answered as a GET.
    pub method: Method,
    /// `{…}` stands for any one part of it.
    pub path: &'static str,
    /// What one needs there; nothing where nobody is asked, or the answer depends on who asks.
    pub role: Option<Role>,
    /// Whether it is of a project, of a host of several, or both.
    pub place: Where,
    /// What answers it.
    pub to: To,
}

/// Where a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Of a project: below `/<tenant>` where a host has several.
    Project,
    /// Of a host of several.
    Root,
    /// Of both.
    Both,
}

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// [`super::openapi`].
    OpenApi,
    /// [`super::session`].
    Session,
    /// [`super::audit`].
    Audit,
    /// [`super::root`].
    Tenants,
    /// [`super::api`].
    Project,
    /// [`super::api`].
    Messages,
    /// [`super::api`].
    Message,
    /// [`super::api`].
    Dataclip,
    /// [`super::runs`].
    Runs,
    /// [`super::runs`].
    Run,
    /// [`super::feed`].
    Events,
    /// [`super::forget`].
    Forget(Asked),
    /// [`super::decide`].
    Decide(Decision),
    /// [`super::bulk`].
    DecideMany(Decision),
}

/// What a person decides about runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// To do them again.
    Retry,
    /// To end them.
    Cancel,
    /// To take them off the dead letters.
    Discard,
}

const fn route(
    method: Method,
    path: &'static str,
    role: Option<Role>,
    place: Where,
    to: To,
) -> Route {
    Route {
        method,
        path,
        role,
        place,
        to,
    }
}

const VIEWER: Option<Role> = Some(Role::Viewer);
const EDITOR: Option<Role> = Some(Role::Editor);
const ADMIN: Option<Role> = Some(Role::Admin);

/// All of them.
pub static ROUTES: &[Route] = {
    use Decision::{Cancel, Discard, Retry};
    use To::{
        Audit, Dataclip, Decide, DecideMany, Message, Messages, OpenApi, Run, Runs, Session,
        Tenants,
    };
    use Where::{Both, Project, Root};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    &[
        route(GET, "/api/v1/openapi.json", VIEWER, Both, OpenApi),
        route(GET, "/api/v1/session", None, Both, Session),
        route(POST, "/api/v1/session", None, Both, Session),
        route(Method::DELETE, "/api/v1/session", None, Both, Session),
        route(GET, "/api/v1/session/ways", None, Both, Session),
        route(GET, "/api/v1/session/oidc", None, Both, Session),
        route(GET, "/api/v1/session/oidc/callback", None, Both, Session),
        route(GET, "/api/v1/audit", ADMIN, Both, Audit),
        route(GET, "/api/v1/tenants", None, Root, Tenants),
        route(GET, "/api/v1/project", VIEWER, Project, To::Project),
        route(GET, "/api/v1/events", VIEWER, Project, To::Events),
        route(GET, "/api/v1/messages", VIEWER, Project, Messages),
        route(GET, "/api/v1/messages/{message}", VIEWER, Project, Message),
        route(
            POST,
            "/api/v1/messages/export",
            ADMIN,
            Project,
            To::Forget(Asked::Export),
        ),
        route(
            POST,
            "/api/v1/messages/delete",
            ADMIN,
            Project,
            To::Forget(Asked::Delete),
        ),
        route(
            GET,
            "/api/v1/dataclips/{dataclip}",
            VIEWER,
            Project,
            Dataclip,
        ),
        route(GET, "/api/v1/runs", VIEWER, Project, Runs),
        route(
            POST,
            "/api/v1/runs/retry",
            EDITOR,
            Project,
            DecideMany(Retry),
        ),
        route(
            POST,
            "/api/v1/runs/cancel",
            EDITOR,
            Project,
            DecideMany(Cancel),
        ),
        route(
            POST,
            "/api/v1/runs/discard",
            EDITOR,
            Project,
            DecideMany(Discard),
        ),
        route(GET, "/api/v1/runs/{run}", VIEWER, Project, Run),
        route(
            POST,
            "/api/v1/runs/{run}/retry",
            EDITOR,
            Project,
            Decide(Retry),
        ),
        route(
            POST,
            "/api/v1/runs/{run}/cancel",
            EDITOR,
            Project,
            Decide(Cancel),
        ),
        route(
            POST,
            "/api/v1/runs/{run}/discard",
            EDITOR,
            Project,
            Decide(Discard),
        ),
    ]
};

/// The route of a request to a project, and what stands in the place of its `{…}`.
pub fn find<'p>(method: &Method, path: &'p str) -> Option<(&'static Route, &'p str)> {
    let here = ROUTES.iter().filter(|route| route.place != Where::Root);
    let mut named = here.filter(|route| route.method == method);
    named.find_map(|route| Some((route, within(route.path, path)?)))
}

/// The role that a request needs, whether or not there is such a route: who has none there learns of none.
pub fn role(method: &Method, path: &str) -> Role {
    let here = ROUTES
        .iter()
        .filter(|route| within(route.path, path).is_some());
    let admin = here
        .filter_map(|route| route.role)
        .any(|role| role == Role::Admin);
    match *method {
        _ if admin => Role::Admin,
        Method::GET => Role::Viewer,
        _ => Role::Editor,
    }
}

/// What stands in `path` where `pattern` has `{…}`; empty if it has none. Nothing if they differ elsewhere.
fn within<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return (pattern == path).then_some("");
    };
    let (_, after) = rest.split_once('}')?;
    let part = path.strip_prefix(before)?.strip_suffix(after)?;
    (!part.is_empty() && !part.contains('/')).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_stands_for_what_is_in_braces_and_nothing_else_does() {
        let pattern = "/api/v1/runs/{run}/retry";
        assert_eq!(within(pattern, "/api/v1/runs/7/retry"), Some("7"));
        for other in [
            "/api/v1/runs//retry",
            "/api/v1/runs/retry",
            "/api/v1/runs/7/8/retry",
            "/api/v1/runs/7",
            "/api/v1/runs/7/retry/",
        ] {
            assert_eq!(within(pattern, other), None, "{other}");
        }
        assert_eq!(within("/api/v1/runs", "/api/v1/runs"), Some(""));
        assert_eq!(within("/api/v1/runs", "/api/v1/runs/"), None);
    }

    #[test]
    fn what_has_a_name_of_its_own_is_not_taken_for_a_run() {
        let to = |method, path| find(&method, path).map(|(route, id)| (route.to, id));
        assert_eq!(
            to(Method::POST, "/api/v1/runs/retry"),
            Some((To::DecideMany(Decision::Retry), ""))
        );
        assert_eq!(to(Method::GET, "/api/v1/runs/7"), Some((To::Run, "7")));
        assert_eq!(to(Method::GET, "/api/v1/tenants"), None);
    }
}
