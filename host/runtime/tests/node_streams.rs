//! Streams, Node's and the web's.

mod node;

use node::evaluate;
use serde_json::json;

#[test]
fn a_readable_is_made_of_what_can_be_iterated() {
    let given = evaluate(
        r"import { Readable } from './node/stream/index.js';
        const fails = async function* () { yield 1; throw new Error('broken'); };
        const read = [];
        const failed = await (async () => { for await (const chunk of Readable.from(fails())) read.push(chunk); })().catch(error => error.message);
        const fromWeb = await Readable.from(new Blob(['web']).stream()).toArray();
        export default [await Readable.from(['a', 1]).toArray(), await Readable.from('whole').toArray(), read, failed, String(fromWeb[0].length)];",
    );
    assert_eq!(given, json!([["a", 1], ["whole"], [1], "broken", "3"]));
}

#[test]
fn a_readable_flows_pauses_and_ends_in_nodes_order() {
    let given = evaluate(
        r"import { Readable } from './node/stream/index.js';
        const log = [];
        const source = Readable.from([1, 2]);
        for (const name of ['pause', 'resume', 'end', 'close']) source.on(name, () => log.push(name));
        source.on('data', chunk => {
            log.push(chunk);
            if (chunk !== 1) return;
            source.pause();
            setTimeout(() => source.resume(), 5);
        });
        await new Promise(done => source.on('close', done));
        export default [log, source.destroyed, source.readableEnded];",
    );
    assert_eq!(
        given,
        json!([
            ["resume", 1, "pause", "resume", 2, "end", "close"],
            true,
            true
        ])
    );
}

#[test]
fn a_readable_gives_as_much_as_is_asked_for() {
    let given = evaluate(
        r"import { Readable } from './node/stream/index.js';
        const source = new Readable({ read() {} });
        for (const chunk of ['abcdef', 'gh', null]) source.push(chunk);
        const parts = [source.read(3), source.read(4), source.read(5), source.read()].map(String);
        const text = new Readable({ read() {}, encoding: 'utf8' });
        for (const chunk of [Buffer.of(0xe2, 0x82), Buffer.of(0xac), null]) text.push(chunk);
        export default [parts, await text.toArray()];",
    );
    // As Node 20 gives them: `read(5)` of one byte that is left gives it, because the end is known.
    assert_eq!(given, json!([["abc", "defg", "h", "null"], ["€"]]));
}

#[test]
fn chunks_keep_their_order_however_many_wait() {
    let given = evaluate(
        r"import { Readable, Transform } from './node/stream/index.js';
        const splits = new Transform({
            readableObjectMode: true,
            transform(chunk, encoding, next) { for (let at = 0; at < 5000; at += 1) this.push(at); next(); },
        });
        splits.end('x');
        let ordered = 0;
        for await (const chunk of splits) if (chunk === ordered) ordered += 1;
        const back = new Readable({ read() {} });
        for (const chunk of ['b', 'c', null]) back.push(chunk);
        const first = back.read(1);
        back.unshift(first);
        back.unshift('a');
        export default [ordered, (await back.toArray()).join('')];",
    );
    assert_eq!(given, json!([5000, "abc"]));
}

#[test]
fn misuse_of_a_stream_has_nodes_codes() {
    let given = evaluate(
        r"import { Readable, Writable } from './node/stream/index.js';
        const failure = stream => new Promise(done => stream.once('error', error => done(error.code)));
        const thrown = attempt => { try { attempt(); } catch (error) { return error.code; } };
        const ended = new Readable({ read() {} });
        const afterEnd = failure(ended);
        for (const chunk of [null, 'late']) ended.push(chunk);
        const done = new Writable({ write: (chunk, encoding, next) => next() });
        const afterWrite = failure(done.end());
        done.write('late');
        const closed = new Readable({ read() {} });
        setTimeout(() => closed.destroy(), 1);
        const early = await closed.toArray().catch(error => error.code);
        export default [
            await afterEnd, await afterWrite, early, thrown(() => new Writable().write(null)), thrown(() => new Writable().write(5)),
            thrown(() => { const stream = new Writable(); stream.write('x'); }),
        ];",
    );
    assert_eq!(
        given,
        json!([
            "ERR_STREAM_PUSH_AFTER_EOF",
            "ERR_STREAM_WRITE_AFTER_END",
            "ERR_STREAM_PREMATURE_CLOSE",
            "ERR_STREAM_NULL_VALUES",
            "ERR_INVALID_ARG_TYPE",
            "ERR_METHOD_NOT_IMPLEMENTED"
        ])
    );
}

#[test]
fn a_writable_writes_one_chunk_after_the_other_and_says_when_it_has_room() {
    let given = evaluate(
        r"import { Writable } from './node/stream/index.js';
        const log = [];
        const sink = new Writable({
            highWaterMark: 3,
            write(chunk, encoding, next) { log.push(`write ${chunk}`); setTimeout(next, 1); },
            final(next) { log.push('final'); next(); },
        });
        for (const name of ['drain', 'finish', 'close']) sink.on(name, () => log.push(name));
        log.push(sink.write('ab'), sink.write('cd', () => log.push('cd is written')), sink.writableLength);
        await new Promise(done => sink.once('drain', done));
        await new Promise(done => sink.end('e', done));
        await null;
        export default [log, sink.writableFinished];",
    );
    assert_eq!(
        given,
        json!([
            [
                "write ab",
                true,
                false,
                4,
                "write cd",
                "drain",
                "cd is written",
                "write e",
                "final",
                "finish",
                "close"
            ],
            true
        ])
    );
}

#[test]
fn what_waits_is_written_at_once_where_the_stream_takes_it_so() {
    let given = evaluate(
        r"import { Writable } from './node/stream/index.js';
        const batches = [];
        const sink = new Writable({ writev(chunks, next) { batches.push(chunks.map(({ chunk }) => String(chunk))); next(); } });
        sink.cork();
        for (const chunk of ['a', 'b', 'c']) sink.write(chunk);
        sink.uncork();
        await new Promise(done => sink.end(done));
        export default batches;",
    );
    assert_eq!(given, json!([["a", "b", "c"]]));
}

#[test]
fn a_pipe_holds_the_reader_back_and_ends_the_writer() {
    let given = evaluate(
        r"import { Readable, Writable } from './node/stream/index.js';
        const written = [];
        let most = 0;
        const sink = new Writable({
            objectMode: true,
            highWaterMark: 2,
            write(chunk, encoding, next) { written.push(chunk); most = Math.max(most, this.writableLength); setTimeout(next, 1); },
        });
        Readable.from(Array.from({ length: 50 }, (_, at) => at)).pipe(sink);
        await new Promise(done => sink.on('finish', done));
        export default [written.length, written.at(-1), most <= 2];",
    );
    assert_eq!(given, json!([50, 49, true]));
}

#[test]
fn a_transform_changes_adds_and_fails() {
    let given = evaluate(
        r"import { Transform } from './node/stream/index.js';
        const louder = new Transform({
            transform(chunk, encoding, next) { next(null, String(chunk).toUpperCase()); },
            flush(next) { this.push('!'); next(); },
        });
        louder.write('ab');
        louder.end('c');
        const breaks = new Transform({ transform: (chunk, encoding, next) => next(new Error('broken')) });
        breaks.write('x');
        export default [(await louder.toArray()).join(''), await breaks.toArray().catch(error => error.message)];",
    );
    assert_eq!(given, json!(["ABC!", "broken"]));
}

#[test]
fn a_pipeline_ends_with_its_last_stage_and_breaks_with_any() {
    let given = evaluate(
        r"import { Readable, Transform, Writable, pipeline } from './node/stream/index.js';
        import { pipeline as promised } from './node/stream/promises.js';
        const upper = async function* (source) { for await (const chunk of source) yield chunk.toUpperCase(); };
        const all = async source => { const chunks = []; for await (const chunk of source) chunks.push(chunk); return chunks; };
        const sink = new Writable({ objectMode: true, write: (chunk, encoding, next) => next() });
        const breaks = new Transform({ objectMode: true, transform: (chunk, encoding, next) => next(new Error('broken')) });
        const called = await new Promise(done => pipeline(Readable.from(['x']), breaks, sink, error => done([error.message, sink.destroyed])));
        const stopped = new AbortController();
        setTimeout(() => stopped.abort(), 1);
        const endless = promised(new Readable({ read() {} }), new Writable(), { signal: stopped.signal });
        export default [await promised(['a', 'b'], upper, all), called, await endless.catch(error => [error.name, error.code])];",
    );
    assert_eq!(
        given,
        json!([["A", "B"], ["broken", true], ["AbortError", "ABORT_ERR"]])
    );
}

#[test]
fn old_code_inherits_from_streams_by_calling_them() {
    let given = evaluate(
        r"import { Readable, Stream, Transform, Writable } from './node/stream/index.js';
        import { inherits } from './node/util.js';
        function Doubler(options) {
            if (!(this instanceof Doubler)) return new Doubler(options);
            Transform.call(this, options);
        }
        inherits(Doubler, Transform);
        Doubler.prototype._transform = function (chunk, encoding, next) { this.push(chunk * 2); next(); };
        const doubled = await Readable.from([1, 2]).pipe(Doubler({ objectMode: true })).toArray();
        const made = Doubler();
        export default [doubled, made instanceof Transform, made instanceof Writable, made instanceof Stream, Stream.Readable === Readable,
            Transform({}) instanceof Transform, new Writable() instanceof Readable];",
    );
    assert_eq!(given, json!([[2, 4], true, true, true, true, true, false]));
}

#[test]
fn a_stream_is_consumed_whole() {
    let given = evaluate(
        r#"import { Readable } from './node/stream/index.js';
        import * as consumers from './node/stream/consumers.js';
        const toWeb = [];
        for await (const chunk of Readable.toWeb(Readable.from(['a', 'b']))) toWeb.push(chunk);
        export default [await consumers.text(Readable.from(['a', Buffer.from('b')])), await consumers.json(Readable.from(['{"a":', '1}'])), toWeb];"#,
    );
    assert_eq!(given, json!(["ab", { "a": 1 }, ["a", "b"]]));
}

#[test]
fn a_web_stream_is_read_split_cancelled_and_locked() {
    let given = evaluate(
        r"let made = 0;
        let cancelled;
        const source = () => new ReadableStream({
            pull(controller) { made += 1; controller.enqueue(made); if (made === 3) controller.close(); },
            cancel(reason) { cancelled = reason; },
        });
        const all = async stream => { const chunks = []; for await (const chunk of stream) chunks.push(chunk); return chunks; };
        const [left, right] = source().tee();
        const both = await Promise.all([all(left), all(right)]);
        const reader = new ReadableStream({ cancel: reason => { cancelled = reason; } }).getReader();
        await reader.cancel('enough');
        const locked = new ReadableStream();
        locked.getReader();
        let refused;
        try { locked.getReader(); } catch (error) { refused = error.message; }
        const broken = await all(new ReadableStream({ start: controller => controller.error(new Error('broken')) })).catch(error => error.message);
        export default [both, (await reader.read()).done, cancelled, refused, broken];",
    );
    assert_eq!(
        given,
        json!([
            [[1, 2, 3], [1, 2, 3]],
            true,
            "enough",
            "Invalid state: ReadableStream is locked",
            "broken"
        ])
    );
}

#[test]
fn web_streams_are_piped_through_transforms() {
    let given = evaluate(
        r"const odd = new TransformStream({
            transform(chunk, controller) { if (chunk % 2) controller.enqueue(chunk * 10); },
            flush(controller) { controller.enqueue('end'); },
        });
        const chunks = [];
        for await (const chunk of ReadableStream.from([1, 2, 3, 4]).pipeThrough(odd)) chunks.push(chunk);
        const written = [];
        const euro = ReadableStream.from([Uint8Array.of(0xe2, 0x82), Uint8Array.of(0xac)]).pipeThrough(new TextDecoderStream());
        await euro.pipeTo(new WritableStream({ write: chunk => void written.push(chunk), close: () => void written.push('closed') }));
        const fails = ReadableStream.from((async function* () { yield 1; throw new Error('broken'); })());
        export default [chunks, written, await fails.pipeTo(new WritableStream()).catch(error => error.message)];",
    );
    assert_eq!(given, json!([[10, 30, "end"], ["€", "closed"], "broken"]));
}
