//! Bodies on their way in: bounded each, bounded in sum, and given up when they fall silent or take too long.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use tokio::sync::Semaphore;

use crate::server::{Reply, seats};

/// The largest body the inbox takes. OpenFn/microservice took 8 MB, OpenFn's webhooks 10 MB.
const BODY_MAX_BYTES: usize = 10 << 20;
/// What all bodies together may take that are larger than [`SMALL_BYTES`].
const SUM_MAX_BYTES: usize = 64 << 20;
/// Bodies up to this size need no room of their own: those of all connections are 64 MiB at most.
const SMALL_BYTES: usize = 64 << 10;
/// Between two pieces of a body. A slow link sends something in this time; who does not holds a connection for nothing.
const SILENCE: Duration = Duration::from_secs(30);
/// What any body may take; beyond it, the time in which what has come comes at [`BYTES_PER_SECOND_MIN`].
const BEGINNING: Duration = Duration::from_secs(60);
/// EDGE has twice as much on a bad day. The largest body may take 22 minutes at it, and with a byte now and then nobody
/// keeps its room for longer than the first minute.
const BYTES_PER_SECOND_MIN: usize = 8 << 10;

/// The room for bodies on their way in.
#[derive(Debug)]
pub struct Intake(Semaphore);

impl Default for Intake {
    fn default() -> Intake {
        Intake(Semaphore::new(SUM_MAX_BYTES))
    }
}

/// Reads a body whole. Until it is, its connection makes room for others.
pub(crate) async fn read(intake: &Intake, incoming: Incoming) -> Result<Bytes, Reply> {
    seats::while_it_comes(whole(intake, incoming)).await
}

async fn whole(intake: &Intake, mut incoming: Incoming) -> Result<Bytes, Reply> {
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
    let begun = Instant::now();
    let mut body = BytesMut::new();
    let mut patience = SILENCE;
    while announced != Some(body.len()) {
        let Some(frame) = tokio::time::timeout(patience, incoming.frame())
            .await
            .map_err(|_| late(patience))?
        else {
            break;
        };
        let frame = frame.map_err(|error| {
            Reply::problem(
                StatusCode::BAD_REQUEST,
                &format!("the body did not arrive whole: {error}"),
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        // Most come in one piece, which is not copied.
        if announced == Some(data.len()) {
            return Ok(data);
        }
        if body.len() + data.len() > BODY_MAX_BYTES {
            return Err(too_large());
        }
        if body.is_empty() {
            body.reserve(announced.unwrap_or(0).min(SMALL_BYTES));
        }
        body.extend_from_slice(&data);
        patience = patience_after(body.len(), begun.elapsed());
    }
    Ok(body.freeze())
}

fn too_large() -> Reply {
    let said = format!("the body is larger than {} MiB", BODY_MAX_BYTES >> 20);
    Reply::problem(StatusCode::PAYLOAD_TOO_LARGE, &said)
}

fn no_room() -> Reply {
    let said = "as many large messages are on their way as there is room for; send again later";
    Reply::later(said)
}

/// How long the next piece is waited for, when so much has come in so long.
fn patience_after(received: usize, taken: Duration) -> Duration {
    let for_received = Duration::from_secs_f64(received as f64 / BYTES_PER_SECOND_MIN as f64);
    (BEGINNING + for_received)
        .saturating_sub(taken)
        .min(SILENCE)
}

/// It did not come within this.
fn late(patience: Duration) -> Reply {
    let said = if patience == SILENCE {
        format!(
            "nothing more of the body came for {} seconds",
            SILENCE.as_secs()
        )
    } else {
        format!(
            "the body came too slowly: it may take {} seconds, and one more for each {} KiB of it",
            BEGINNING.as_secs(),
            BYTES_PER_SECOND_MIN >> 10
        )
    };
    Reply::problem(StatusCode::REQUEST_TIMEOUT, &said).header("connection", "close")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_take_a_minute_and_then_as_long_as_it_comes_at_the_least_rate() {
        let seconds = Duration::from_secs;
        for (received, taken, left) in [
            (0, 0, SILENCE),
            (0, 30, SILENCE),
            (1, 50, seconds(10)),
            (100, 61, seconds(0)),
            (80 << 10, 60, seconds(10)),
            (10 << 20, 60, SILENCE),
            (10 << 20, 60 + 1280 - 1, seconds(1)),
        ] {
            let patience = patience_after(received, seconds(taken));
            let rounded = Duration::from_secs_f64(patience.as_secs_f64().round());
            assert_eq!(rounded, left, "{received} bytes in {taken} s");
        }
    }
}
