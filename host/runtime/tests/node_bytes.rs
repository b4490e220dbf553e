//! What is made of bytes: text, base64, buffers, hashes, chance, blobs, clones.

mod node;

use node::evaluate;
use serde_json::json;

#[test]
fn text_becomes_utf8_and_comes_back() {
    let given = evaluate(
        r"const bytes = new TextEncoder().encode('aé€😀');
        const whole = new TextDecoder().decode(bytes);
        const decoder = new TextDecoder();
        let pieces = '';
        for (const byte of bytes) pieces += decoder.decode(Uint8Array.of(byte), { stream: true });
        export default [bytes.length, whole, pieces, new TextDecoder().decode(Uint8Array.of(0xef, 0xbb, 0xbf, 97))];",
    );
    assert_eq!(given, json!([10, "aé€😀", "aé€😀", "a"]));
}

#[test]
fn half_a_surrogate_pair_and_bytes_that_are_no_text_become_replacement_characters() {
    let given = evaluate(
        r"export default [
            [...new TextEncoder().encode('\ud83d')],
            new TextDecoder().decode(Uint8Array.of(97, 0xc3, 0x28, 0xe2, 0x82)),
        ];",
    );
    assert_eq!(given, json!([[0xef, 0xbf, 0xbd], "a\u{fffd}(\u{fffd}"]));
}

#[test]
fn a_fatal_decoder_and_an_unknown_encoding_are_refused_with_nodes_codes() {
    let given = evaluate(
        r"const codeOf = attempt => { try { attempt(); } catch (error) { return [error.name, error.code]; } };
        export default [
            codeOf(() => new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.of(0xff))),
            codeOf(() => new TextDecoder('shift_jis')),
        ];",
    );
    assert_eq!(
        given,
        json!([
            ["TypeError", "ERR_ENCODING_INVALID_ENCODED_DATA"],
            ["RangeError", "ERR_ENCODING_NOT_SUPPORTED"]
        ])
    );
}

#[test]
fn windows_1252_and_utf_16_are_decoded() {
    let given = evaluate(
        r"export default [
            new TextDecoder('iso-8859-1').decode(Uint8Array.of(0x80, 0x93, 0xe9)),
            new TextDecoder('utf-16le').decode(Uint8Array.of(97, 0, 0x3d, 0xd8, 0, 0xde)),
        ];",
    );
    assert_eq!(given, json!(["€“é", "a😀"]));
}

#[test]
fn base64_of_the_web_is_strict() {
    let given = evaluate(
        r"const nameOf = attempt => { try { return attempt(); } catch (error) { return error.name; } };
        export default [
            btoa('h\xe9llo'), atob(' aG k='), nameOf(() => btoa('€')), nameOf(() => atob('a')), nameOf(() => atob('aGk==')),
        ];",
    );
    assert_eq!(
        given,
        json!([
            "aOlsbG8=",
            "hi",
            "InvalidCharacterError",
            "InvalidCharacterError",
            "InvalidCharacterError"
        ])
    );
}

#[test]
fn a_buffer_has_every_encoding_of_nodes() {
    let given = evaluate(
        r"const bytes = [1, 2, 250, 255, 0, 65];
        const names = ['utf8', 'hex', 'base64', 'base64url', 'latin1', 'ascii', 'utf16le'];
        export default names.map(name => [
            Buffer.from('hé😀').toString(name),
            Buffer.from(Buffer.from(bytes).toString(name), name).toString('hex'),
        ]);",
    );
    // As Node 20 gives them.
    assert_eq!(
        given,
        json!([
            ["hé😀", "0102efbfbdefbfbd0041"],
            ["68c3a9f09f9880", "0102faff0041"],
            ["aMOp8J+YgA==", "0102faff0041"],
            ["aMOp8J-YgA", "0102faff0041"],
            ["hÃ©ð\u{9f}\u{98}\u{80}", "0102faff0041"],
            ["hC)p\u{1f}\u{18}\u{0}", "01027a7f0041"],
            ["써\u{f0a9}颟", "0102faff0041"]
        ])
    );
}

#[test]
fn a_buffer_decodes_base64_and_hexadecimal_as_leniently_as_nodes() {
    let given = evaluate(
        r"const hex = (texts, encoding) => texts.map(text => Buffer.from(text, encoding).toString('hex'));
        export default [hex(['YQ', 'Y Q=\n=', 'YWI-_w', 'YWJj=ZGVm', 'Y', '!!'], 'base64'), hex(['abc', 'zz', '12zz34'], 'hex')];",
    );
    assert_eq!(
        given,
        json!([["61", "61", "61623eff", "616263", "", ""], ["ab", "", "12"]])
    );
}

#[test]
fn a_buffer_is_made_of_whatever_node_makes_one_of() {
    let given = evaluate(
        r"const bytes = new TextEncoder().encode('xyz');
        const made = [
            [1, 256, -1], { length: 2, 0: 1, 1: 2 }, new Uint16Array([1, 258]), { type: 'Buffer', data: [1, 2] }, new String('ab'),
        ].map(value => Buffer.from(value).toString('hex'));
        let refused;
        try { Buffer.from(5); } catch (error) { refused = [error.code, error.message.slice(0, 40)]; }
        export default [made, Buffer.from(bytes.buffer, 1, 1).toString(), Buffer('ab').toString(), new Buffer(3).length, refused];",
    );
    assert_eq!(
        given,
        json!([
            ["0100ff", "0102", "0102", "0102", "6162"],
            "y",
            "ab",
            3,
            [
                "ERR_INVALID_ARG_TYPE",
                "The first argument must be of type strin"
            ]
        ])
    );
}

#[test]
fn a_slice_of_a_buffer_is_a_window_and_a_buffer() {
    let given = evaluate(
        r"const whole = Buffer.from('hello');
        const part = whole.slice(1, -2);
        part[0] = 65;
        export default [String(whole), String(part), Buffer.isBuffer(part), Buffer.isBuffer(whole.map(byte => byte)),
            JSON.stringify(part), whole.constructor.name, Buffer.isBuffer(new Uint8Array(1))];",
    );
    assert_eq!(
        given,
        json!([
            "hAllo",
            "Al",
            true,
            true,
            r#"{"type":"Buffer","data":[65,108]}"#,
            "Buffer",
            false
        ])
    );
}

#[test]
fn a_buffer_is_searched_filled_copied_and_compared() {
    let given = evaluate(
        r"const text = Buffer.from('this is a buffer');
        const into = Buffer.alloc(4);
        export default [
            text.indexOf('is', 3), text.lastIndexOf('is'), text.includes('nope'), text.indexOf(Buffer.from('a b')),
            Buffer.from('hello').copy(into, 1, 1, 3), into.toString('hex'), Buffer.alloc(5, 'ab').toString(),
            Buffer.concat([Buffer.from('ab'), Uint8Array.of(99)], 4).toString('hex'),
            Buffer.compare(Buffer.from('a'), Buffer.from('b')), Buffer.from('a').equals(Buffer.from('a')), Buffer.byteLength('€'),
        ];",
    );
    assert_eq!(
        given,
        json!([
            5, 5, false, 8, 2, "00656c00", "ababa", "61626300", -1, true, 3
        ])
    );
}

#[test]
fn a_buffer_reads_and_writes_numbers_and_refuses_those_beyond_its_end() {
    let given = evaluate(
        r"const buffer = Buffer.alloc(8);
        buffer.writeUInt32BE(0xdeadbeef, 0);
        buffer.writeInt16LE(-2, 4);
        const codeOf = attempt => { try { attempt(); } catch (error) { return error.code; } };
        export default [
            buffer.toString('hex'), buffer.readUInt32LE(0), buffer.readInt16LE(4), buffer.readUIntBE(0, 3), buffer.readIntLE(0, 6),
            String(buffer.readBigUInt64BE()), codeOf(() => buffer.readUInt32BE(6)), codeOf(() => Buffer.alloc(2).readUInt32BE(0)),
        ];",
    );
    assert_eq!(
        given,
        json!([
            "deadbeeffeff0000",
            4_022_250_974_u32,
            -2,
            0xde_adbe,
            -4_567_683_618_i64,
            "16045690985375531008",
            "ERR_OUT_OF_RANGE",
            "ERR_BUFFER_OUT_OF_BOUNDS"
        ])
    );
}

#[test]
fn characters_cut_between_two_chunks_are_put_together_again() {
    let given = evaluate(
        r"import { StringDecoder } from './node/string-decoder.js';
        const utf8 = new StringDecoder('utf8');
        const base64 = new StringDecoder('base64');
        export default [
            utf8.write(Buffer.of(0xe2, 0x82)), utf8.write(Buffer.of(0xac)), utf8.end(Buffer.of(0xf0)),
            base64.write(Buffer.from('a')), base64.write(Buffer.from('bcd')), base64.end(),
        ];",
    );
    assert_eq!(given, json!(["", "€", "\u{fffd}", "", "YWJj", "ZA=="]));
}

#[test]
fn hashes_are_those_that_everybody_computes() {
    let given = evaluate(
        r"import { createHash, createHmac, timingSafeEqual } from './node/crypto.js';
        const names = ['md5', 'sha1', 'sha224', 'SHA-256', 'RSA-SHA256', 'sha384', 'sha512'];
        const subtle = await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc'));
        export default [
            names.map(name => createHash(name).update('a').update(Buffer.from('bc')).digest('hex').slice(0, 16)),
            createHmac('sha256', 'key').update('x').digest('base64'), Buffer.from(subtle).toString('hex').slice(0, 16),
            timingSafeEqual(Buffer.from('ab'), Buffer.from('ac')),
        ];",
    );
    assert_eq!(
        given,
        json!([
            [
                "900150983cd24fb0",
                "a9993e364706816a",
                "23097d223405d822",
                "ba7816bf8f01cfea",
                "ba7816bf8f01cfea",
                "cb00753f45a35e8b",
                "ddaf35a193617aba"
            ],
            "T8O36vNNfllKb1HZUXulQ6v0EGeydYf/2CujWE5NPN0=",
            "ba7816bf8f01cfea",
            false
        ])
    );
}

#[test]
fn a_hash_that_is_not_there_and_one_that_is_done_say_so() {
    let given = evaluate(
        r"import { createCipheriv, createHash } from './node/crypto.js';
        const said = attempt => { try { attempt(); } catch (error) { return [error.code, error.message]; } };
        const done = createHash('md5');
        done.digest();
        export default [said(() => createHash('ripemd160'))[0], said(() => done.digest()), said(() => createCipheriv('aes-128-cbc'))];",
    );
    assert_eq!(
        given,
        json!([
            "ERR_CRYPTO_INVALID_DIGEST",
            ["ERR_CRYPTO_HASH_FINALIZED", "Digest already called"],
            [
                "ERR_FONIO_UNAVAILABLE",
                "crypto.createCipheriv is not available in Fonio's sandbox: hashes, keyed hashes and random bytes are"
            ]
        ])
    );
}

#[test]
fn random_bytes_have_their_length_and_identifiers_their_form() {
    let given = evaluate(
        r"import { randomBytes, randomInt, randomUUID } from './node/crypto.js';
        const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
        const number = randomInt(5, 7);
        export default [
            randomBytes(100_000).length, new Set([randomUUID(), randomUUID(), crypto.randomUUID()]).size, form.test(randomUUID()),
            number >= 5 && number < 7, crypto.getRandomValues(new Uint32Array(4)).some(part => part > 0xffff),
        ];",
    );
    assert_eq!(given, json!([100_000, 3, true, true, true]));
}

#[test]
fn gzip_and_deflate_are_undone_and_what_is_neither_is_refused() {
    let given = evaluate(
        r"import * as zlib from './node/zlib.js';
        import { Readable } from './node/stream/readable.js';
        let refused;
        try { zlib.gunzipSync(Buffer.from('nope')); } catch (error) { refused = [error.code, error.message]; }
        const later = await new Promise(done => zlib.gunzip(zlib.gzipSync('later'), (error, plain) => done(String(plain))));
        const streamed = await Readable.from([zlib.gzipSync('streamed')]).pipe(zlib.createGunzip()).toArray();
        export default [
            String(zlib.gunzipSync(zlib.gzipSync('hé'))), String(zlib.unzipSync(zlib.deflateSync('x'))),
            String(zlib.inflateRawSync(zlib.deflateRawSync('y'))), later, String(Buffer.concat(streamed)), refused,
        ];",
    );
    assert_eq!(
        given,
        json!([
            "hé",
            "x",
            "y",
            "later",
            "streamed",
            ["Z_DATA_ERROR", "incorrect header check"]
        ])
    );
}

#[test]
fn blobs_and_files_hold_bytes_with_a_type_and_a_name() {
    let given = evaluate(
        r"const blob = new Blob(['ab', Uint8Array.of(99), new Blob(['é'])], { type: 'Text/Plain' });
        const file = new File([blob], 'a.txt', { type: 'text/x', lastModified: 5 });
        const chunks = [];
        for await (const chunk of blob.stream()) chunks.push(...chunk);
        export default [
            blob.size, blob.type, await blob.text(), await blob.slice(1, 3).text(), chunks.length,
            file.name, file.size, file.lastModified, file instanceof Blob, String(file),
        ];",
    );
    assert_eq!(
        given,
        json!([
            5,
            "text/plain",
            "abcé",
            "bc",
            5,
            "a.txt",
            5,
            5,
            true,
            "[object File]"
        ])
    );
}

#[test]
fn a_clone_shares_nothing_and_keeps_cycles() {
    let given = evaluate(
        r"const given = { list: [1, { at: new Date(0) }], map: new Map([[1, { x: 1 }]]), bytes: Uint8Array.of(1, 2), none: undefined };
        given.self = given;
        const clone = structuredClone(given);
        let refused;
        try { structuredClone({ run: () => 1 }); } catch (error) { refused = error.name; }
        export default [
            clone.self === clone, clone.list[1] !== given.list[1], clone.list[1].at.getTime(), clone.map.get(1).x,
            [...clone.bytes], 'none' in clone, refused,
        ];",
    );
    assert_eq!(
        given,
        json!([true, true, 0, 1, [1, 2], true, "DataCloneError"])
    );
}
