//! Sends `AUTHORITY PATH NAME=VALUE…` as it stands, around the SDK and its care.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::asking::Asking;
use fonio_test_guests::{Adaptor, Error, Reply, data, unquoted};

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let text = unquoted(argument);
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (authority, path) = (word(), word());
        let headers = words
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .collect();
        let asking = Asking {
            authority,
            path,
            headers,
            ..Asking::default()
        };
        data(asking.send().map_err(Error::Other)?.to_string())
    }
}

fonio_test_guests::export!(Guest);
