//! Addresses, queries and paths.

mod node;

use node::evaluate;
use serde_json::json;

#[test]
fn an_address_is_parsed_as_the_web_has_it() {
    let given = evaluate(
        r"const url = new URL('../b c?x=1 2&y=é#frag', 'http://User:p%40ss@EXAMPLE.com:80/a/d/');
        const { href, origin, username, host, port, pathname, search, hash } = url;
        export default [
            href, origin, username, host, port, pathname, search, hash,
            new URL('https://münchen.de:8443/ü').href, new URL('HTTP://1.2.3/').hostname, JSON.stringify({ url }).length,
        ];",
    );
    assert_eq!(
        given,
        json!([
            "http://User:p%40ss@example.com/a/b%20c?x=1%202&y=%C3%A9#frag",
            "http://example.com",
            "User",
            "example.com",
            "",
            "/a/b%20c",
            "?x=1%202&y=%C3%A9",
            "#frag",
            "https://xn--mnchen-3ya.de:8443/%C3%BC",
            "1.2.0.3",
            70
        ])
    );
}

#[test]
fn what_is_no_address_is_refused_with_nodes_code() {
    let given = evaluate(
        r"let error;
        try { new URL('/x', 'y'); } catch (thrown) { error = thrown; }
        export default [
            error instanceof TypeError, error.code, error.message, error.input, error.base,
            URL.canParse('x'), URL.canParse('http://x'), URL.parse('http://a b'),
        ];",
    );
    assert_eq!(
        given,
        json!([
            true,
            "ERR_INVALID_URL",
            "Invalid URL",
            "/x",
            "y",
            false,
            true,
            null
        ])
    );
}

#[test]
fn each_part_of_an_address_can_be_set() {
    let given = evaluate(
        r"const url = new URL('http://a.b/c');
        Object.assign(url, { pathname: '/x y', search: 'a=b c', hash: 'h', port: '8080', protocol: 'https', hostname: 'c.d', username: 'me' });
        const before = url.href;
        url.port = 'nonsense';
        export default [before, url.href === before];",
    );
    assert_eq!(given, json!(["https://me@c.d:8080/x%20y?a=b%20c#h", true]));
}

#[test]
fn the_parameters_of_an_address_and_its_query_are_one() {
    let given = evaluate(
        r"const url = new URL('http://a.b/c?x=1&y=2');
        const { searchParams } = url;
        searchParams.append('z', 'a b&c');
        searchParams.delete('x');
        searchParams.set('y', 'é~*!');
        const written = url.href;
        url.search = '?q=1';
        export default [written, searchParams.get('q'), searchParams.get('z'), searchParams.size];",
    );
    assert_eq!(
        given,
        json!(["http://a.b/c?y=%C3%A9%7E*%21&z=a+b%26c", "1", null, 1])
    );
}

#[test]
fn parameters_are_made_of_texts_pairs_and_objects() {
    let given = evaluate(
        r"let refused;
        try { new URLSearchParams([['a']]); } catch (error) { refused = error.code; }
        const sorted = new URLSearchParams('b=1&a=2&b=0');
        sorted.sort();
        export default [
            String(new URLSearchParams({ a: 1, b: 'x y' })), new URLSearchParams([['a', '1'], ['a', '2']]).getAll('a'),
            [...new URLSearchParams('?a=%zz&b=%E4&c=%e2%82%ac&+d+=1&&e')], String(sorted), refused,
        ];",
    );
    assert_eq!(
        given,
        json!([
            "a=1&b=x+y",
            ["1", "2"],
            [
                ["a", "%zz"],
                ["b", "\u{fffd}"],
                ["c", "€"],
                [" d ", "1"],
                ["e", ""]
            ],
            "a=2&b=1&b=0",
            "ERR_INVALID_TUPLE"
        ])
    );
}

#[test]
fn nodes_older_parser_takes_an_address_apart_and_puts_it_together() {
    let given = evaluate(
        r"import * as url from './node/url.js';
        const { protocol, auth, host, port, hostname, hash, search, query, pathname, path, href } =
            url.parse('HTTP://user:pass@Host.com:8080/p/a?q=1#h');
        export default [
            [protocol, auth, host, port, hostname, hash, search, query, pathname, path, href],
            { ...url.parse('/a?b=c&d=e', true).query }, url.parse('host.com/x').pathname, url.parse('http://h').href,
            url.format({ protocol: 'https', hostname: 'a.b', port: 1, pathname: 'x', query: { q: 1 } }),
            url.resolve('/one/two/three', 'four'), url.resolve('http://e.com/one', '/two'), url.urlToHttpOptions(new URL('http://u:p@a:1/b?c')),
        ];",
    );
    assert_eq!(
        given,
        json!([
            [
                "http:", "user:pass", "host.com:8080", "8080", "host.com", "#h", "?q=1", "q=1", "/p/a", "/p/a?q=1",
                "http://user:pass@host.com:8080/p/a?q=1#h"
            ],
            { "b": "c", "d": "e" },
            "host.com/x",
            "http://h/",
            "https://a.b:1/x?q=1",
            "/one/two/four",
            "http://e.com/two",
            {
                "protocol": "http:", "hostname": "a", "hash": "", "search": "?c", "pathname": "/b", "path": "/b?c",
                "href": "http://u:p@a:1/b?c", "port": 1, "auth": "u:p"
            }
        ])
    );
}

#[test]
fn a_query_string_is_read_and_written_as_nodes() {
    let given = evaluate(
        r"import querystring from './node/querystring.js';
        const written = querystring.stringify({ a: [1, 2], b: 'x y', c: true, d: null, e: undefined, f: 'é!()' });
        export default [written, { ...querystring.parse('a=1&b=2&a=3&c=%20x+y&d&%zz=1') }, querystring.unescape('%E4%20')];",
    );
    assert_eq!(
        given,
        json!([
            "a=1&a=2&b=x%20y&c=true&d=&e=&f=%C3%A9!()",
            { "a": ["1", "3"], "b": "2", "c": " x y", "d": "", "%zz": "1" },
            "\u{fffd} "
        ])
    );
}

#[test]
fn paths_are_joined_taken_apart_and_made_absolute() {
    let given = evaluate(
        r"import path from './node/path.js';
        let refused;
        try { path.join(1); } catch (error) { refused = error.message; }
        export default [
            path.join('a', 'b', '../c'), path.posix.join('https://a.b:80/c/', 'd'), path.join(''), path.normalize('/a/./b/../c/'),
            path.resolve('/a', 'b', '../c'), path.relative('/a/b/c', '/a/d'), path.dirname('/a/b/c'), path.basename('/a/b.html', '.html'),
            ['a.b.c', '.a', 'a.', '..'].map(path.extname), path.parse('/home/x/file.tar.gz'), path.format({ dir: '/a', base: 'b.c' }), refused,
        ];",
    );
    assert_eq!(
        given,
        json!([
            "a/c", "https:/a.b:80/c/d", ".", "/a/c/", "/a/c", "../../d", "/a/b", "b",
            [".c", "", ".", ""],
            { "root": "/", "dir": "/home/x", "base": "file.tar.gz", "ext": ".gz", "name": "file.tar" },
            "/a/b.c",
            "The \"path\" argument must be of type string. Received type number (1)"
        ])
    );
}
