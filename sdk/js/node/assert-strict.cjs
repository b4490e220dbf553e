// node:assert/strict.

module.exports = require('./assertions.js').assert.strict;
