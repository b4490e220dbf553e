//! What is granted, and which requests and addresses that permits, against the `url` crate and address ranges of our own.
//!
//! A line each: `to URL` is a request, `at ADDRESS` what its name resolves to; every other line is a grant.

mod oracle;
mod ranges;

use std::net::IpAddr;

use fonio_project::{Grants, Origin};
use url::Url;

use crate::{Target, seeds};
use oracle::Granted;

/// Of each kind; more lines only multiply what few lines show.
const LINES_MAX: usize = 6;

/// The target.
pub const TARGET: Target = Target {
    name: "grants",
    run,
    seeds,
    words: &[
        "to ",
        "at ",
        "\n",
        "http://",
        "https://",
        "*.",
        "example.org",
        "localhost",
        "xn--",
        "@",
        ":443",
        ":80",
        ":8080",
        "/8",
        "/96",
        "/128",
        "/0",
        "[::1]",
        "[::ffff:",
        "[64:ff9b::",
        "127.0.0.1",
        "127.1",
        "0x7f",
        "2130706433",
        "169.254.169.254",
        "10.0.0.0/8",
        "%2e",
        "%00",
        "..",
        ".",
    ],
    short: 150_000,
};

fn seeds() -> Vec<Vec<u8>> {
    const REQUESTS: &str = "to https://dhis2.example.org/api\nto http://2130706433:8080/\nto https://user:pw@api.example.org:8443/x?y#z\nat 93.184.215.14\nat 10.1.2.3\nat ::ffff:127.0.0.1\nat fe80::1";
    const GRANTS: &[&str] = &[
        "https://dhis2.example.org\nhttps://*.example.org:8443",
        "http://10.1.0.0/16:8080\nhttp://[fd00::/8]:8080\nto http://[fd12::1]:8080/\nto http://10.1.255.255:8080",
        "http://127.0.0.1:8080\nhttp://localhost\nto http://localhost/\nto http://127.1/\nto http://a.localhost./",
        "http://[::ffff:10.0.0.1]\nto http://0x0a.1/\nto http://[::ffff:a00:1]/\nhttp://0.0.0.0/0",
        "https://[64:ff9b::/96]\nto https://[64:ff9b::7f00:1]/\nat 64:ff9b::a00:1\nat 2002:7f00:1::",
        " HTTPS://Example.ORG.:443/ \nto https://example.org./\nto https://EXAMPLE.org:443",
    ];
    let written = GRANTS.iter().map(|grants| format!("{grants}\n{REQUESTS}"));
    let settings = seeds::files("", &["fonio.toml"]).into_iter();
    let quoted = settings.map(|(_, text)| {
        let texts = text.split('"').filter(|text| text.contains("://"));
        let lines: Vec<String> = texts.map(|text| format!("{text}\nto {text}/x")).collect();
        lines.join("\n")
    });
    written.chain(quoted).map(String::into_bytes).collect()
}

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (mut granted, mut asked, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(url) = line.strip_prefix("to ") {
            asked.push(url);
        } else if let Some(address) = line.strip_prefix("at ") {
            addresses.extend(address.parse::<IpAddr>().ok());
        } else {
            granted.push(line);
        }
    }
    granted.truncate(LINES_MAX);
    asked.truncate(LINES_MAX);
    addresses.truncate(LINES_MAX);
    let both: Vec<(Origin, Granted)> = granted.into_iter().filter_map(parsed).collect();
    let (origins, oracle): (Vec<Origin>, Vec<Granted>) = both.into_iter().unzip();
    let grants = Grants::new(origins);
    for url in asked {
        if let Some(read) = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
        {
            judged(&grants, &oracle, &read, &addresses);
        }
        as_written(&grants, &oracle, url);
    }
}

/// What the host takes for a grant, our own reading takes for the same; and it can be written and read again.
fn parsed(text: &str) -> Option<(Origin, Granted)> {
    let origin: Origin = text.parse().ok()?;
    let shown = origin.to_string();
    assert_eq!(
        shown.parse(),
        Ok(origin.clone()),
        "written as {shown}, and read otherwise"
    );
    // A name that no client can ask for: the grant is for nothing.
    if shown.contains("xn--") {
        return None;
    }
    let granted = Granted::read(text);
    let granted = granted.unwrap_or_else(|| panic!("`{text}` is taken for the grant {shown}"));
    assert_eq!(
        Granted::read(&shown).as_ref(),
        Some(&granted),
        "`{text}` is shown as {shown}"
    );
    Some((origin, granted))
}

/// A request as a client of today reads its address.
fn judged(grants: &Grants, oracle: &[Granted], url: &Url, addresses: &[IpAddr]) {
    let (Some(host), Some(name)) = (url.host(), url.host_str()) else {
        return;
    };
    let port = url.port_or_known_default().unwrap_or(0);
    let permitted = oracle
        .iter()
        .any(|granted| granted.permits(url.scheme(), &host, port));
    assert_eq!(
        grants.permits(url.scheme(), name, port),
        permitted,
        "a request to {url} under {grants}"
    );
    for address in addresses {
        let local = name.trim_end_matches('.');
        let local = local == "localhost" || local.ends_with(".localhost");
        let wanted = permitted
            && (ranges::is_public(*address)
                || oracle
                    .iter()
                    .any(|granted| granted.names(url.scheme(), *address, port))
                || local && ranges::is_loopback(*address));
        assert_eq!(
            grants.permits_address(url.scheme(), name, *address, port),
            wanted,
            "a connection to {address} for {url} under {grants}"
        );
    }
}

/// A request as its author spelt it, which is what the host sees: it is not permitted unless its meaning is. The line that
/// would allow it does.
fn as_written(grants: &Grants, oracle: &[Granted], text: &str) {
    let Ok(uri) = text.parse::<http::Uri>() else {
        return;
    };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return;
    };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return,
    };
    let port = uri.port_u16().unwrap_or(default);
    let meant = Url::parse(text).ok();
    if grants.permits(scheme, host, port)
        && let Some(host) = meant.as_ref().and_then(Url::host)
    {
        let permitted = oracle
            .iter()
            .any(|granted| granted.permits(scheme, &host, port));
        assert!(permitted, "`{text}`, which is {host}, under {grants}");
    }
    let line = grants.line_to_allow(scheme, host, port);
    let table: toml::Table = line
        .parse()
        .unwrap_or_else(|error| panic!("for `{text}`: {line}: {error}"));
    let last = table["network"]["allow"]
        .as_array()
        .and_then(|list| list.last()?.as_str());
    let more = last.and_then(|origin| origin.parse::<Origin>().ok());
    // With a dot too many, neither a name nor an address leads anywhere.
    let odd = host.contains("..")
        || !matches!(
            meant.and_then(|url| Some(url.host()?.to_owned())),
            Some(url::Host::Domain(_))
        );
    if let Some(more) = more.filter(|_| !odd) {
        let grants = Grants::new([more]);
        assert!(
            grants.permits(scheme, host, port),
            "`{text}` is still refused with {line}"
        );
    }
}
