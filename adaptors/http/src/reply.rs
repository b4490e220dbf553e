//! From what is asked to what comes back: the data by its content type, or the failure that the status means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fonio_sdk::http::{Headers, Method, Request, Response};
use fonio_sdk::{Call, Error, Failure, Reply, Value, log};

use crate::arguments::Ask;
use crate::options::{Errors, Options, ParseAs};
use crate::{address, auth, body, exchange, options};

/// Fields of the connection itself, which belong to the host, and the one that would bring a compressed reply, which nothing here
/// unpacks. Jobs that were written for Node set them now and then.
const OF_THE_HOST: [&str; 8] = [
    "accept-encoding",
    "host",
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "proxy-connection",
];

/// Asks, and gives what a job finds in its state.
pub fn to(call: &Call, mut ask: Ask) -> Result<Reply, Error> {
    if let Some(tls) = call.state().configuration("tls") {
        options::refuse_tls(tls)?;
    }
    let base = call
        .state()
        .configuration_text("baseUrl")
        .or(ask.options.base_url.as_deref());
    let address = address::resolve(&ask.path, base, ask.options.query.as_ref())?;
    let mut request = Request::new(ask.method, address.url);
    request.timeout = ask.options.timeout;
    request.headers = headers(&ask.options);
    body::attach(&mut request, &mut ask.options)?;
    auth::sign(&mut request, ask.options.login.as_ref(), call.state());

    let mut response = exchange::send(call, request.clone(), ask.options.max_redirections)?;
    // What was asked, not where redirects ended: a job compares it with what it wrote.
    response.url = address.shown;
    response.method = request.method.clone();
    log::info(format!(
        "{} - {} in {}ms",
        request.summary(),
        response.status,
        response.duration.as_millis()
    ));
    if let Some(failure) = judge(&response, &ask.options.errors) {
        return Err(failure.into());
    }
    let mut of_response = response.to_json();
    if let Some(query) = ask.options.query {
        of_response.insert("query".into(), query);
    }
    let data = parse(response, ask.options.parse_as)?;
    Ok(Reply {
        data,
        response: Some(Value::Object(of_response)),
    })
}

fn headers(options: &Options) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in &options.headers {
        if OF_THE_HOST
            .iter()
            .any(|field| name.eq_ignore_ascii_case(field))
        {
            log::warn(format!(
                "the header `{name}` is the host's to set, and was left out"
            ));
            continue;
        }
        match value {
            Value::Null => {}
            Value::Array(values) => values
                .iter()
                .for_each(|value| headers.append(name, address::text(value))),
            single => headers.append(name, address::text(single)),
        }
    }
    headers
}

fn judge(response: &Response, errors: &Errors) -> Option<Failure> {
    let rule = match errors {
        Errors::Never => return None,
        Errors::Usual => None,
        Errors::ByStatus(by_status) => by_status.get(&response.status.to_string()),
    };
    match rule {
        Some(Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(response.failure()),
        Some(Value::String(message)) => Some(Failure {
            message: message.clone(),
            ..response.failure()
        }),
        _ => (response.status >= 400).then(|| response.failure()),
    }
}

fn parse(response: Response, parse_as: ParseAs) -> Result<Value, Error> {
    if response.body.is_empty() || response.method == Method::Head {
        return Ok(Value::Null);
    }
    match parse_as {
        ParseAs::Json => json(&response, "json"),
        ParseAs::Text => Ok(response.into_text().into()),
        ParseAs::Base64 => Ok(STANDARD.encode(&response.body).into()),
        // As language-http has it: `application/fhir+json` and the like stay text, and jobs parse it themselves.
        ParseAs::Auto if response.content_type().as_deref() == Some("application/json") => {
            json(&response, "JSON, which its content type says")
        }
        ParseAs::Auto if response.content_type().is_some() => Ok(response.into_text().into()),
        ParseAs::Auto => {
            let bytes = response.body.len();
            log::warn(format!(
                "the reply has no content-type, so its {bytes} bytes are not read; parseAs: 'text' or 'json' reads them"
            ));
            Ok(Value::Null)
        }
    }
}

fn json(response: &Response, parse_as: &str) -> Result<Value, Error> {
    serde_json::from_slice(&response.body).map_err(|why| response.unreadable(parse_as, &why).into())
}
