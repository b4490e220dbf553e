//! The adaptor that `fonio adaptor new --lang rust` writes, compiled with its own tests, and the promise that README.md shows
//! this one.

#[path = "../../templates/rust/src/lib.rs"]
mod template;

#[test]
fn the_readme_shows_the_template_and_its_test() {
    let readme = include_str!("../README.md");
    let shown: Vec<&str> = readme
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(shown.len(), 2);
    for code in shown {
        assert!(
            include_str!("../../templates/rust/src/lib.rs").contains(code),
            "not in templates/rust/src/lib.rs:\n{code}"
        );
    }
}
