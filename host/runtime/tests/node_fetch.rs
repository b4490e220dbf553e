//! `fetch` and what belongs to it, over the host's `send`.

mod node;

use node::{evaluate, evaluate_with};
use serde_json::json;

/// Answers with what it was asked; `/to?ADDRESS` sends on.
const ECHO: &str = r"request => {
    const { pathname, search } = new URL(request.url);
    if (pathname === '/to') return { status: 302, headers: { location: decodeURIComponent(search.slice(1)) } };
    if (pathname === '/gone') return { status: 404, headers: { 'content-type': 'text/plain' }, body: 'gone' };
    const { method, url, headers, body } = request;
    return { headers: [['content-type', 'application/json'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2']], body: JSON.stringify({ method, url, headers, body }) };
}";

#[test]
fn a_reply_has_its_status_its_headers_and_its_body() {
    let given = evaluate_with(
        ECHO,
        r"const reply = await fetch('https://a.test/x?q=1#part', { method: 'post', body: 'hé', headers: { 'X-A': '1' } });
        const { status, statusText, ok, url, redirected, type } = reply;
        export default [status, statusText, ok, url, redirected, type, reply.headers.getSetCookie(), await reply.json(), reply.bodyUsed];",
    );
    assert_eq!(
        given,
        json!([
            200,
            "OK",
            true,
            "https://a.test/x?q=1",
            false,
            "basic",
            ["a=1", "b=2"],
            {
                "method": "POST",
                "url": "https://a.test/x?q=1",
                "headers": { "accept": "*/*", "content-type": "text/plain;charset=UTF-8", "user-agent": "node", "x-a": "1" },
                "body": "hé"
            },
            true
        ])
    );
}

#[test]
fn a_status_of_400_and_more_is_a_reply_all_the_same() {
    let given = evaluate_with(
        ECHO,
        r"const reply = await fetch('https://a.test/gone');
        export default [reply.ok, reply.status, reply.statusText, await reply.clone().text(), await reply.text(), await reply.text().catch(error => error.name)];",
    );
    assert_eq!(
        given,
        json!([false, 404, "Not Found", "gone", "gone", "TypeError"])
    );
}

#[test]
fn each_hop_of_a_redirect_goes_to_the_host_again() {
    let given = evaluate_with(
        ECHO,
        r"const reply = await fetch('https://a.test/to?%2Ffinal', { method: 'POST', body: 'x' });
        export default [reply.redirected, reply.url, __sent.map(({ method, url, body }) => [method, url, body ?? null])];",
    );
    assert_eq!(
        given,
        json!([
            true,
            "https://a.test/final",
            [
                ["POST", "https://a.test/to?%2Ffinal", "x"],
                ["GET", "https://a.test/final", null]
            ]
        ])
    );
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let given = evaluate_with(
        ECHO,
        r"const headers = { authorization: 'Basic x', cookie: 'c', 'x-own': '1' };
        await fetch('https://a.test/to?https%3A%2F%2Fb.test%2F', { headers });
        await fetch('https://a.test/to?%2Fsame', { headers });
        export default __sent.map(({ headers: sent }) => [sent.authorization ?? null, sent.cookie ?? null, sent['x-own']]);",
    );
    assert_eq!(
        given,
        json!([
            ["Basic x", "c", "1"],
            [null, null, "1"],
            ["Basic x", "c", "1"],
            ["Basic x", "c", "1"]
        ])
    );
}

#[test]
fn a_redirect_is_given_or_refused_where_asked() {
    let given = evaluate_with(
        ECHO,
        r"const manual = await fetch('https://a.test/to?%2Fx', { redirect: 'manual' });
        const refused = await fetch('https://a.test/to?%2Fx', { redirect: 'error' }).catch(error => [error.message, error.cause.message]);
        export default [manual.status, manual.headers.get('location'), refused];",
    );
    assert_eq!(
        given,
        json!([302, "/x", ["fetch failed", "unexpected redirect"]])
    );
}

#[test]
fn more_than_twenty_hops_are_too_many() {
    let given = evaluate_with(
        "() => ({ status: 307, headers: { location: '/again' } })",
        r"const why = await fetch('https://a.test/').catch(error => error.cause.message);
        export default [why, __sent.length];",
    );
    assert_eq!(given, json!(["redirect count exceeded", 21]));
}

#[test]
fn what_the_host_refuses_fails_with_its_code_and_its_sentence() {
    let given = evaluate(
        r"const failure = await fetch('https://a.test/').catch(error => error);
        export default [failure.name, failure.message, failure.code, failure.cause.message];",
    );
    assert_eq!(
        given,
        json!(["TypeError", "fetch failed", "DENIED", "not granted"])
    );
}

#[test]
fn what_describes_a_connection_is_left_to_the_host() {
    let given = evaluate_with(
        ECHO,
        r"await fetch('https://a.test/', { headers: { host: 'b.test', connection: 'close', 'content-length': '7', 'transfer-encoding': 'chunked', 'x-a': '1' } });
        export default Object.keys(__sent[0].headers);",
    );
    assert_eq!(given, json!(["accept", "user-agent", "x-a"]));
}

#[test]
fn a_compressed_reply_is_read_plain() {
    let given = evaluate_with(
        r"() => {
            const { deflate, utf8Encode } = __host;
            return { headers: { 'content-encoding': 'gzip' }, body: deflate('gzip', utf8Encode('plain')) };
        }",
        r"export default await (await fetch('https://a.test/')).text();",
    );
    assert_eq!(given, json!("plain"));
}

#[test]
fn a_compression_that_is_not_there_is_named() {
    let given = evaluate_with(
        "() => ({ headers: { 'content-encoding': 'br' }, body: 'xx' })",
        r"export default await fetch('https://a.test/').catch(error => error.cause.message);",
    );
    assert_eq!(
        given,
        json!(
            "the reply is compressed as \"br\", which is not available in Fonio's sandbox: gzip and deflate are"
        )
    );
}

#[test]
fn a_request_is_aborted_before_and_while_it_is_under_way() {
    let given = evaluate_with(
        "() => new Promise(() => {})",
        r"const before = await fetch('https://a.test/', { signal: AbortSignal.abort() }).catch(error => error.name);
        const during = await fetch('https://a.test/', { signal: AbortSignal.timeout(5) }).catch(error => error.name);
        export default [before, during, __sent.length];",
    );
    assert_eq!(given, json!(["AbortError", "TimeoutError", 1]));
}

#[test]
fn every_kind_of_body_is_sent_with_its_type() {
    let given = evaluate_with(
        ECHO,
        r"const bodies = [
            'text', new URLSearchParams({ a: 'b c' }), new Blob(['blob'], { type: 'image/x' }), Uint8Array.of(104, 105),
            ReadableStream.from([Uint8Array.of(104), 'i']),
        ];
        for (const body of bodies) await fetch('https://a.test/', { method: 'PUT', body, duplex: 'half' });
        const refused = await fetch('https://a.test/', { body: 'x' }).catch(error => error.message);
        export default [__sent.map(({ body, headers }) => [body, headers['content-type'] ?? null]), refused];",
    );
    assert_eq!(
        given,
        json!([
            [
                ["text", "text/plain;charset=UTF-8"],
                ["a=b+c", "application/x-www-form-urlencoded;charset=UTF-8"],
                ["blob", "image/x"],
                ["hi", null],
                ["hi", null]
            ],
            "Request with GET/HEAD method cannot have body."
        ])
    );
}

#[test]
fn a_form_is_sent_as_multipart_and_read_back() {
    let given = evaluate_with(
        ECHO,
        r#"const form = new FormData();
        form.append('a', 'é\n');
        form.append('f', new File(['q'], 'ü".txt', { type: 'text/x' }));
        await fetch('https://a.test/', { method: 'POST', body: form });
        const [{ body, headers }] = __sent;
        const boundary = headers['content-type'].split('boundary=')[1];
        const back = await new Response(form).formData();
        const file = back.get('f');
        export default [body.replaceAll(boundary, 'B'), back.get('a'), file.name, file.type, await file.text()];"#,
    );
    assert_eq!(
        given,
        json!([
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\né\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"f\"; \
             filename=\"ü%22.txt\"\r\nContent-Type: text/x\r\n\r\nq\r\n--B--\r\n",
            "é\r\n",
            "ü\".txt",
            "text/x",
            "q"
        ])
    );
}

#[test]
fn headers_are_in_order_joined_and_checked() {
    let given = evaluate(
        r"const headers = new Headers({ B: '2', a: ' 1 ' });
        headers.append('A', '3');
        headers.append('Set-Cookie', 'x');
        headers.append('set-cookie', 'y');
        const refused = [['a b', '1'], ['a', '1\n2']].map(pair => { try { return new Headers([pair]); } catch (error) { return error.name; } });
        export default [[...headers], headers.get('a'), headers.has('b'), headers.get('nope'), headers.getSetCookie(), refused];",
    );
    assert_eq!(
        given,
        json!([
            [
                ["a", "1, 3"],
                ["b", "2"],
                ["set-cookie", "x"],
                ["set-cookie", "y"]
            ],
            "1, 3",
            true,
            null,
            ["x", "y"],
            ["TypeError", "TypeError"]
        ])
    );
}

#[test]
fn an_address_with_data_in_it_needs_no_network() {
    let given = evaluate(
        r"export default [await (await fetch('data:text/plain;base64,aGk=')).text(), await (await fetch('data:,a%20b')).text(),
            await fetch('ftp://a.test/').catch(error => error.cause.message), await fetch('/relative').catch(error => error.message)];",
    );
    assert_eq!(
        given,
        json!([
            "hi",
            "a b",
            "unknown scheme: ftp",
            "Failed to parse URL from /relative"
        ])
    );
}
