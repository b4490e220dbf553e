//! Well-behaved: says that it wants collections, and counts in the collection `seen` how often it was called.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Description, Error, Reply, collections, data, description};

struct Guest;

impl Adaptor for Guest {
    fn describe() -> Description {
        Description {
            wants: vec!["log".into(), "collections".into()],
            ..description("counter", "1.0.0")
        }
    }

    fn attack(_: &str) -> Result<Reply, Error> {
        let wrong = |error: collections::Error| Error::Other(error.to_string());
        let seen = collections::get("seen", "calls").map_err(wrong)?;
        let seen = seen.and_then(|seen| seen.parse().ok()).unwrap_or(0_u32) + 1;
        let item = collections::Item {
            key: "calls".into(),
            value: seen.to_string(),
        };
        collections::set("seen", &[item]).map_err(wrong)?;
        data(seen.to_string())
    }
}

fonio_test_guests::export!(Guest);
