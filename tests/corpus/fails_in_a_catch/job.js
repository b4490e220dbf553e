fn(async () => { throw new Error('first'); })
  .catch((error, state) => {
    throw new Error(`second after ${error.message} with ${state.data.n}`);
  });
