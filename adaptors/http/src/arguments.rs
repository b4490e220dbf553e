//! From the arguments of a call to what is asked, in each dialect that jobs are written in:
//!
//! | since | form |
//! | --- | --- |
//! | 7 | `post(path, data, options)`, `get(path, options)`, `request(method, path, options)` |
//! | 4 | `post(path, { body, …options })` |
//! | 2 | the same with `json`, `form` or `formData` for `body`, and `request({ method, url, … })` |

use fonio_sdk::http::Method;
use fonio_sdk::{Call, Error, Map, Value};

use crate::options::Options;

/// What a job asks for.
pub struct Ask {
    pub method: Method,
    /// As written; empty for the base URL itself.
    pub path: String,
    pub options: Options,
}

impl Ask {
    /// `get(path, options)`
    pub fn with_options(call: &Call, method: Method) -> Result<Ask, Error> {
        let options = Options::read(options_argument(call)?)?;
        Ok(Ask {
            method,
            path: call.required("path")?,
            options,
        })
    }

    /// `post(path, data, options)` or `post(path, options)`
    pub fn with_data(call: &Call, method: Method) -> Result<Ask, Error> {
        let path = call.required("path")?;
        let data: Option<Value> = call.optional("data")?;
        let options = match (data, options_argument(call)?) {
            (Some(Value::Object(data)), None) if call.given() < 3 && Options::are(&data) => {
                Options::read(Some(data))?
            }
            (data, options) => Options {
                data,
                ..Options::read(options)?
            },
        };
        Ok(Ask {
            method,
            path,
            options,
        })
    }

    /// `request(method, path, options)` or `request({ method, url, … })`
    pub fn with_method(call: &Call) -> Result<Ask, Error> {
        if let Value::Object(all) = call.required("method")? {
            return Ask::in_one_object(all);
        }
        let method: String = call.required("method")?;
        let path: Option<String> = call.optional("path")?;
        let options = Options::read(options_argument(call)?)?;
        Ok(Ask {
            method: Method::parse(&method)?,
            path: path.unwrap_or_default(),
            options,
        })
    }

    fn in_one_object(mut all: Map<String, Value>) -> Result<Ask, Error> {
        let mut text = |name: &str| match all.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let method = text("method").unwrap_or_else(|| "GET".into());
        let path = text("url").or_else(|| text("uri")).unwrap_or_default();
        Ok(Ask {
            method: Method::parse(&method)?,
            path,
            options: Options::read(Some(all))?,
        })
    }
}

/// The `options` argument. A state there was made by a callback: `post(path, options, callback)` of the old dialects has it in the
/// place where the newest has its options, and its result must not be taken for them.
fn options_argument(call: &Call) -> Result<Option<Map<String, Value>>, Error> {
    let options: Option<Map<String, Value>> = call.optional("options")?;
    let is_state = |options: &Map<String, Value>| {
        options.contains_key("configuration") && options.contains_key("data")
    };
    if options.as_ref().is_some_and(is_state) {
        let name = call.operation();
        return Err(Error::InvalidArgument(format!(
            "`options` of {name}() is a whole state: was it meant as a callback? Write {name}(path, data).then(state => …) instead"
        )));
    }
    Ok(options)
}
