//! The page at `/`, and what it may do: run the scripts that it came with, ask this host, and nothing else.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Reply;

const SIGN_IN: &str = include_str!("../../console/sign-in.js");

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::of(include_str!("../../console/index.html")));
static TENANTS: LazyLock<Page> =
    LazyLock::new(|| Page::of(include_str!("../../console/tenants.html")));
static REFUSED: LazyLock<Page> =
    LazyLock::new(|| Page::of(include_str!("../../console/refused.html")));

/// A page, and what it may do.
struct Page {
    html: String,
    policy: String,
}

impl Page {
    /// The style of pages that show tables stands in them, because a request for it would be one more.
    fn of(written: &str) -> Page {
        let html = written.replace("{style}", include_str!("../../console/table.css"));
        let policy = policy(&html);
        Page { html, policy }
    }

    fn reply(&self, html: String) -> Reply {
        Reply::text("text/html; charset=utf-8", html)
            .header("content-security-policy", &self.policy)
            .header("cache-control", "no-cache")
    }
}

/// Scripts and styles in the page are let run by their hashes, so that nothing that gets into it by mistake ever is.
fn policy(page: &str) -> String {
    let scripts = hashes(page, "<script>", "</script>");
    let styles = hashes(page, "<style>", "</style>");
    format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src{styles}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page of a project. It has nothing in it that anybody may not see: what it shows it asks the API for.
pub fn page() -> Reply {
    PAGE.reply(PAGE.html.clone())
}

/// The page of a host of several tenants, which leads to theirs.
pub fn tenants() -> Reply {
    TENANTS.reply(TENANTS.html.clone())
}

/// Its sign-in form.
pub fn sign_in() -> Reply {
    Reply::text("text/javascript; charset=utf-8", SIGN_IN.to_owned())
        .header("cache-control", "no-cache")
}

/// For a browser that was sent here and cannot go on: why, and the way back.
pub fn refused(why: &str, back: &str) -> Reply {
    let page = REFUSED.html.replace("{back}", &escaped(back));
    // Last, because it has others' words in it.
    REFUSED.reply(page.replace("{why}", &escaped(why)))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Of what is between each `open` and the `close` after it.
fn hashes(page: &str, open: &str, close: &str) -> String {
    let parts = page.split(open).skip(1);
    let inner = parts.filter_map(|part| Some(part.split_once(close)?.0));
    inner
        .map(|text| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(text))))
        .collect()
}
