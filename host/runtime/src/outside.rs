//! What only the runtime for packages reaches: the network and random bytes, as a trait, so that everything above it is
//! tested natively with a far side of the test's own.

use std::time::Duration;

/// Which of the requests under way: unique within a run.
pub type RequestId = u32;

/// A request as a package sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// Absolute: `https://api.example.org/path?query`.
    pub url: String,
    /// In order, with repetitions.
    pub headers: Vec<(String, String)>,
    /// Nothing and an empty body are not the same: only the second announces its length.
    pub body: Option<Vec<u8>>,
    /// Until the whole reply is here.
    pub timeout: Duration,
}

/// A reply, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// From 100 to 599.
    pub status: u16,
    /// In order, with repetitions.
    pub headers: Vec<(String, String)>,
    /// As it came: no content encoding is undone.
    pub body: Vec<u8>,
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// `DENIED`, `LIMIT`, `TIMEOUT`, or as Node names it: `ECONNREFUSED`, `ENOTFOUND`, `ECONNRESET`.
    pub code: String,
    /// A sentence for people; of a refusal, the host's own.
    pub message: String,
}

/// A request that came to its end.
pub type Ended = (RequestId, Result<Response, SendError>);

/// The outside of a step.
pub trait Outside {
    /// Puts a request on its way. How it ends is told by [`Outside::wait`].
    fn send(&self, id: RequestId, request: Request);

    /// Waits until a request ends, or for so long; `None` is as long as a request takes. With no request under way and
    /// no time it returns at once.
    fn wait(&self, at_most: Option<Duration>) -> Vec<Ended>;

    /// Random bits, fit for keys.
    fn random_bits(&self) -> u64;
}
