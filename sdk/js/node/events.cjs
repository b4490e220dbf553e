// node:events. CommonJS, because `require('events')` is the class itself.

module.exports = require('./event-emitter.js').EventEmitter;
