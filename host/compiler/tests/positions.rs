//! Positions of the output lead back to the source, whatever the compiler does to a job.

use fonio_compiler::{Compiled, compile};
use proptest::prelude::*;

/// Statements that each make the compiler do something. Every `#` becomes a name of its own.
const STATEMENTS: &[&str] = &[
    "fn(state => {\n  const é = '🌾', v = #;\n  return { ...state, v, w: # };\n});",
    "get(`/é/${$.#}/${$.#}`, { a: # });",
    "post('/', { a: $.#, b: [String($.#), 🌾 => #] });",
    "get(#)\n  .then(state => #) // 🌾\n  .catch(error => #);",
    "get(#).catch((error, state) => #);",
    "get($.#) /* 🌾 */ .catch(\n  (error, state) => #\n).then(#).finally(#);",
    "each($.#, post($.#, #).then(#));",
    "const {#} = { a: { b: # } };",
    "fn(state => {\n  const é = '🌾'; const { é: [#] } = #; return #;\n});",
    "fn(state => {\n  throw new MyError(`é ${#}`, // 🌾\n    #, { # },\n  );\n});",
    "if (#) {\n  (#);\n}",
    "import { fn,\n get as alias,\n é as é1 } from '@openfn/language-#'; (#);",
    "i = #; for (j of #) k = #;",
    "(fn(#));",
    "#;",
];
const SEPARATORS: &[&str] = &["\n", "\r\n", " ", "\n\n\t", " // é\n", " /* 🌾\n */ ", ""];

fn job(parts: &[(usize, usize)]) -> (String, usize) {
    let mut source = String::new();
    let mut names = 0;
    for (statement, separator) in parts {
        // A name that is imported twice is an error, and rightly.
        let once = STATEMENTS[*statement].contains("import") && source.contains("import");
        for (index, text) in STATEMENTS[if once { 0 } else { *statement }]
            .split('#')
            .enumerate()
        {
            if index > 0 {
                names += 1;
                source.push_str(&format!("name{names}_"));
            }
            source.push_str(text);
        }
        source.push_str(SEPARATORS[*separator]);
    }
    (source.replace("🌾 =>", "x =>"), names)
}

/// The column is one more than `length` gives for the text before the name.
fn position(text: &str, name: &str, length: fn(&str) -> usize) -> Option<(u32, u32)> {
    (1..).zip(text.split('\n')).find_map(|(line, text)| {
        let before = text.split_once(name)?.0;
        let column = 1 + u32::try_from(length(before)).expect("a short line");
        Some((line, column))
    })
}

fn back(compiled: &Compiled, (line, column): (u32, u32)) -> (u32, u32) {
    let before = compiled
        .shifts
        .iter()
        .filter(|shift| shift.line == line && shift.column <= column);
    let length: i32 = before.map(|shift| shift.length).sum();
    (
        line,
        column.checked_add_signed(-length).expect("a source column"),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_name_of_a_job_leads_back_to_its_place_and_lines_stay_lines(
        parts in prop::collection::vec((0..STATEMENTS.len(), 0..SEPARATORS.len()), 0..12),
    ) {
        let known: Vec<String> =
            ["fn", "get", "post", "each", "é", "__operation", "__defer"].map(str::to_owned).to_vec();
        let (source, names) = job(&parts);
        let compiled = match compile(&source, &known) {
            Ok(compiled) => compiled,
            Err(problems) => return Err(TestCaseError::fail(format!("{source}\n{problems:#?}"))),
        };
        prop_assert_eq!(compiled.module.matches('\n').count(), source.matches('\n').count());
        for name in (1..=names).map(|name| format!("name{name}_")) {
            let output = position(&compiled.module, &name, str::len);
            let origin = position(&source, &name, |before| before.chars().count());
            if let (Some(output), Some(origin)) = (output, origin) {
                prop_assert_eq!(back(&compiled, output), origin, "{} in\n{}\n{}", name, source, compiled.module);
            }
        }
        // What comes out is a module again.
        prop_assert!(compile(&compiled.module, &known).is_ok(), "{}", compiled.module);
    }
}
