//! Which messages a trigger's criteria match.

use serde_json::{Map, Number, Value};

/// Whether `body` has every top-level key of `criteria` with an equal value. Empty criteria match everything.
///
/// A key is taken literally, dots and all. Nested values must be equal as a whole, not contained.
/// A key that `body` lacks does not match, not even `null`.
pub(crate) fn matches(criteria: &Map<String, Value>, body: &Value) -> bool {
    criteria
        .iter()
        .all(|(key, wanted)| body.get(key).is_some_and(|found| equal(wanted, found)))
}

/// Deep equality where, as in the engine that these criteria were written for, 1 and 1.0 are equal.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => equal_numbers(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

fn equal_numbers(a: &Number, b: &Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        (Some(integer), None) => equals_float(integer, b.as_f64()),
        (None, Some(integer)) => equals_float(integer, a.as_f64()),
        (None, None) => a.as_f64() == b.as_f64(),
    }
}

/// Exactly: a large integer is not made a float, which would make neighbours equal.
fn equals_float(integer: i128, float: Option<f64>) -> bool {
    // JSON integers are within 64 bits, so a float beyond 2^65 saturates to something that none of them equals.
    float.is_some_and(|float| float.fract() == 0.0 && float as i128 == integer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(criteria: Value, body: Value) -> bool {
        matches(criteria.as_object().expect("criteria are an object"), &body)
    }

    #[test]
    fn every_key_must_match() {
        assert!(check(
            json!({"a": 1, "b": "x"}),
            json!({"a": 1, "b": "x", "c": true})
        ));
        assert!(!check(json!({"a": 1, "b": "x"}), json!({"a": 1})));
        assert!(!check(json!({"a": 1}), json!({"a": "1"})));
    }

    #[test]
    fn empty_criteria_match_every_body() {
        for body in [
            json!({}),
            json!({"a": 1}),
            json!([1]),
            json!(null),
            json!("text"),
        ] {
            assert!(check(json!({}), body));
        }
    }

    #[test]
    fn nested_values_must_be_equal_not_contained() {
        assert!(check(
            json!({"a": {"b": [1, 2]}}),
            json!({"a": {"b": [1, 2]}})
        ));
        assert!(!check(
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 1, "c": 2}})
        ));
        assert!(!check(json!({"a": [1]}), json!({"a": [1, 2]})));
    }

    #[test]
    fn numbers_are_equal_by_value() {
        assert!(check(json!({"n": 2}), json!({"n": 2.0})));
        assert!(check(json!({"n": 2.0}), json!({"n": 2})));
        assert!(!check(json!({"n": 2}), json!({"n": 2.5})));
        assert!(!check(
            json!({"n": 9_007_199_254_740_993_i64}),
            json!({"n": 9_007_199_254_740_992.0})
        ));
        assert!(!check(
            json!({"n": u64::MAX}),
            json!({"n": 1.8446744073709552e19})
        ));
        assert!(!check(json!({"n": i64::MAX}), json!({"n": 1e300})));
    }

    #[test]
    fn a_key_with_dots_is_one_key_and_a_missing_one_is_not_null() {
        assert!(check(json!({"a.b": 1}), json!({"a.b": 1})));
        assert!(!check(json!({"a.b": 1}), json!({"a": {"b": 1}})));
        assert!(!check(json!({"a": null}), json!({})));
        assert!(check(json!({"a": null}), json!({"a": null})));
        assert!(!check(json!({"a": 1}), json!([{"a": 1}])));
    }

    proptest! {
        #[test]
        fn a_body_matches_itself_and_any_part_of_itself(
            entries in proptest::collection::btree_map("[a-c.$]{1,3}", any::<i64>(), 0..6),
            keep in any::<u8>(),
        ) {
            let body: Map<String, Value> = entries.into_iter().map(|(k, v)| (k, v.into())).collect();
            let part = body.iter().enumerate().filter(|(i, _)| keep >> i & 1 == 1).map(|(_, (k, v))| (k.clone(), v.clone()));
            prop_assert!(matches(&part.collect(), &Value::Object(body.clone())));
        }
    }
}
