//! Messages that are sent again: a sender that got no reply sends the same once more, and it counts once.

use http::{HeaderMap, StatusCode};

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
