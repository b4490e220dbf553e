//! Bodies on their way in: bounded each, bounded in sum, and given up when they fall silent.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use tokio::sync::Semaphore;

use crate::server::Reply;

/// The largest body the inbox takes. OpenFn/microservice took 8 MB, OpenFn's webhooks 10 MB.
const BODY_MAX_BYTES: usize = 10 << 20;
/// What all bodies together may take that are larger than [`SMALL_BYTES`].
const SUM_MAX_BYTES: usize = 64 << 20;
/// Bodies up to this size need no room of their own: those of all connections are 64 MiB at most.
const SMALL_BYTES: usize = 64 << 10;
/// Between two pieces of a body. A slow link sends something in this time; who does not holds a connection for nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// The room for bodies on their way in.
#[derive(Debug)]
pub struct Intake(Semaphore);

impl Default for Intake {
    fn default() -> Intake {
        Intake(Semaphore::new(SUM_MAX_BYTES))
    }
}

/// Reads a body whole.
pub(crate) async fn read(intake: &Intake, mut incoming: Incoming) -> Result<Bytes, Reply> {
    let announced = incoming
        .size_hint()
        .exact()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let most = announced.unwrap_or(BODY_MAX_BYTES);
    if most > BODY_MAX_BYTES {
        return Err(too_large());
    }
    let _room = match u32::try_from(most) {
        Ok(wanted) if most > SMALL_BYTES => {
            Some(intake.0.try_acquire_many(wanted).map_err(|_| no_room())?)
        }
        _ => None,
    };
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(SMALL_BYTES));
    while let Some(frame) = tokio::time::timeout(SILENCE, incoming.frame())
        .await
        .map_err(|_| silent())?
    {
        let frame = frame.map_err(|error| {
            Reply::problem(
                StatusCode::BAD_REQUEST,
                &format!("the body did not arrive whole: {error}"),
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if body.len() + data.len() > BODY_MAX_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&data);
    }
    Ok(body.into())
}

fn too_large() -> Reply {
    let said = format!("the body is larger than {} MiB", BODY_MAX_BYTES >> 20);
    Reply::problem(StatusCode::PAYLOAD_TOO_LARGE, &said)
}

fn no_room() -> Reply {
    let said = "as many large messages are on their way as there is room for; send again later";
    Reply::later(said)
}

fn silent() -> Reply {
    let said = format!(
        "nothing more of the body came for {} seconds",
        SILENCE.as_secs()
    );
    Reply::problem(StatusCode::REQUEST_TIMEOUT, &said).header("connection", "close")
}
