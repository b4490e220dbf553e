//! Inputs that are too large to keep, with the final states that they lead to.

use serde_json::{Value, json};

/// Input and final state of a case that has no files for them.
pub fn of(name: &str) -> Option<(Value, Value)> {
    match name {
        "large_state_of_ten_megabytes" => Some(ten_megabytes()),
        "large_list_of_20_000_records" => Some(twenty_thousand_records()),
        _ => None,
    }
}

/// 9,000 records of a bit more than 1 kB; the job changes one field of each.
fn ten_megabytes() -> (Value, Value) {
    let state = |village: fn(usize) -> String| {
        let records = (0..9_000).map(|id| {
            json!({ "id": id, "village": village(id), "note": "é".repeat(520), "visits": [id, id + 1] })
        });
        json!({ "data": { "records": records.collect::<Vec<_>>() } })
    };
    let input = state(|id| format!("Village {}", id % 97));
    let mut expected = state(|id| format!("VILLAGE {}", id % 97));
    expected["count"] = json!(9_000);
    (input, expected)
}

/// The job sums up the records of each of seven districts, one operation a record.
fn twenty_thousand_records() -> (Value, Value) {
    const RECORDS: u64 = 20_000;
    const DISTRICTS: u64 = 7;
    let records = (0..RECORDS).map(
        |id| json!({ "id": id, "district": format!("D{}", id % DISTRICTS), "cases": id % 10 }),
    );
    let input = json!({ "data": records.collect::<Vec<_>>() });
    let sum = |district| {
        (district..RECORDS)
            .step_by(DISTRICTS as usize)
            .map(|id| id % 10)
            .sum::<u64>()
    };
    let sums: serde_json::Map<String, Value> = (0..DISTRICTS)
        .map(|district| (format!("D{district}"), json!(sum(district))))
        .collect();
    let last = json!({ "id": RECORDS - 1, "district": format!("D{}", (RECORDS - 1) % DISTRICTS), "cases": (RECORDS - 1) % 10 });
    (
        input,
        json!({ "data": last, "index": RECORDS - 1, "sums": sums }),
    )
}
