//! Names that have to be other than those that are there.

/// `name`, or the first of `name-2`, `name-3`, … that is not taken.
pub(crate) fn unless_taken(name: &str, taken: impl Fn(&String) -> bool) -> String {
    let mut found = name.to_owned();
    let mut number = 1_u64;
    while taken(&found) {
        number += 1;
        found = format!("{name}-{number}");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_the_first_number_that_is_not_taken() {
        let taken = ["a", "a-2", "b"];
        let is_taken = |name: &String| taken.contains(&name.as_str());
        assert_eq!(unless_taken("a", is_taken), "a-3");
        assert_eq!(unless_taken("b", is_taken), "b-2");
        assert_eq!(unless_taken("c", is_taken), "c");
    }
}
