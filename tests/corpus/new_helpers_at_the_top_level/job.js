const MAPPING = {
  M: 'male',
  F: 'female',
};

/** The code list of the registry. */
const gender = code => MAPPING[code] ?? 'unknown';

function toResource({ id, sex, born }) {
  return { resourceType: 'Patient', id, gender: gender(sex), birthDate: born };
}

const convert = fn(state => ({ ...state, data: state.data.map(toResource) }));

fn(state => state).then(convert);
fn(state => ({ ...state, total: state.data.length }));
