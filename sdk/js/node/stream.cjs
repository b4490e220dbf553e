// node:stream. CommonJS, because `require('stream')` is the class Stream with all others on it.

module.exports = require('./stream/index.js').Stream;
