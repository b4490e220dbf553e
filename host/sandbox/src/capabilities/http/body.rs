//! Bodies: those of requests, counted; those of replies, unpacked, cut off where they grow beyond the limit or fall silent,
//! and without secrets.

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::Error;

use super::reached::Answer;
use crate::meter::Meter;
use crate::seal::{Resealed, Seals};

/// Gzip grows a thousandfold at most, so one such piece becomes 1 MiB before the limit is looked at again.
const PACKED_PIECE: usize = 1 << 10;

/// A request's body under the step's limits.
pub(super) struct SentBody<B> {
    body: B,
    meter: Arc<Meter>,
    /// What the far side says to it, while nothing has come.
    answer: Weak<Answer>,
}

impl<B> SentBody<B> {
    /// Counts what passes.
    pub fn new(body: B, meter: Arc<Meter>, answer: Weak<Answer>) -> SentBody<B> {
        SentBody {
            body,
            meter,
            answer,
        }
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for SentBody<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(answer) = self.answer.upgrade() {
            // While the guest has not written all of it, nobody can answer.
            answer.is_awaited(frame.is_ready());
        }
        let frame = ready!(frame).transpose()?;
        let bytes = frame
            .as_ref()
            .and_then(Frame::data_ref)
            .map_or(0, Bytes::len);
        if self.meter.count_sent(bytes).is_err() {
            let limit = self.meter.limits().sent_bytes;
            return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(limit)))));
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A reply's body under the step's limits.
pub(super) struct ReplyBody {
    incoming: Incoming,
    unpacker: Option<MultiGzDecoder<Vec<u8>>>,
    resealed: Option<Resealed>,
    /// As it came, and as the guest gets it: a packed reply that unpacks to nothing ends too.
    received: u64,
    unpacked: u64,
    meter: Arc<Meter>,
    patience: Patience,
    deadline: Pin<Box<Sleep>>,
    ended: bool,
}

/// With a system that has begun to answer.
pub(super) struct Patience {
    /// How long it may say nothing.
    pub silence: Duration,
    /// The rest of what it says.
    pub rest: Answer,
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

/// What the host asks for in place of the guest: a packed reply could hide a secret from the filter.
pub(super) fn ask_for_packed(headers: &mut HeaderMap) {
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
}

/// How a reply is packed: `Ok(true)` if it is to be unpacked here.
///
/// # Errors
/// It is packed in a way that was not asked for, and secrets may be in it.
fn is_packed(headers: &HeaderMap, seals: &Seals) -> Result<bool, Error> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(false);
    };
    match encoding.to_str().unwrap_or_default().trim() {
        encoding if encoding.eq_ignore_ascii_case("gzip") => Ok(true),
        encoding if encoding.eq_ignore_ascii_case("identity") || encoding.is_empty() => Ok(false),
        _ if !seals.seals() => Ok(false),
        other => Err(Error::InternalError(Some(format!(
            "the reply is packed as `{other}`, and only gzip was asked for"
        )))),
    }
}

impl ReplyBody {
    /// The body of a reply with these `headers`, which then say how the guest gets it.
    pub fn new(
        incoming: Incoming,
        headers: &mut HeaderMap,
        seals: &Seals,
        meter: Arc<Meter>,
        patience: Patience,
    ) -> Result<ReplyBody, Error> {
        let packed = is_packed(headers, seals)?;
        if packed {
            headers.remove(header::CONTENT_ENCODING);
        }
        let resealed = seals.seals().then(|| Resealed::new(seals.clone()));
        if packed || resealed.is_some() {
            // What the guest gets may be longer or shorter than what was sent.
            headers.remove(header::CONTENT_LENGTH);
        }
        Ok(ReplyBody {
            incoming,
            unpacker: packed.then(|| MultiGzDecoder::new(Vec::new())),
            resealed,
            received: 0,
            unpacked: 0,
            meter,
            deadline: Box::pin(sleep(patience.silence)),
            patience,
            ended: false,
        })
    }

    fn count_received(&mut self, bytes: usize) -> Result<(), Error> {
        self.received += bytes as u64;
        self.check(self.received)?;
        self.meter
            .count_received(bytes)
            .map_err(|_| Error::HttpResponseBodySize(Some(self.meter.limits().received_bytes)))
    }

    fn count_unpacked(&mut self, bytes: usize) -> Result<(), Error> {
        self.unpacked += bytes as u64;
        self.check(self.unpacked)
    }

    fn check(&self, bytes: u64) -> Result<(), Error> {
        let limit = self.meter.limits().response_bytes;
        if bytes <= limit {
            return Ok(());
        }
        self.meter.record("response");
        Err(Error::HttpResponseBodySize(Some(limit)))
    }

    fn unpack(&mut self, data: Bytes) -> Result<Bytes, Error> {
        self.count_received(data.len())?;
        let Some(mut unpacker) = self.unpacker.take() else {
            return Ok(data);
        };
        let mut unpacked = Vec::new();
        for piece in data.chunks(PACKED_PIECE) {
            unpacker.write_all(piece).map_err(not_gzip)?;
            self.count_unpacked(unpacker.get_ref().len())?;
            unpacked.append(unpacker.get_mut());
        }
        self.unpacker = Some(unpacker);
        Ok(unpacked.into())
    }

    fn settled(&mut self, data: Bytes) -> Bytes {
        match &mut self.resealed {
            Some(filter) => filter.push(&data).into(),
            None => data,
        }
    }

    fn rest(&mut self) -> Result<Bytes, Error> {
        let mut rest = Bytes::new();
        if let Some(unpacker) = self.unpacker.take() {
            let last = unpacker.finish().map_err(not_gzip)?;
            self.count_unpacked(last.len())?;
            rest = self.settled(last.into());
        }
        if let Some(filter) = &mut self.resealed {
            rest = [rest.to_vec(), filter.finish()].concat().into();
        }
        Ok(rest)
    }
}

fn not_gzip(error: std::io::Error) -> Error {
    Error::InternalError(Some(format!(
        "the reply says that it is packed by gzip, and is not: {error}"
    )))
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            let frame = Pin::new(&mut self.incoming).poll_frame(cx);
            self.patience.rest.is_awaited(frame.is_pending());
            let Poll::Ready(frame) = frame else {
                ready!(self.deadline.as_mut().poll(cx));
                self.patience.rest.never_came();
                return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
            };
            let next = Instant::now() + self.patience.silence;
            self.deadline.as_mut().reset(next);
            let data = match frame.transpose()?.map(Frame::into_data) {
                Some(Ok(data)) => {
                    let data = self.unpack(data)?;
                    self.settled(data)
                }
                // Trailers are left out: they would have to be filtered, and no system that is known here needs them.
                Some(Err(_)) => continue,
                None => {
                    self.ended = true;
                    let rest = self.rest()?;
                    if rest.is_empty() {
                        return Poll::Ready(None);
                    }
                    rest
                }
            };
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
