// One antenatal visit from CommCare becomes one event in the registry.

const DANGER_SIGNS = ['bleeding', 'fever', 'headache', 'swelling'];

fn(state => {
  const { form, received_on } = state.data;
  if (!form.case?.['@case_id']) {
    throw new Error(`form ${state.data.id} names no case, so there is nobody to register the visit for`);
  }
  const signs = (form.visit.danger_signs || '').split(' ').filter(sign => DANGER_SIGNS.includes(sign));
  return {
    ...state,
    visit: {
      event: state.data.id,
      case: form.case['@case_id'],
      occurred: form.visit.date || received_on,
      values: {
        weight_kg: Number(form.visit.weight),
        haemoglobin: Number(form.visit.haemoglobin),
        danger_signs: signs,
        refer: signs.length > 0 || Number(form.visit.haemoglobin) < 7,
      },
    },
  };
});

post('/api/events', state => state.visit);
