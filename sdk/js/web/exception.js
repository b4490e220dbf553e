// DOMException: the error of the web's own APIs, told apart by `name`.

const CODES = {
  IndexSizeError: 1, NotFoundError: 8, NotSupportedError: 9, InvalidStateError: 11, SyntaxError: 12,
  InvalidCharacterError: 5, NetworkError: 19, AbortError: 20, URLMismatchError: 21, QuotaExceededError: 22,
  TimeoutError: 23, DataCloneError: 25,
};

export class DOMException extends Error {
  #name;

  constructor(message = '', options = 'Error') {
    super(message);
    this.#name = typeof options === 'string' ? options : (options?.name ?? 'Error');
    if (options?.cause !== undefined) this.cause = options.cause;
  }

  get name() {
    return this.#name;
  }

  get code() {
    return CODES[this.#name] ?? 0;
  }
}
