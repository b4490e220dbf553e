//! `POST /api/v1/messages/export` and `/delete`: messages by person or by filter, with everything that came of them.

use fonio_access::{Event, Principal, What};
use fonio_store::MessageId;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use super::Reply;
use super::peer::Peer;
use crate::forget::{self, Selected, Selection};
use crate::host::Host;
use crate::receiver::intake;

/// One answer ends with the message that reaches this; the header `fonio-next` says from where to go on.
const ANSWER_BYTES: usize = 8 << 20;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Give them out.
    Export,
    /// Forget them.
    Delete,
}

/// A selection, and where an export goes on.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    cursor: i64,
    /// Only count what would be deleted.
    dry_run: bool,
    #[serde(flatten)]
    selection: serde_json::Map<String, serde_json::Value>,
}

/// Does it, and writes down who had it done.
pub async fn answer(
    host: &Host,
    peer: &Peer,
    principal: &Principal,
    asked: Asked,
    request: Request<Incoming>,
) -> Reply {
    match done(host, peer, principal, asked, request).await {
        Ok(reply) | Err(reply) => reply,
    }
}

async fn done(
    host: &Host,
    peer: &Peer,
    principal: &Principal,
    asked: Asked,
    request: Request<Incoming>,
) -> Result<Reply, Reply> {
    let bytes = intake::read(&host.intake, request.into_body()).await?;
    let wanted: Wanted = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    let selection: Selection =
        serde_json::from_value(wanted.selection.into()).map_err(|error| wrong(&error))?;
    let selected = selection.check().map_err(|error| wrong(&error))?;
    let note = |what, detail: String| {
        let (who, tenant) = (principal.who().to_string(), host.name());
        let (access, words) = (peer.doors.access.clone(), selection.in_words());
        tokio::task::spawn_blocking(move || {
            let event = Event::new(&who, what).in_tenant(&tenant);
            access.record(&event.of(&format!("messages, {words}"), &detail))
        })
    };
    match asked {
        Asked::Export => {
            let (lines, count, next) = lines(host, &selected, MessageId(wanted.cursor)).await?;
            let noted = note(What::Export, forget::many(count, "message")).await;
            // What must not happen unrecorded does not happen.
            if !matches!(noted, Ok(Ok(()))) {
                return Err(Reply::later(
                    "the export could not be written into the audit log",
                ));
            }
            let reply = Reply::text("application/x-ndjson", lines);
            Ok(match next {
                Some(next) => reply.header("fonio-next", &next.to_string()),
                None => reply,
            })
        }
        Asked::Delete if wanted.dry_run => {
            let count = count(host, &selected).await?;
            Ok(Reply::json(StatusCode::OK, &json!({ "messages": count })))
        }
        Asked::Delete => {
            // Whoever hangs up in the middle has had it done in part.
            if !matches!(note(What::Erase, "begun".to_owned()).await, Ok(Ok(()))) {
                return Err(Reply::later(
                    "the deletion could not be written into the audit log",
                ));
            }
            let erased = forget::forget(&host.store, &selected).await;
            let erased = erased.map_err(|error| Reply::later(&error.to_string()))?;
            let noted = note(What::Erase, forget::in_words(&erased)).await;
            if !matches!(noted, Ok(Ok(()))) {
                tracing::error!("what was deleted could not be written into the audit log");
            }
            Ok(Reply::json(
                StatusCode::OK,
                &json!({ "messages": erased.messages, "runs": erased.runs }),
            ))
        }
    }
}

/// Messages as lines, how many, and after which to go on if there are more.
async fn lines(
    host: &Host,
    selected: &Selected,
    mut after: MessageId,
) -> Result<(String, u64, Option<MessageId>), Reply> {
    let (mut lines, mut count) = (String::new(), 0_u64);
    let failed = |error: fonio_store::StoreError| Reply::later(&error.to_string());
    while let Some(seen) = selected.look(&host.store, after).await.map_err(failed)? {
        after = seen.last;
        for id in seen.fitting {
            if let Some(line) = forget::export(&host.store, id).await.map_err(failed)? {
                lines += &line;
                lines.push('\n');
                count += 1;
            }
            if lines.len() >= ANSWER_BYTES {
                return Ok((lines, count, Some(id)));
            }
        }
    }
    Ok((lines, count, None))
}

async fn count(host: &Host, selected: &Selected) -> Result<u64, Reply> {
    let (mut after, mut count) = (MessageId(0), 0);
    while let Some(seen) = selected
        .look(&host.store, after)
        .await
        .map_err(|error| Reply::later(&error.to_string()))?
    {
        after = seen.last;
        count += seen.fitting.len() as u64;
    }
    Ok(count)
}

fn wrong(why: &impl std::fmt::Display) -> Reply {
    let said = format!(
        "a selection is JSON: {{\"where\": {{FIELD: TEXT}}, \"source\", \"workflow\", \"since_ms\", \"until_ms\"}}, each optional, or {{\"all\": true}}; {why}"
    );
    Reply::problem(StatusCode::BAD_REQUEST, &said)
}
