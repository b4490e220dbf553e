//! How long something took, in words.

use std::time::Duration;

/// `17ms`, `1.7s`, `2m 3.0s`.
pub(super) fn words(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if took < Duration::from_secs(1) {
        format!("{}ms", took.as_millis())
    } else if took < Duration::from_secs(60) {
        format!("{seconds:.1}s")
    } else {
        format!("{}m {:.1}s", took.as_secs() / 60, seconds % 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_the_unit_that_a_person_would_choose() {
        let words = |milliseconds| words(Duration::from_millis(milliseconds));
        assert_eq!(words(17), "17ms");
        assert_eq!(words(1_700), "1.7s");
        assert_eq!(words(123_000), "2m 3.0s");
    }
}
