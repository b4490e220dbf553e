//! undici, over the host's `send`.

mod node;

use node::{evaluate, evaluate_with};
use serde_json::json;

const ECHO: &str = r"request => {
    const { pathname } = new URL(request.url);
    if (pathname === '/to') return { status: 302, headers: { location: '/final' } };
    if (pathname === '/gone') return { status: 404, headers: { 'content-type': 'application/json' }, body: '{\'why\':1}'.replaceAll('\'', '\u0022') };
    const { method, url, headers, body } = request;
    return { headers: [['Content-Type', 'application/json'], ['x-many', '1'], ['x-many', '2']], body: JSON.stringify({ method, url, headers, body }) };
}";

#[test]
fn a_request_has_a_status_headers_and_a_body_to_read_once() {
    let given = evaluate_with(
        ECHO,
        r"import { request } from './packages/undici/index.js';
        const { statusCode, headers, body, trailers } = await request('https://a.test/x?q=1', { headers: { 'X-A': 1, none: undefined }, body: 'b' });
        const read = await body.json();
        export default [statusCode, headers, trailers, read, body.bodyUsed, await body.text().catch(error => error.message)];",
    );
    assert_eq!(
        given,
        json!([
            200,
            { "content-type": "application/json", "x-many": ["1", "2"] },
            {},
            { "method": "PUT", "url": "https://a.test/x?q=1", "headers": { "X-A": "1" }, "body": "b" },
            true,
            "unusable"
        ])
    );
}

#[test]
fn a_body_is_a_stream_of_nodes_and_can_be_had_in_every_form() {
    let given = evaluate_with(
        "() => ({ headers: { 'content-type': 'text/plain' }, body: 'hé' })",
        r"import { request } from './packages/undici/index.js';
        import { Readable } from './node/stream/index.js';
        const body = async () => (await request('https://a.test/')).body;
        const chunks = [];
        for await (const chunk of await body()) chunks.push(String(chunk));
        const web = [];
        for await (const chunk of (await body()).body) web.push(...chunk);
        export default [
            chunks, web.length, (await (await body()).arrayBuffer()).byteLength, (await (await body()).blob()).type, await (await body()).dump(),
            (await body()) instanceof Readable, await (await body()).formData().catch(error => error.name),
        ];",
    );
    assert_eq!(
        given,
        json!([["hé"], 3, 3, "text/plain", null, true, "NotSupportedError"])
    );
}

#[test]
fn an_agent_with_interceptors_follows_redirects_as_far_as_asked() {
    let given = evaluate_with(
        ECHO,
        r"import { Agent, interceptors } from './packages/undici/index.js';
        const ask = async options => {
            const agent = new Agent({ connect: {} }).compose(interceptors.redirect(options), interceptors.decompress());
            const { statusCode, context } = await agent.request({ origin: 'https://a.test', path: '/to', method: 'GET' });
            return [statusCode, context.history.map(String)];
        };
        export default [await ask({}), await ask({ maxRedirections: 1 }), await ask({ maxRedirections: 0 })];",
    );
    assert_eq!(
        given,
        json!([
            [302, ["https://a.test/to"]],
            [200, ["https://a.test/to", "https://a.test/final"]],
            [302, ["https://a.test/to"]]
        ])
    );
}

#[test]
fn a_client_and_a_pool_belong_to_one_origin() {
    let given = evaluate_with(
        ECHO,
        r"import undici from './packages/undici/index.js';
        const client = new undici.Client('https://a.test/ignored');
        const pool = new undici.Pool('https://b.test');
        await client.request({ path: '/x', method: 'GET', query: { a: [1, 2], b: 'c d' } });
        await pool.request({ path: '/y', method: 'DELETE' });
        await pool.close();
        const said = async attempt => { try { await attempt(); } catch (error) { return [error.name, error.code]; } };
        export default [
            __sent.map(({ method, url }) => [method, url]), await said(() => pool.request({ path: '/' })), await said(() => client.request({ path: 'x' })),
            await said(() => new undici.Client('nope')), await said(() => client.request({ path: '/?a', query: { b: 1 } })),
        ];",
    );
    assert_eq!(
        given,
        json!([
            [
                ["GET", "https://a.test/x?a=1&a=2&b=c%20d"],
                ["DELETE", "https://b.test/y"]
            ],
            ["ClientClosedError", "UND_ERR_CLOSED"],
            ["InvalidArgumentError", "UND_ERR_INVALID_ARG"],
            ["InvalidArgumentError", "UND_ERR_INVALID_ARG"],
            ["InvalidArgumentError", "UND_ERR_INVALID_ARG"]
        ])
    );
}

#[test]
fn forms_and_streams_are_bodies_and_headers_may_be_lists() {
    let given = evaluate_with(
        ECHO,
        r"import { FormData, request } from './packages/undici/index.js';
        import { Readable } from './node/stream/index.js';
        const form = new FormData();
        form.append('a', 1);
        await request('https://a.test/', { method: 'POST', body: form });
        await request('https://a.test/', { method: 'POST', body: Readable.from(['a', 'b']), headers: ['x-a', '1', 'x-a', '2'] });
        await request('https://a.test/', { method: 'POST', body: Buffer.from('buffer'), headers: { 'x-l': ['1', '2'] } });
        const [sentForm, sentStream, sentBuffer] = __sent;
        export default [
            sentForm.headers['content-type'].slice(0, 29), sentForm.body.includes('name=\x22a\x22\r\n\r\n1'), sentStream.body, sentStream.list,
            sentBuffer.body, sentBuffer.list,
        ];",
    );
    assert_eq!(
        given,
        json!([
            "multipart/form-data; boundary",
            true,
            "ab",
            [["x-a", "1"], ["x-a", "2"]],
            "buffer",
            [["x-l", "1"], ["x-l", "2"]]
        ])
    );
}

#[test]
fn a_timeout_is_passed_on_and_fails_as_undicis() {
    let given = evaluate_with(
        "() => { throw Object.assign(new Error('no reply within 5 ms'), { code: 'TIMEOUT' }) }",
        r"import { request } from './packages/undici/index.js';
        const failure = await request('https://a.test/', { headersTimeout: 5 }).catch(error => error);
        await request('https://a.test/').catch(() => {});
        await request('https://a.test/', { headersTimeout: 0 }).catch(() => {});
        export default [failure.name, failure.code, failure.message, __sent.map(({ timeoutMs }) => timeoutMs ?? null)];",
    );
    assert_eq!(
        given,
        json!([
            "HeadersTimeoutError",
            "UND_ERR_HEADERS_TIMEOUT",
            "no reply within 5 ms",
            [5, 300_000, null]
        ])
    );
}

#[test]
fn what_the_host_refuses_keeps_its_code() {
    let given = evaluate(
        r"import { request } from './packages/undici/index.js';
        const failure = await request('https://a.test/').catch(error => error);
        export default [failure.code, failure.message];",
    );
    assert_eq!(given, json!(["DENIED", "not granted"]));
}

#[test]
fn an_error_status_fails_where_asked() {
    let given = evaluate_with(
        ECHO,
        r"import { Agent, interceptors, request } from './packages/undici/index.js';
        const agent = new Agent().compose(interceptors.responseError());
        const failure = await request('https://a.test/gone', { dispatcher: agent }).catch(error => error);
        export default [failure.name, failure.statusCode, failure.body, (await request('https://a.test/gone')).statusCode];",
    );
    assert_eq!(given, json!(["ResponseError", 404, { "why": 1 }, 404]));
}

#[test]
fn an_aborted_request_fails_with_the_signals_reason() {
    let given = evaluate_with(
        "() => new Promise(() => {})",
        r"import { request } from './packages/undici/index.js';
        const before = await request('https://a.test/', { signal: AbortSignal.abort(new Error('mine')) }).catch(error => error.message);
        const during = await request('https://a.test/', { signal: AbortSignal.timeout(5) }).catch(error => error.name);
        export default [before, during, __sent.length];",
    );
    assert_eq!(given, json!(["mine", "TimeoutError", 1]));
}

#[test]
fn the_global_dispatcher_can_be_replaced() {
    let given = evaluate_with(
        ECHO,
        r"import { Agent, getGlobalDispatcher, request, setGlobalDispatcher } from './packages/undici/index.js';
        const own = new Agent({ maxRedirections: 2 });
        setGlobalDispatcher(own);
        const { statusCode } = await request('https://a.test/to');
        let refused;
        try { setGlobalDispatcher({}); } catch (error) { refused = error.message; }
        export default [getGlobalDispatcher() === own, statusCode, refused];",
    );
    assert_eq!(
        given,
        json!([true, 200, "Argument agent must implement Agent"])
    );
}

#[test]
fn what_is_not_there_says_so_when_it_is_used_and_not_before() {
    let given = evaluate(
        r"import { Agent, Client, MockAgent, ProxyAgent } from './packages/undici/index.js';
        const said = attempt => { try { attempt(); } catch (error) { return error.message; } };
        export default [
            said(() => new MockAgent()), said(() => new ProxyAgent('http://p')), said(() => new Agent({ connect: { cert: 'x' } })),
            said(() => new Client('https://a.test').pipeline()),
        ];",
    );
    assert_eq!(
        given,
        json!([
            "undici's MockAgent is not available in Fonio's sandbox: test against a local server, which fonio adaptor test starts",
            "undici's ProxyAgent is not available in Fonio's sandbox: the host decides by which way requests go out",
            "the TLS option \"cert\" is not available in Fonio's sandbox: connections are the host's, which trusts and identifies as its \
             operator says",
            "undici's pipeline is not available in Fonio's sandbox: request and stream are"
        ])
    );
}
