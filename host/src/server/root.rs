//! What belongs to no tenant, on a host of several: whether it lives, who one is, which tenants one may look at, and what
//! an admin of all may see.

use std::sync::Arc;

use fonio_access::Role;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::doors::Place;
use super::peer::Peer;
use super::{Reply, audit, healthy, metrics, openapi, page, read_as, session};
use crate::host::Host;
use crate::tenants::Sites;

/// Answers a request that is for none of the tenants.
pub async fn answer(sites: &Sites, peer: &Peer, request: Request<Incoming>) -> Reply {
    let place = Place::Everywhere(&sites.figures);
    let path = request.uri().path().to_owned();
    match (&read_as(request.method()), path.as_str()) {
        (&Method::GET, "/health") => healthy(),
        (&Method::GET, "/ready") => ready(sites),
        (&Method::GET, "/") => page::tenants(),
        (&Method::GET, "/sign-in.js") => page::sign_in(),
        (_, path) if session::is_here(path) => session::answer(place, peer, request).await,
        (&Method::GET, "/api/v1/tenants") => tenants(sites, peer, &request),
        (&Method::GET, "/api/v1/openapi.json") => match peer.doors.known(place, peer, &request) {
            Ok(_) => openapi::show(),
            Err(refusal) => refusal,
        },
        (&Method::GET, "/metrics") => match peer.doors.admit(place, peer, &request, Role::Viewer) {
            Ok(_) => every_metric(sites).await,
            Err(refusal) => refusal,
        },
        (&Method::GET, "/api/v1/audit") => {
            match peer.doors.admit(place, peer, &request, Role::Admin) {
                Ok(principal) => {
                    let query = request.uri().query();
                    audit::show(&peer.doors.access, &principal, None, query).await
                }
                Err(refusal) => refusal,
            }
        }
        _ => Reply::problem(
            StatusCode::NOT_FOUND,
            "there is nothing here; this host serves tenants, each below its own name: POST messages to /<tenant>/inbox",
        ),
    }
}

/// 200 while it runs: a tenant whose files are wrong is that tenant's trouble, and its own `/ready` says so.
fn ready(sites: &Sites) -> Reply {
    if sites.is_stopping() {
        let said = "the host is shutting down";
        return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, said);
    }
    let tenants = sites.tenants();
    let ready = tenants.iter().filter(|(_, host)| host.live().is_some());
    let (all, ready) = (tenants.len(), ready.count());
    Reply::json(
        StatusCode::OK,
        &json!({ "status": "ready", "tenants": all, "tenants_ready": ready }),
    )
}

/// Those that whoever asks may look at; a stranger learns no names.
fn tenants(sites: &Sites, peer: &Peer, request: &Request<Incoming>) -> Reply {
    let place = Place::Everywhere(&sites.figures);
    let principal = match peer.doors.known(place, peer, request) {
        Ok(principal) => principal,
        Err(refusal) => return refusal,
    };
    let shown: Vec<_> = sites
        .tenants()
        .iter()
        .filter(|(name, _)| principal.may(name, Role::Viewer))
        .map(|(name, host)| {
            json!({
                "name": name,
                "path": format!("/{name}/"),
                "ready": host.live().is_some(),
                "problems": host.problems().len(),
            })
        })
        .collect();
    Reply::json(StatusCode::OK, &json!({ "tenants": shown }))
}

async fn every_metric(sites: &Sites) -> Reply {
    let tenants = sites.tenants();
    let hosts: Vec<(Option<&str>, &Host)> = tenants
        .iter()
        .map(|(name, host)| (Some(name.as_str()), Arc::as_ref(host)))
        .collect();
    metrics::show(&hosts).await
}
