// node:assert. CommonJS, because `require('assert')` is a function.

module.exports = require('./assertions.js').assert;
