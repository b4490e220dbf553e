//! Where operations are told to go.

use fonio_compiler::compile;

fn addresses(source: &str) -> Vec<(String, String, u32, u32)> {
    let known = ["fn", "each", "fnIf", "post", "http", "http.get"].map(str::to_owned);
    let compiled = compile(source, &known).unwrap_or_else(|found| panic!("{source}: {found:?}"));
    let found = compiled.addresses.into_iter();
    found
        .map(|address| {
            (
                address.operation,
                address.text,
                address.line,
                address.column,
            )
        })
        .collect()
}

#[test]
fn a_literal_that_an_operation_is_given_is_found_with_its_place() {
    for (source, operation, text, line, column) in [
        (
            "post('https://a.org/x', {});",
            "post",
            "https://a.org/x",
            1,
            6,
        ),
        (
            "fn(s => s);\n http.get(\"http://a.org:8080\");",
            "http.get",
            "http://a.org:8080",
            2,
            11,
        ),
        (
            "post(`https://a.org/${1}/x`);",
            "post",
            "https://a.org/",
            1,
            6,
        ),
        (
            "post('https://a.org/' + 1 + '/x');",
            "post",
            "https://a.org/",
            1,
            6,
        ),
        (
            "post(state => `https://a.org?q=${state.q}`);",
            "post",
            "https://a.org?q=",
            1,
            15,
        ),
        (
            "each('$.x', post('https://a.org'));",
            "post",
            "https://a.org",
            1,
            18,
        ),
        (
            "fn(s => s).then(post('https://a.org'));",
            "post",
            "https://a.org",
            1,
            22,
        ),
        (
            "post('https://a.org').catch(s => s);",
            "post",
            "https://a.org",
            1,
            6,
        ),
    ] {
        let expected = (operation.to_owned(), text.to_owned(), line, column);
        assert_eq!(addresses(source), [expected], "{source}");
    }
}

#[test]
fn what_may_be_no_address_to_ask_is_left_alone() {
    for source in [
        "post('/x', { system: 'http://hl7.org/fhir' });",
        "post('/x', fn('http://hl7.org/fhir'));",
        "fn(state => { post('https://a.org'); return state; });",
        "post(`https://${1}.org/x`);",
        "post('https://a.' + 1);",
        "post('https://');",
        "post('see https://a.org');",
        "post('ftp://a.org/x');",
        "const url = 'https://a.org'; post(url);",
        "const mine = s => () => s; mine('https://a.org');",
        "export default [post('https://a.org')];",
    ] {
        assert_eq!(addresses(source), [], "{source}");
    }
}
