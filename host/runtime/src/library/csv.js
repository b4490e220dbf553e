// Comma-separated values.

import { expandReferences } from 'fonio/references';
import { composeNextState } from 'fonio/state';

function csvError(message, code) {
  return Object.assign(new Error(message), { code });
}

// Rows of fields. Quoted fields may hold delimiters, line ends and doubled quotes; unquoted ones are trimmed.
function rowsOf(text, delimiter, quote) {
  const rows = [];
  let row = [];
  let at = 0;
  let line = 1;
  const endRow = () => {
    if (row.length > 1 || row[0] !== '') rows.push({ fields: row, line });
    row = [];
  };
  while (at <= text.length) {
    while (text[at] === ' ' || (text[at] === '\t' && delimiter !== '\t')) at += 1;
    let field = '';
    if (quote && text.startsWith(quote, at)) {
      const opened = line;
      at += quote.length;
      for (;;) {
        const end = text.indexOf(quote, at);
        if (end < 0) {
          throw csvError(`Quote Not Closed: the parsing is finished with an opening quote at line ${opened}`, 'CSV_QUOTE_NOT_CLOSED');
        }
        field += text.slice(at, end);
        at = end + quote.length;
        if (!text.startsWith(quote, at)) break;
        field += quote;
        at += quote.length;
      }
      line += field.split('\n').length - 1;
    }
    let end = at;
    while (end < text.length && text[end] !== '\n' && text[end] !== '\r' && !text.startsWith(delimiter, end)) end += 1;
    field += text.slice(at, end).trimEnd();
    row.push(field);
    if (end < text.length && text.startsWith(delimiter, end)) {
      at = end + delimiter.length;
      continue;
    }
    endRow();
    at = end + (text.startsWith('\r\n', end) ? 2 : 1);
    line += 1;
  }
  return rows;
}

function recordsOf(rows, columns) {
  if (columns === false) return rows.map(row => row.fields);
  const names = Array.isArray(columns) ? columns : rows.shift()?.fields;
  return rows.map(({ fields, line }) => {
    if (fields.length !== names.length) {
      throw csvError(
        `Invalid Record Length: columns length is ${names.length}, got ${fields.length} on line ${line}`,
        'CSV_RECORD_INCONSISTENT_COLUMNS',
      );
    }
    return Object.fromEntries(names.map((name, at) => [name, fields[at]]));
  });
}

// Options: `delimiter`, `quote`, `columns`, `chunkSize`. A callback gets `(state, rows)` for each chunk of rows.
export function parseCsv(csv, options = {}, callback) {
  return async state => {
    const [text, resolved] = await expandReferences([csv, options])(state);
    const { delimiter = ',', quote = '"', columns = true, chunkSize = Infinity } = resolved;
    const records = recordsOf(rowsOf(String(text).replace(/^\ufeff/, ''), delimiter, quote), columns);
    if (records.length === 0) return state;
    if (!callback) return composeNextState(state, records);
    let next = state;
    const size = Math.max(1, Math.min(chunkSize, records.length));
    for (let from = 0; from < records.length; from += size) next = await callback(next, records.slice(from, from + size));
    return next;
  };
}
