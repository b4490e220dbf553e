//! The filter on whole requests and replies. A step's pass it in pieces (`capabilities/http`), by the same functions; this is
//! for whoever checks the filter from outside (`tests/fuzz`).

use bytes::Bytes;
use http::{Request, header};

use super::filter::Resealed;
use super::vault::Seals;

impl Seals {
    /// `request` as it leaves for `origin`: scheme, host and port.
    ///
    /// # Errors
    /// What the author of the job reads when it may not leave.
    pub fn open_request(
        &self,
        request: Request<Bytes>,
        origin: (&str, &str, u16),
    ) -> Result<Request<Bytes>, String> {
        let (mut parts, body) = request.into_parts();
        let mut opened = self
            .open(&mut parts, origin)
            .map_err(|refusal| refusal.to_string())?;
        let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
        let kind = kind.as_ref().and_then(|kind| kind.to_str().ok());
        let body = self
            .open_body(kind, body, &mut opened)
            .map_err(|refusal| refusal.to_string())?;
        Ok(Request::from_parts(parts, body))
    }

    /// What a guest reads of a reply whose body comes in these chunks.
    pub fn seal_reply<'c>(&self, chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<u8> {
        let mut filter = Resealed::new(self.clone());
        let mut seen = Vec::new();
        for chunk in chunks {
            seen.extend(filter.push(chunk));
        }
        seen.extend(filter.finish());
        seen
    }
}
