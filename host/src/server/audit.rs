//! `/api/v1/audit`: who did what.

use fonio_access::{Access, Principal, Role};
use http::StatusCode;
use serde_json::json;

use super::Reply;

/// Rows in one answer unless `limit` asks for fewer or more.
const ROWS_DEFAULT: usize = 100;
/// The most.
const ROWS_MAX: usize = 1000;

/// The newest rows. An admin of one project sees that project's; sign-ins and the like are for admins of all.
pub async fn show(
    access: &Access,
    principal: &Principal,
    tenant: Option<String>,
    query: Option<&str>,
) -> Reply {
    let (mut limit, mut before) = (ROWS_DEFAULT, None);
    for (name, value) in form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
        match (name.as_ref(), value.parse::<u32>()) {
            ("limit", Ok(asked)) if asked > 0 => limit = ROWS_MAX.min(asked as usize),
            ("before", Ok(id)) => before = Some(i64::from(id)),
            _ => {
                let said = format!(
                    "the audit log takes limit (1 to {ROWS_MAX}) and before (a row's id), not {name}"
                );
                return Reply::problem(StatusCode::BAD_REQUEST, &said);
            }
        }
    }
    let only = tenant.filter(|_| !principal.may_everywhere(Role::Admin));
    let access = access.clone();
    let read = tokio::task::spawn_blocking(move || access.audit(limit, before, only.as_deref()));
    match read.await {
        Ok(Ok(entries)) => Reply::json(StatusCode::OK, &json!({ "audit": entries })),
        Ok(Err(error)) => Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(error) => Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
