//! How a command reaches what a host keeps. In each of the three ways it asks the same API:
//!
//! ```text
//! --url URL                 a host elsewhere, with a token
//! DATA/fonio.sock answers   the host that runs here, which knows its owner by the kernel's word
//! else                      nobody has the data: the command opens it, and answers itself
//! ```

mod far;
mod here;
mod options;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Failure;
use crate::server::local;
use far::Far;
use here::Here;
pub(crate) use options::Reach;

/// A message has 10 MiB and a run's logs 8; what a job has left may be larger.
const REPLY_MAX_BYTES: usize = 256 << 20;
/// Longer than a request waits for a run.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection, of whichever kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Where the answers come from.
enum Way {
    /// A host elsewhere.
    Far(Far),
    /// The host that runs on this data folder.
    Host(std::path::PathBuf),
    /// This very process.
    Here(Box<Here>),
}

/// Asks a host, or in its place.
pub(crate) struct Client {
    way: Way,
    /// Before every path: `/clinic`, or nothing.
    prefix: String,
    /// By whose name a host of several knows which is meant.
    tenant: Option<String>,
}

/// An answer, as it came.
pub(crate) struct Answer {
    text: String,
    next: Option<i64>,
}

impl Answer {
    /// What it says.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.text).map_err(|error| {
            Failure::failed(format!("the host's reply cannot be understood: {error}"))
        })
    }

    /// As it came.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// From where to go on, of an answer that is not all.
    pub(crate) fn next(&self) -> Option<i64> {
        self.next
    }
}

impl Client {
    /// Whether no host runs, so that what begins now waits for one.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.way, Way::Here(_))
    }

    /// Reads a path below `/api/v1`.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Sends a document to a path below `/api/v1`, where a project is needed to answer.
    pub(crate) async fn post(&self, path: &str, body: String) -> Result<Answer, Failure> {
        if let Way::Here(here) = &self.way {
            here.load().await?;
        }
        self.ask(Method::POST, path, body.into()).await
    }

    /// As [`Client::post`], where nothing is asked of the project itself.
    pub(crate) async fn look(&self, path: &str, body: String) -> Result<Answer, Failure> {
        self.ask(Method::POST, path, body.into()).await
    }

    /// Lets go of what it has open. What was asked for is done by then.
    pub(crate) async fn close(self) {
        if let Way::Here(here) = self.way {
            here.close().await;
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, Failure> {
        let asked = tokio::time::timeout(TIMEOUT, self.exchange(method, path, body)).await;
        let late = || {
            let said = format!("{} did not answer within {TIMEOUT:?}", self.name());
            Failure::failed(said)
        };
        let (status, answer) = asked.map_err(|_| late())??;
        if status.is_success() {
            return Ok(answer);
        }
        let problem: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let why = problem["detail"].as_str().unwrap_or("and did not say why");
        if let (StatusCode::NOT_FOUND, Some(tenant)) = (status, &self.tenant)
            && why.starts_with("there is nothing here")
        {
            return Err(self.no_tenant(tenant, why));
        }
        Err(match status {
            StatusCode::BAD_REQUEST => Failure::usage(why),
            StatusCode::UNAUTHORIZED => Failure::failed(format!(
                "{why}; show a token with FONIO_TOKEN or --token, which `fonio token new` makes there"
            )),
            _ => Failure::failed(why),
        })
    }

    fn no_tenant(&self, tenant: &str, why: &str) -> Failure {
        let name = self.name();
        Failure::usage(match why.contains("serves tenants") {
            true => format!("{name} has no tenant {tenant}"),
            false => format!("{name} serves one project, and no tenants: leave out --tenant"),
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Answer), Failure> {
        let broken = |error: &dyn std::fmt::Display| {
            Failure::failed(format!("{} broke off: {error}", self.name()))
        };
        let stream = self.connect().await?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.prefix))
            .header(HOST, self.authority());
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = self.token() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| Failure::usage(format!("that cannot be asked for: {error}")))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        // It ends with the reply, which says all that it could.
        tokio::spawn(connection);
        let reply = sender.send_request(request).await;
        let reply = reply.map_err(|error| broken(&error))?;
        let status = reply.status();
        let next = reply.headers().get("fonio-next");
        let next = next.and_then(|next| next.to_str().ok()?.parse().ok());
        let whole = Limited::new(reply.into_body(), REPLY_MAX_BYTES).collect();
        let bytes = whole.await.map_err(|error| broken(&error))?.to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((status, Answer { text, next }))
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        match &self.way {
            Way::Far(far) => far.connect().await,
            Way::Host(data) => match local::call(data).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(unreachable(&self.name(), &error)),
            },
            Way::Here(here) => Ok(Box::new(here.connect())),
        }
    }

    fn authority(&self) -> &str {
        match &self.way {
            Way::Far(far) => far.authority(),
            Way::Host(_) | Way::Here(_) => "localhost",
        }
    }

    fn token(&self) -> Option<&str> {
        match &self.way {
            Way::Far(far) => far.token(),
            Way::Host(_) | Way::Here(_) => None,
        }
    }

    fn name(&self) -> String {
        match &self.way {
            Way::Far(far) => far.authority().to_owned(),
            Way::Host(data) => format!("the host on {}", data.display()),
            Way::Here(_) => "this program".to_owned(),
        }
    }
}

fn unreachable(name: &str, error: &io::Error) -> Failure {
    Failure::failed(format!("{name} cannot be reached: {error}"))
}
