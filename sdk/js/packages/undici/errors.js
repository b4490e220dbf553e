// undici's errors, by its names and codes.

const KINDS = {
  AbortError: ['UND_ERR_ABORT', 'The operation was aborted'],
  BalancedPoolMissingUpstreamError: ['UND_ERR_BPL_MISSING_UPSTREAM', 'No upstream has been added to the BalancedPool'],
  BodyTimeoutError: ['UND_ERR_BODY_TIMEOUT', 'Body Timeout Error'],
  ClientClosedError: ['UND_ERR_CLOSED', 'The client is closed'],
  ClientDestroyedError: ['UND_ERR_DESTROYED', 'The client is destroyed'],
  ConnectTimeoutError: ['UND_ERR_CONNECT_TIMEOUT', 'Connect Timeout Error'],
  HeadersOverflowError: ['UND_ERR_HEADERS_OVERFLOW', 'Headers Overflow Error'],
  HeadersTimeoutError: ['UND_ERR_HEADERS_TIMEOUT', 'Headers Timeout Error'],
  InformationalError: ['UND_ERR_INFO', 'Request information'],
  InvalidArgumentError: ['UND_ERR_INVALID_ARG', 'Invalid Argument Error'],
  InvalidReturnValueError: ['UND_ERR_INVALID_RETURN_VALUE', 'Invalid Return Value Error'],
  NotSupportedError: ['UND_ERR_NOT_SUPPORTED', 'Not Supported error'],
  RequestAbortedError: ['UND_ERR_ABORTED', 'Request aborted'],
  RequestContentLengthMismatchError: ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'Request body length does not match content-length header'],
  ResponseContentLengthMismatchError: ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'Response body length does not match content-length header'],
  ResponseExceededMaxSizeError: ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'Response content exceeded max size'],
  SocketError: ['UND_ERR_SOCKET', 'Socket error'],
};

export class UndiciError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'UndiciError';
    this.code = 'UND_ERR';
  }
}

const kinds = {};
for (const [name, [code, text]] of Object.entries(KINDS)) {
  kinds[name] = class extends UndiciError {
    constructor(message, options) {
      super(message || text, options);
      // Whoever aborts wants to find an AbortError, whichever it is.
      this.name = name === 'RequestAbortedError' ? 'AbortError' : name;
      this.code = code;
    }
  };
  Object.defineProperty(kinds[name], 'name', { value: name });
}

class ResponseError extends UndiciError {
  constructor(message, statusCode, { headers, body } = {}) {
    super(message);
    this.name = 'ResponseError';
    this.code = 'UND_ERR_RESPONSE';
    Object.assign(this, { statusCode, headers, body });
  }
}

class RequestRetryError extends UndiciError {
  constructor(message, statusCode, { headers, data } = {}) {
    super(message);
    this.name = 'RequestRetryError';
    this.code = 'UND_ERR_REQ_RETRY';
    Object.assign(this, { statusCode, headers, data });
  }
}

export const errors = {
  UndiciError,
  ...kinds,
  HTTPParserError: UndiciError,
  RequestRetryError,
  ResponseError,
  // Of undici 5 and 6.
  ResponseStatusCodeError: ResponseError,
};
