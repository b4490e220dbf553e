const wait = ms => new Promise(resolve => setTimeout(resolve, ms));

const withRetries = (operation, attempts) => async state => {
  for (let attempt = 1; ; attempt++) {
    try {
      const next = await operation(state);
      return { ...next, attempt };
    } catch (error) {
      if (error.statusCode !== 503 || attempt === attempts) throw error;
      await wait(2 ** attempt);
    }
  }
};

withRetries(get('/flaky'), 4);
