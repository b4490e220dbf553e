//! Events, aborting, timers, and the small modules around them: util, assert, process.

mod node;

use node::evaluate;
use serde_json::json;

#[test]
fn an_emitter_calls_its_listeners_in_order_and_once_only_where_asked() {
    let given = evaluate(
        r"import { EventEmitter } from './node/event-emitter.js';
        const log = [];
        const emitter = new EventEmitter();
        emitter.on('a', (...values) => log.push(values));
        emitter.prependListener('a', () => log.push('first'));
        emitter.once('a', () => log.push('once'));
        export default [emitter.emit('a', 1, 2), emitter.emit('a', 3), emitter.emit('b'), log, emitter.listenerCount('a')];",
    );
    assert_eq!(
        given,
        json!([
            true,
            true,
            false,
            ["first", [1, 2], "once", "first", [3]],
            2
        ])
    );
}

#[test]
fn an_error_that_nobody_listens_to_is_thrown() {
    let given = evaluate(
        r"import { EventEmitter } from './node/event-emitter.js';
        const said = attempt => { try { attempt(); } catch (error) { return [error.name, error.code ?? '', error.message]; } };
        const emitter = new EventEmitter();
        export default [
            said(() => emitter.emit('error', new RangeError('boom'))), said(() => emitter.emit('error', 'text')), said(() => emitter.on('x', 1)),
        ];",
    );
    assert_eq!(
        given,
        json!([
            ["RangeError", "", "boom"],
            ["Error", "ERR_UNHANDLED_ERROR", "Unhandled error. ('text')"],
            [
                "TypeError",
                "ERR_INVALID_ARG_TYPE",
                "The \"listener\" argument must be of type function. Received type number (1)"
            ]
        ])
    );
}

#[test]
fn old_code_inherits_from_an_emitter_by_calling_it() {
    let given = evaluate(
        r"import { EventEmitter } from './node/event-emitter.js';
        import { inherits } from './node/util.js';
        function Old() { EventEmitter.call(this); }
        function Forgetful() {}
        inherits(Old, EventEmitter);
        inherits(Forgetful, EventEmitter);
        let heard = 0;
        for (const emitter of [new Old(), new Forgetful(), new Forgetful()]) emitter.on('x', () => { heard += 1; }).emit('x');
        export default [heard, new Old() instanceof EventEmitter];",
    );
    assert_eq!(given, json!([3, true]));
}

#[test]
fn an_event_can_be_awaited_and_an_error_rejects_the_wait() {
    let given = evaluate(
        r"import { EventEmitter, once } from './node/event-emitter.js';
        const emitter = new EventEmitter();
        setTimeout(() => emitter.emit('later', 7), 5);
        const values = await once(emitter, 'later');
        setTimeout(() => emitter.emit('error', new Error('bad')), 5);
        export default [values, await once(emitter, 'later').catch(error => error.message)];",
    );
    assert_eq!(given, json!([[7], "bad"]));
}

#[test]
fn a_target_delivers_events_and_stops_where_told() {
    let given = evaluate(
        r"const log = [];
        const target = new EventTarget();
        target.addEventListener('x', event => { log.push(event.detail); event.stopImmediatePropagation(); event.preventDefault(); }, { once: true });
        target.addEventListener('x', { handleEvent: event => log.push(event.target === target) });
        const first = target.dispatchEvent(new CustomEvent('x', { detail: 5, cancelable: true }));
        export default [first, target.dispatchEvent(new Event('x')), log];",
    );
    assert_eq!(given, json!([false, true, [5, true]]));
}

#[test]
fn a_signal_aborts_by_hand_by_time_and_with_others() {
    let given = evaluate(
        r"const controller = new AbortController();
        const any = AbortSignal.any([controller.signal, new AbortController().signal]);
        controller.abort();
        const late = AbortSignal.timeout(5);
        const reason = await new Promise(done => { late.onabort = () => done(late.reason); });
        let refused;
        try { new AbortSignal(); } catch (error) { refused = error.message; }
        export default [
            controller.signal.aborted, any.reason.name, any.reason.message, reason.name, AbortSignal.abort('why').reason, refused,
        ];",
    );
    assert_eq!(
        given,
        json!([
            true,
            "AbortError",
            "This operation was aborted",
            "TimeoutError",
            "why",
            "Illegal constructor"
        ])
    );
}

#[test]
fn timers_are_objects_that_can_be_refreshed_and_cleared() {
    let given = evaluate(
        r"import { setTimeout as after } from './node/timers-promises.js';
        const log = [];
        const cleared = setTimeout(() => log.push('cleared'), 1);
        clearTimeout(cleared.unref());
        const ticking = setInterval(() => log.push('tick'), 2);
        const value = await after(5, 'value');
        clearInterval(ticking);
        await after(10);
        export default [value, log, typeof ticking.ref, typeof ticking[Symbol.toPrimitive]()];",
    );
    assert_eq!(
        given,
        json!(["value", ["tick", "tick"], "function", "number"])
    );
}

#[test]
fn values_are_written_as_node_writes_them() {
    let given = evaluate(
        r"import { format, inspect } from './node/util.js';
        const cyclic = { a: 1 };
        cyclic.self = cyclic;
        class Point { x = 1; }
        const values = [
            'it\'s', -0, 10n, [1, 'x', [2, [3, [4]]]], { a: 1, 'b-c': { d: { e: { f: 1 } } } }, new Map([['a', { b: 1 }]]), new Set([1]),
            new Date(0), /x/g, class A {}, () => 1, Buffer.from('ab'), new Point(), Object.create(null), { get a() { return 1; } }, cyclic,
        ];
        export default [values.map(value => inspect(value)), format('%s %d %i %j %o %%', 'a', '12.5', '12.5', { a: 1 }, { b: 2 }), format('a', 1, [2])];",
    );
    assert_eq!(
        given,
        json!([
            [
                "\"it's\"",
                "-0",
                "10n",
                "[ 1, 'x', [ 2, [ 3, [Array] ] ] ]",
                "{ a: 1, 'b-c': { d: { e: [Object] } } }",
                "Map(1) { 'a' => { b: 1 } }",
                "Set(1) { 1 }",
                "1970-01-01T00:00:00.000Z",
                "/x/g",
                "[class A]",
                "[Function (anonymous)]",
                "<Buffer 61 62>",
                "Point { x: 1 }",
                "[Object: null prototype] {}",
                "{ a: [Getter] }",
                "{ a: 1, self: [Circular *1] }"
            ],
            "a 12.5 12 {\"a\":1} { b: 2 } %",
            "a 1 [ 2 ]"
        ])
    );
}

#[test]
fn callbacks_become_promises_and_promises_callbacks() {
    let given = evaluate(
        r"import { callbackify, promisify } from './node/util.js';
        const plus = promisify((value, done) => done(null, value + 1));
        const fails = promisify(done => done(new Error('no')));
        const back = await new Promise(done => callbackify(async value => value * 2)(4, (error, value) => done([error, value])));
        export default [await plus(1), await fails().catch(error => error.message), back];",
    );
    assert_eq!(given, json!([2, "no", [null, 8]]));
}

#[test]
fn deep_equality_is_strict_where_asked() {
    let given = evaluate(
        r"import { isDeepStrictEqual } from './node/util.js';
        import { assert } from './node/assertions.js';
        let failed;
        try { assert.deepStrictEqual({ a: 1 }, { a: 2 }, 'not the same'); } catch (error) { failed = [error.name, error.code, error.message]; }
        assert.deepEqual([1], ['1']);
        assert.throws(() => { throw new TypeError('x'); }, TypeError);
        await assert.rejects(async () => { throw new Error('abc'); }, /abc/);
        export default [
            isDeepStrictEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), isDeepStrictEqual([1], ['1']),
            isDeepStrictEqual(new Set([{ a: 1 }]), new Set([{ a: 1 }])), isDeepStrictEqual({ a: undefined }, {}), failed,
        ];",
    );
    assert_eq!(
        given,
        json!([
            true,
            false,
            true,
            false,
            ["AssertionError", "ERR_ASSERTION", "not the same"]
        ])
    );
}

#[test]
fn the_process_has_an_empty_environment_and_does_not_exit() {
    let given = evaluate(
        r"let said;
        try { process.exit(1); } catch (error) { said = error.message; }
        const order = [];
        process.nextTick(value => order.push(value), 'tick');
        await null;
        await null;
        // By its tag axios would take it for Node, and open sockets.
        export default [process.env, process.cwd(), order, said, Object.prototype.toString.call(process), global === globalThis];",
    );
    assert_eq!(
        given,
        json!([
            {},
            "/",
            ["tick"],
            "process.exit(1) is not available in Fonio's sandbox: throw an error to fail the step",
            "[object Object]",
            true
        ])
    );
}
