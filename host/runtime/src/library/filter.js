// Expressions in JSONPath filters, such as `@.age > 5 && @.name != 'x'`, compiled to functions without `eval`.
//
// The grammar is the part of JavaScript's that filters use: literals, `@` and its relatives, member access, calls of
// methods, arithmetic, comparison, logic and the conditional. `scope` gives the values of `@`, `@property`,
// `@parent`, `@parentProperty` and `@root`.

const TOKEN =
  /\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(@\w*)|([A-Za-z_$][\w$]*)|(===|!==|==|!=|<=|>=|&&|\|\||\?\?|[-+*\/%<>!?:()[\],.]))/y;
const REGEX = /\s*\/((?:[^\/\\[]|\\.|\[(?:[^\]\\]|\\.)*\])+)\/([a-z]*)/y;

const CONSTANTS = { true: true, false: false, null: null, undefined: undefined, NaN: NaN, Infinity: Infinity };

// Each level binds tighter than the one before it.
const BINARY = [
  { '??': (a, b) => s => a(s) ?? b(s), '||': (a, b) => s => a(s) || b(s) },
  { '&&': (a, b) => s => a(s) && b(s) },
  {
    '==': (a, b) => s => a(s) == b(s),
    '!=': (a, b) => s => a(s) != b(s),
    '===': (a, b) => s => a(s) === b(s),
    '!==': (a, b) => s => a(s) !== b(s),
  },
  {
    '<': (a, b) => s => a(s) < b(s),
    '<=': (a, b) => s => a(s) <= b(s),
    '>': (a, b) => s => a(s) > b(s),
    '>=': (a, b) => s => a(s) >= b(s),
  },
  { '+': (a, b) => s => a(s) + b(s), '-': (a, b) => s => a(s) - b(s) },
  { '*': (a, b) => s => a(s) * b(s), '/': (a, b) => s => a(s) / b(s), '%': (a, b) => s => a(s) % b(s) },
];

const UNARY = {
  '!': value => s => !value(s),
  '-': value => s => -value(s),
  '+': value => s => +value(s),
  typeof: value => s => typeof value(s),
};

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.advance();
  }

  fail() {
    throw new SyntaxError(`the filter "${this.text}" cannot be read at character ${this.start + 1}`);
  }

  advance() {
    this.start = this.at;
    this.token = undefined;
    if (this.text.slice(this.at).trim() === '') return;
    TOKEN.lastIndex = this.at;
    const match = TOKEN.exec(this.text);
    if (!match) this.fail();
    this.at = TOKEN.lastIndex;
    const [, number, string, context, word, sign] = match;
    if (number !== undefined) this.token = { value: Number(number) };
    else if (string !== undefined) this.token = { value: unquote(string) };
    else if (context !== undefined) this.token = { context };
    else if (word !== undefined) this.token = { word, sign: word === 'typeof' ? word : undefined };
    else this.token = { sign };
  }

  takes(sign) {
    if (this.token?.sign !== sign) return false;
    this.advance();
    return true;
  }

  expect(sign) {
    if (!this.takes(sign)) this.fail();
  }

  whole() {
    const expression = this.conditional();
    if (this.token !== undefined) this.fail();
    return expression;
  }

  conditional() {
    const test = this.binary(0);
    if (!this.takes('?')) return test;
    const yes = this.conditional();
    this.expect(':');
    const no = this.conditional();
    return s => (test(s) ? yes(s) : no(s));
  }

  binary(level) {
    if (level === BINARY.length) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const sign = this.token?.sign;
      if (sign === undefined || !Object.hasOwn(BINARY[level], sign)) return left;
      this.advance();
      left = BINARY[level][sign](left, this.binary(level + 1));
    }
  }

  unary() {
    const sign = this.token?.sign;
    if (sign !== undefined && Object.hasOwn(UNARY, sign)) {
      this.advance();
      return UNARY[sign](this.unary());
    }
    return this.member();
  }

  member() {
    let target = this.primary();
    let owner;
    for (;;) {
      const object = target;
      if (this.takes('.')) {
        const name = this.token?.word ?? this.fail();
        this.advance();
        target = s => object(s)[name];
        owner = object;
      } else if (this.takes('[')) {
        const key = this.conditional();
        this.expect(']');
        target = s => object(s)[key(s)];
        owner = object;
      } else if (this.takes('(')) {
        const args = this.list(')');
        const self = owner;
        target = s => object(s).apply(self?.(s), args.map(arg => arg(s)));
        owner = undefined;
      } else {
        return target;
      }
    }
  }

  list(end) {
    const items = [];
    while (!this.takes(end)) {
      items.push(this.conditional());
      if (this.takes(',')) continue;
      this.expect(end);
      break;
    }
    return items;
  }

  primary() {
    const token = this.token ?? this.fail();
    if (token.sign === '/') return this.regex();
    this.advance();
    if ('value' in token) return () => token.value;
    if (token.context !== undefined) return contextual(token.context) ?? this.fail();
    if (token.word !== undefined && Object.hasOwn(CONSTANTS, token.word)) return () => CONSTANTS[token.word];
    if (token.sign === '(') {
      const inner = this.conditional();
      this.expect(')');
      return inner;
    }
    if (token.sign === '[') {
      const items = this.list(']');
      return s => items.map(item => item(s));
    }
    return this.fail();
  }

  regex() {
    REGEX.lastIndex = this.start;
    const match = REGEX.exec(this.text) ?? this.fail();
    this.at = REGEX.lastIndex;
    this.advance();
    const pattern = new RegExp(match[1], match[2]);
    return () => pattern;
  }
}

function unquote(literal) {
  return literal.slice(1, -1).replace(/\\(.)/g, (_, character) => ({ n: '\n', t: '\t', r: '\r' })[character] ?? character);
}

function contextual(name) {
  switch (name) {
    case '@': return s => s.value;
    case '@property': return s => s.property;
    case '@parent': return s => s.parent;
    case '@parentProperty': return s => s.parentProperty;
    case '@root': return s => s.root;
    default: return undefined;
  }
}

export function compileFilter(text) {
  return new Parser(text).whole();
}
