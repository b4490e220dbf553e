//! Messages that are sent again: a sender that got no reply sends the same once more, and it counts once.

use std::collections::BTreeSet;

use fonio_project::ArrivalSettings;
use fonio_store::{MessageKey, OtherBody};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::server::Reply;

/// As in the draft of the IETF's HTTP working group (draft-ietf-httpapi-idempotency-key-header).
const HEADER: &str = "idempotency-key";

/// Longer than a UUID, a hash or a URL by far, and short enough to be kept for each message.
const KEY_MAX_BYTES: usize = 255;

/// The key that the sender gave, if it gave one.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Reply> {
    let mut given = headers.get_all(HEADER).iter();
    let (Some(key), None) = (given.next(), given.next()) else {
        return match headers.contains_key(HEADER) {
            true => Err(wrong()),
            false => Ok(None),
        };
    };
    let key = key.to_str().map_err(|_| wrong())?.trim();
    if key.is_empty() || key.len() > KEY_MAX_BYTES {
        return Err(wrong());
    }
    Ok(Some(key.to_owned()))
}

/// By what a message is known: the key that its sender gave, else the field that the project names for where it arrived.
/// Of the second kind, another body is an edit: forms keep their id when they are corrected.
pub(super) fn known_by(
    given: Option<String>,
    arrival: Option<&ArrivalSettings>,
    message: &Value,
) -> Option<MessageKey> {
    let field = || arrival?.idempotency_key.as_ref()?.find_text(message);
    let (text, other_body) = match given {
        Some(text) => (text, OtherBody::Mistake),
        // No header can have the line break: a key of one kind is none of the other.
        None => (format!("\n{}", field()?), OtherBody::Edit),
    };
    let mut key = MessageKey::from(text);
    key.other_body = other_body;
    if let Some(arrival) = arrival {
        key.window_ms = i64::try_from(arrival.window.as_millis()).unwrap_or(i64::MAX);
    }
    Some(key)
}

/// What has to be seen of a message for that.
pub(super) fn seen(arrival: Option<&ArrivalSettings>) -> BTreeSet<&str> {
    arrival.and_then(ArrivalSettings::top).into_iter().collect()
}

fn wrong() -> Reply {
    let said = format!(
        "the header Idempotency-Key takes one key of 1 to {KEY_MAX_BYTES} visible ASCII characters, a UUID for instance"
    );
    Reply::problem(StatusCode::BAD_REQUEST, &said)
}

/// Says of a reply that it is to a repetition.
pub(super) fn marked(reply: Reply, repeated: bool) -> Reply {
    if repeated {
        reply.header("idempotent-replayed", "true")
    } else {
        reply
    }
}
