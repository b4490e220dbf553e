// Patients of the clinic's register: an adaptor to start from.
//
// What is exported is what jobs can call. An operation is a function that gives a function of the state; its arguments may be
// functions of the state too, as in `getPatient($.data.id)`.

/** Reads one patient: `getPatient(7)`. */
export function getPatient(id) {
  return state => send(state, 'GET', `/patients/${resolved(id, state)}`);
}

/** Adds a patient: `addPatient({ name: 'Asha' })`. */
export function addPatient(patient) {
  return state => send(state, 'POST', '/patients', resolved(patient, state));
}

function resolved(value, state) {
  return typeof value === 'function' ? value(state) : value;
}

async function send(state, method, path, body) {
  const { baseUrl, token } = state.configuration;
  const response = await fetch(baseUrl + path, {
    method,
    // Secrets belong in headers: there a host can keep them from the adaptor and put them in on the way out.
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) {
    const error = new Error(`${method} to ${response.url} returned ${response.status}`);
    error.code = String(response.status);
    error.body = await response.text();
    throw error;
  }
  const data = await response.json();
  return { ...state, references: [...(state.references ?? []), state.data], data };
}
