// Puts the library in place: what jobs see as globals, and what the engine calls.
//
//   host        the host's functions              inspect     values as text
//   timers      setTimeout and the like           console     lines of the log
//   errors      thrown values, described          filter      expressions in JSONPath filters
//   jsonpath    paths into values                 references  functions of state inside arguments
//   sources     dataValue, sourceValue, …         state       the state after a reply
//   operations  fn, each, combine, map, …         fields      field, merge, group, …
//   strings     humanProper and the like          cursor      where the next run goes on
//   csv         parseCsv                          util        util.uuid, util.encode, util.decode
//   collections collections.get, set, each, remove         events  events.publish
//   adaptor     the adaptor's operations          network     requests of a package
//   package     what a package exports            run         one job, from its module to its final state

import { host } from 'fonio/host';
import { timers, timerGlobals } from 'fonio/timers';
import { console } from 'fonio/console';
import { expandReferences } from 'fonio/references';
import * as sources from 'fonio/sources';
import { composeNextState } from 'fonio/state';
import * as operations from 'fonio/operations';
import * as fields from 'fonio/fields';
import * as strings from 'fonio/strings';
import { cursor } from 'fonio/cursor';
import { util } from 'fonio/util';
import { parseCsv } from 'fonio/csv';
import * as collections from 'fonio/collections';
import * as events from 'fonio/events';
import { defineOperation } from 'fonio/adaptor';
import { network } from 'fonio/network';
import { adopt, hostModule } from 'fonio/package';
import { begin, collect, defer, execute, failed, stuck } from 'fonio/run';

// The frames of the library come first in a trace, the job's own after them.
Error.stackTraceLimit = 40;

Math.random = () => host.random();

// As plain JavaScript has its globals: a job may replace them, and does not list them.
function define(values) {
  for (const name of Object.keys(values)) {
    Object.defineProperty(globalThis, name, { value: values[name], writable: true, configurable: true });
  }
}

define(timerGlobals);
define({ console, __operation: collect, __defer: defer });
for (const owner of [sources, operations, fields, strings]) define(owner);
define({ collections: { ...collections }, events: { ...events }, expandReferences, composeNextState, cursor, parseCsv, util });

export { adopt, begin, defineOperation, execute, failed, hostModule, network, stuck, timers };
