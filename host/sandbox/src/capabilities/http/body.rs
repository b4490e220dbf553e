//! Reply bodies: cut off where they grow beyond the limit or fall silent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::Error;

use crate::meter::Meter;

/// A reply's body under the step's limits.
pub(super) struct LimitedBody {
    incoming: Incoming,
    received: u64,
    meter: Arc<Meter>,
    silence: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl LimitedBody {
    pub fn new(incoming: Incoming, meter: Arc<Meter>, silence: Duration) -> LimitedBody {
        LimitedBody {
            incoming,
            received: 0,
            meter,
            silence,
            deadline: Box::pin(sleep(silence)),
        }
    }

    fn too_large(&self) -> Error {
        self.meter.record("response");
        Error::HttpResponseBodySize(Some(self.meter.limits().response_bytes))
    }
}

/// Refuses a reply that announces more than the limit, before any of it is read.
pub(super) fn check_announced(incoming: &Incoming, meter: &Meter) -> Result<(), Error> {
    let limit = meter.limits().response_bytes;
    if incoming.size_hint().lower() <= limit {
        return Ok(());
    }
    meter.record("response");
    Err(Error::HttpResponseBodySize(Some(limit)))
}

impl Body for LimitedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.received > self.meter.limits().response_bytes {
                    return Poll::Ready(Some(Err(self.too_large())));
                }
                let next = Instant::now() + self.silence;
                self.deadline.as_mut().reset(next);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match self.deadline.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.incoming.size_hint()
    }
}
