//! node:http and node:https, over the host's `send`.

mod node;

use node::{evaluate, evaluate_with};
use serde_json::json;

const ECHO: &str = r"({ method, url, headers, body }) => ({
    headers: [['Content-Type', 'application/json'], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'], ['X-Many', '1'], ['x-many', '2']],
    body: JSON.stringify({ method, url, headers, body }),
})";

#[test]
fn a_request_is_written_and_its_reply_is_read() {
    let given = evaluate_with(
        ECHO,
        r"import https from './node/https.js';
        const reply = await new Promise((done, failed) => {
            const request = https.request({ hostname: 'a.test', port: 8443, path: '/x?q=1', method: 'put', auth: 'u:p', headers: { 'X-A': ['1', '2'] } }, done);
            request.on('error', failed);
            request.write('ab');
            request.end('cd');
        });
        reply.setEncoding('utf8');
        let text = '';
        for await (const chunk of reply) text += chunk;
        const { method, url, body } = JSON.parse(text);
        export default [reply.statusCode, reply.statusMessage, reply.headers, reply.rawHeaders.length, method, url, body, __sent[0].list, reply.complete];",
    );
    assert_eq!(
        given,
        json!([
            200,
            "OK",
            { "content-type": "application/json", "set-cookie": ["a=1", "b=2"], "x-many": "1, 2" },
            10,
            "PUT",
            "https://a.test:8443/x?q=1",
            "abcd",
            [["X-A", "1"], ["X-A", "2"], ["Authorization", "Basic dTpw"]],
            true
        ])
    );
}

#[test]
fn get_takes_an_address_and_follows_no_redirect() {
    let given = evaluate_with(
        "() => ({ status: 301, headers: { location: '/elsewhere' } })",
        r"import http, { get } from './node/http.js';
        const reply = await new Promise(done => get('http://a.test/x', { headers: { 'x-a': '1' } }, done));
        reply.resume();
        await new Promise(done => reply.on('end', done));
        export default [reply.statusCode, reply.headers.location, __sent.length, http.STATUS_CODES[418], http.globalAgent instanceof http.Agent];",
    );
    assert_eq!(given, json!([301, "/elsewhere", 1, "I'm a Teapot", true]));
}

#[test]
fn a_request_that_fails_says_why() {
    let given = evaluate(
        r"import http from './node/http.js';
        const failure = ask => new Promise(done => ask(http.get('http://a.test/')).on('error', error => done([error.code, error.message])));
        export default [await failure(request => request), await failure(request => request.destroy())];",
    );
    assert_eq!(
        given,
        json!([["DENIED", "not granted"], ["ECONNRESET", "socket hang up"]])
    );
}

#[test]
fn a_timeout_is_an_event_first_and_an_error_if_nobody_acts() {
    let given = evaluate_with(
        "() => { throw Object.assign(new Error('no reply within 5 ms'), { code: 'TIMEOUT' }) }",
        r"import http from './node/http.js';
        const log = [];
        const request = http.get('http://a.test/', { timeout: 5 });
        request.on('timeout', () => log.push('timeout'));
        await new Promise(done => request.on('error', error => { log.push(error.code); done(); }));
        export default [log, __sent[0].timeoutMs];",
    );
    assert_eq!(given, json!([["timeout", "ETIMEDOUT"], 5]));
}

#[test]
fn what_is_not_there_is_named() {
    let given = evaluate(
        r"import http from './node/http.js';
        const said = attempt => { try { attempt(); } catch (error) { return error.message; } };
        export default [said(() => http.createServer()), said(() => http.request({ host: 'a', socketPath: '/x' })), said(() => http.request('ftp://a'))];",
    );
    assert_eq!(
        given,
        json!([
            "http.createServer is not available in Fonio's sandbox: a step does not listen; messages arrive by triggers",
            "a Unix socket is not available in Fonio's sandbox: there are no files",
            "Protocol \"ftp:\" not supported. Expected \"http:\" or \"https:\""
        ])
    );
}
