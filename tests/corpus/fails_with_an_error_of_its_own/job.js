class RegisterError extends Error {
  constructor(message, details) {
    super(`Register: ${message}`);
    this.name = 'RegisterError';
    Object.assign(this, details);
  }
}
class DuplicateError extends RegisterError {}

fn(state => {
  if (state.data.known) throw new DuplicateError('twice', { id: 7 });
  return state;
});
