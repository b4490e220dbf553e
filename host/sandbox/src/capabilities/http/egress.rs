//! What a project keeps: its grants, and the connections made under them.

use std::sync::Arc;

use bytes::Bytes;
use fonio_project::Grants;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;
use wasmtime_wasi_http::Error;

use super::connector::Connector;

/// Connections kept open to one origin. A native adaptor sends one request at a time; a package may send up to 64, and
/// seldom sends more than a few.
const IDLE_PER_ORIGIN: usize = 16;
/// How long an unused connection is kept; under the 60 s after which common servers close theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

pub(super) type RequestBody = UnsyncBoxBody<Bytes, Error>;

/// The way out for the guests of one job: its grants and a pool of connections that only they use.
///
/// Pools are not shared between different grants: a connection made under one must not serve another.
#[derive(Clone, Debug)]
pub struct Egress {
    pub(super) grants: Arc<Grants>,
    pub(super) client: Client<Connector, RequestBody>,
}

impl Egress {
    /// A way out to what `grants` names and nothing else.
    pub fn new(grants: Grants) -> Egress {
        let grants = Arc::new(grants);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_PER_ORIGIN)
            // A request that met a connection just closed by the server is sent again only if none of it was sent.
            .retry_canceled_requests(true)
            .set_host(false)
            .build(Connector::new(Arc::clone(&grants)));
        Egress { grants, client }
    }
}
