//! From the host's codes to the codes that Node has for them, and a sentence.

use wasip2::http::types::{ErrorCode, http_error_code};
use wasip2::io::error::Error as IoError;

use super::exchange::Sent;
use crate::outside::{Request, SendError};

/// How the host marks its own sentence about a request that comes to nothing: `fonio DENIED: …`, `LIMIT` or `TIMEOUT`.
const HOST_SAYS: &str = "fonio ";

pub(super) fn unsendable(request: &Request, why: &str) -> SendError {
    SendError {
        code: "ERR_INVALID_ARG_VALUE".into(),
        message: format!("{} {} cannot be sent: {why}", request.method, request.url),
    }
}

pub(super) fn late(sent: &Sent) -> SendError {
    let ms = sent.timeout.as_millis();
    error("TIMEOUT", sent, &format!("was not answered in {ms} ms"))
}

pub(super) fn broken(sent: &Sent, why: &IoError) -> SendError {
    match http_error_code(why) {
        Some(code) => refused(sent, &code),
        None => error(
            "ECONNRESET",
            sent,
            &format!("failed: {}", why.to_debug_string()),
        ),
    }
}

pub(super) fn refused(sent: &Sent, code: &ErrorCode) -> SendError {
    let host = &sent.authority;
    let (code, what) = match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => (
            "DENIED",
            "was refused: the project does not grant it".to_owned(),
        ),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => return late(sent),
        ErrorCode::HttpResponseBodySize(limit) => {
            let limit = limit.map_or_else(String::new, |bytes| format!(" of {bytes} bytes"));
            (
                "LIMIT",
                format!("failed: the reply is longer than the host's limit{limit}"),
            )
        }
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => (
            "ENOTFOUND",
            format!("failed: no address is known for {host}"),
        ),
        ErrorCode::ConnectionRefused => (
            "ECONNREFUSED",
            format!("failed: {host} refused the connection"),
        ),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            ("EHOSTUNREACH", format!("failed: {host} cannot be reached"))
        }
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => (
            "ECONNRESET",
            format!("failed: {host} closed the connection before its answer was complete"),
        ),
        ErrorCode::TlsCertificateError => (
            "CERT_UNTRUSTED",
            format!("failed: the certificate of {host} is not trusted"),
        ),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
            ("EPROTO", format!("failed: no TLS connection to {host}"))
        }
        ErrorCode::InternalError(Some(why)) => match host_says(why) {
            Some(error) => return error,
            None => ("ECONNRESET", format!("failed: {why}")),
        },
        other => ("ECONNRESET", format!("failed: {other:?}")),
    };
    error(code, sent, &what)
}

fn host_says(why: &str) -> Option<SendError> {
    let (code, message) = why.strip_prefix(HOST_SAYS)?.split_once(": ")?;
    Some(SendError {
        code: code.to_owned(),
        message: message.to_owned(),
    })
}

fn error(code: &str, sent: &Sent, what: &str) -> SendError {
    SendError {
        code: code.to_owned(),
        message: format!("{} {} {what}", sent.method, sent.url),
    }
}
