// The next state after an adaptor's reply.

// The data that was there becomes the last of the references.
export function composeNextState(state, response) {
  return { ...state, data: response, references: [...(state.references ?? []), state.data] };
}
