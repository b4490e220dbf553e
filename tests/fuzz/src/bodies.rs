//! What arrives at the inbox, made into JSON: against `serde_json`, `roxmltree` and a plain reading of forms.
//!
//! The first line is the content type, the rest the body.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fonio::receiver::{BodyError, Parsed, parse_body};
use futures_util::FutureExt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode;
use roxmltree::{Document, ParsingOptions};
use serde_json::{Value, json};

use crate::{Target, seeds};

/// What criteria would compare.
const KEYS: &[&str] = &["kind", "form", "a", "", "_root", "é\""];
/// What is stored of a message, for each byte that came: a form's name nests up to 32 times, and text is escaped sixfold.
const GROWTH_MAX: usize = 40;

/// The target.
pub const TARGET: Target = Target {
    name: "bodies",
    run,
    seeds,
    words: &[
        "application/json\n",
        "text/xml\n",
        "application/x-www-form-urlencoded\n",
        "multipart/form-data; boundary=x\n",
        "application/vnd.api+json; charset=utf-8\n",
        "\u{feff}",
        "\\ud800",
        "\\u0000",
        "\"kind\":",
        "{\"a\":",
        "[[[[[[[[[[[[[[[[",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?",
        "?>",
        "<!DOCTYPE a [",
        "<!ENTITY",
        "xmlns:a=\"u\"",
        "&lt;",
        "&#x0;",
        "<a b='",
        "</a>",
        "a[b][c]=",
        "a[]=",
        "%5B",
        "%",
        "+",
        "--x\r\n",
        "--x--",
        "Content-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\n",
        "Content-Type: text/xml\r\n",
    ],
    short: 60_000,
};

fn seeds() -> Vec<Vec<u8>> {
    const WRITTEN: &[&str] = &[
        "application/json\n{\"kind\":\"a\",\"n\":[1,2.50,-0,1e3],\"kind\":{\"b\":null},\"text\":\"\\u00e9\\ud83d\\ude00\"}",
        "application/json\n [1,{\"a\":2}] ",
        "application/fhir+json\n\u{feff}{\"resourceType\":\"Bundle\"}",
        "application/x-www-form-urlencoded\nkind=a+b&a[b][c]=1&a[]=2&a%5B%5D=%C3%A9&x",
        "multipart/form-data; boundary=x\n--x\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\na\r\n--x\r\nContent-Disposition: form-data; name=\"xml_submission_file\"; filename=\"f.xml\"\r\nContent-Type: text/xml\r\n\r\n<f id=\"1\"><n>1</n></f>\r\n--x--\r\n",
        "text/xml\n<?xml version='1.0'?><!-- a > b --><f a='1' b=\"x > y\" xmlns:h='u'><e/><h:e>1</h:e><g><![CDATA[<<<]]>t</g></f>",
        "text/plain\nnothing that is taken",
    ];
    let written = WRITTEN.iter().map(|text| (*text).to_owned());
    let of_type = |kind: &'static str, ending: &'static str| {
        let files = ["examples", "tests/corpus"]
            .into_iter()
            .flat_map(move |folder| seeds::files(folder, &[ending]));
        files.map(move |(_, text)| format!("{kind}\n{text}"))
    };
    written
        .chain(of_type("application/json", "input.json"))
        .chain(of_type("application/json", "visit.json"))
        .chain(of_type("text/xml", ".xml"))
        .map(String::into_bytes)
        .collect()
}

fn run(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n');
    let (stated, body) = bytes.split_at(at.unwrap_or(0));
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let Ok(stated) = HeaderValue::from_bytes(stated) else {
        return;
    };
    let kind = stated.to_str().unwrap_or_default().to_owned();
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, stated)]);
    let keys: BTreeSet<String> = KEYS.iter().map(|&key| key.to_owned()).collect();
    let parsed = parse_body(&headers, Bytes::copy_from_slice(body), &keys).now_or_never();
    let parsed = parsed.expect("all of the body is there, so there is nothing to wait for");
    if let Ok(parsed) = &parsed {
        always(parsed, body);
    }
    match kind.as_str() {
        "application/json" => as_json(&parsed, body),
        "text/xml" => as_xml(&parsed, body),
        "application/x-www-form-urlencoded" => as_form(&parsed, body),
        _ => {}
    }
}

/// What is stored is JSON, an object, and not much larger than what came.
fn always(parsed: &Parsed, body: &[u8]) {
    assert!(parsed.data.is_object(), "{}", parsed.data);
    let stored: Value = serde_json::from_slice(&parsed.json).expect("what is stored is JSON");
    assert!(stored.is_object(), "{stored}");
    let most = body.len() * GROWTH_MAX + 1000;
    assert!(
        parsed.json.len() <= most,
        "{} bytes became {}",
        body.len(),
        parsed.json.len()
    );
    if let Some(original) = &parsed.original {
        assert_eq!(original, body, "the original is kept as it came");
        assert_eq!(stored, parsed.data);
    }
}

fn as_json(parsed: &Result<Parsed, BodyError>, body: &[u8]) {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let blank = body.iter().all(u8::is_ascii_whitespace);
    let wanted: Result<Value, _> = if blank {
        Ok(json!({}))
    } else {
        serde_json::from_slice(body)
    };
    let (parsed, wanted) = match (parsed, wanted) {
        (Ok(parsed), Ok(wanted)) => (parsed, wanted),
        (Err(_), Err(_)) => return,
        (Ok(_), Err(error)) => panic!("taken, though {error}"),
        (Err(error), Ok(_)) => panic!("not taken: {error}"),
    };
    let stored: Value = serde_json::from_slice(&parsed.json).expect("what is stored is JSON");
    let wanted = if wanted.is_object() {
        wanted
    } else {
        json!({ "_json": wanted })
    };
    assert_eq!(stored, wanted);
    for key in KEYS {
        assert_eq!(parsed.data.get(key), wanted.get(key), "of the key {key}");
    }
}

fn as_xml(parsed: &Result<Parsed, BodyError>, body: &[u8]) {
    let text = std::str::from_utf8(body);
    let document = text.ok().and_then(|text| {
        let options = ParsingOptions {
            nodes_limit: 200_000,
            ..ParsingOptions::default()
        };
        Document::parse_with_options(text, options).ok()
    });
    let (Some(document), Ok(text)) = (document, text) else {
        assert!(parsed.is_err(), "taken, though it is no XML");
        return;
    };
    let elements = || document.descendants().filter(|node| node.is_element());
    let deep = elements().map(|node| node.ancestors().count() - 1).max();
    let wide = elements().map(|node| node.attributes().len()).max();
    let deepest = deep.unwrap_or(0);
    match parsed {
        Ok(parsed) => {
            assert!(deepest <= 128, "taken at depth {deepest}");
            assert!(wide.unwrap_or(0) <= 256, "taken with {wide:?} attributes");
            let root = document.root_element();
            assert_eq!(parsed.data["_root"], root.tag_name().name());
            // An element may have one of these names itself.
            if !root.tag_name().name().starts_with('_') {
                assert_eq!(parsed.data["_xml"], text);
            }
        }
        Err(error) => {
            let large = deepest > 128 || text.matches("xmlns").count() > 256;
            // Attributes are counted before namespaces are taken out of them.
            let large = large || text.matches('=').count() > 256;
            assert!(large, "not taken: {error}");
        }
    }
}

/// Flat names only: those are as every framework has them.
fn as_form(parsed: &Result<Parsed, BodyError>, body: &[u8]) {
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    let mut nested: BTreeSet<String> = BTreeSet::new();
    for pair in body
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let mut next = || decoded(parts.next().unwrap_or_default());
        let (name, value) = (next(), next());
        match name.split_once('[') {
            Some((first, _)) if name.ends_with(']') => _ = nested.insert(first.to_owned()),
            _ => _ = wanted.insert(name, value),
        }
    }
    let parsed = parsed.as_ref().expect("any bytes are a form");
    for (name, value) in wanted {
        if !nested.contains(&name) {
            assert_eq!(parsed.data[&name], *value, "of the field {name}");
        }
    }
}

fn decoded(text: &[u8]) -> String {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
