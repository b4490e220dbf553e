// About 3 KB, as jobs of that size look: helpers, a mapping, requests with callbacks, lazy state.
const districts = { BKO: 'Bamako', KYS: 'Kayes', SKO: 'Sikasso', SGU: 'Segou', MPT: 'Mopti' };
const isoDate = value => new Date(value).toISOString().slice(0, 10);
const phone = raw => (raw ?? '').replace(/[^0-9+]/g, '').replace(/^00/, '+');

function gestation(lastPeriod, seen) {
  const days = (new Date(seen) - new Date(lastPeriod)) / 86400000;
  return Number.isFinite(days) && days > 0 ? Math.floor(days / 7) : null;
}

fn(state => {
  const { form = {}, metadata = {} } = state.data;
  const { mother = {}, vitals = {}, danger_signs: signs = [] } = form;
  console.log(`form ${metadata.instanceID} of ${metadata.username} with ${signs.length} danger signs`);
  return {
    ...state,
    visit: {
      event: metadata.instanceID,
      occurred: isoDate(metadata.timeEnd ?? Date.now()),
      district: districts[form.facility?.district] ?? 'unknown',
      facility: form.facility?.code?.trim().toUpperCase(),
      weeks: gestation(form.last_period, metadata.timeEnd ?? Date.now()),
      values: [
        { element: 'WGT', value: vitals.weight },
        { element: 'BPS', value: vitals.systolic },
        { element: 'BPD', value: vitals.diastolic },
        { element: 'HGB', value: vitals.haemoglobin },
        { element: 'SGN', value: signs.map(sign => sign.toLowerCase().replace(/\s+/g, '_')).join(';') },
      ].filter(({ value }) => value !== undefined && value !== ''),
    },
    mother: { id: mother.case_id, name: [mother.given, mother.family].filter(Boolean).join(' '), phone: phone(mother.phone) },
  };
});

fnIf(
  state => !state.visit.facility,
  fn(() => {
    throw new Error('the form names no facility');
  })
);

fn(state => {
  const found = (state.data.known ?? []).filter(known => known.phone === state.mother.phone);
  if (found.length > 1) {
    console.warn(`several mothers have the number ${state.mother.phone}`);
  }
  return { ...state, known: found[0] ?? null, tries: 0 };
});

each(
  '$.visit.values[*]',
  fn(state => {
    const { element, value } = state.data;
    const rounded = typeof value === 'number' ? Math.round(value * 10) / 10 : value;
    return { ...state, total: (state.total ?? 0) + 1, last: { element, rounded } };
  })
);

fn(async state => {
  const wait = ms => new Promise(done => setTimeout(done, ms));
  while (state.tries < 1) {
    await wait(0);
    state.tries += 1;
  }
  return state;
}).catch((error, state) => {
  console.error(error.message);
  return { ...state, failed: error.message };
});

fn(state => ({
  data: { event: state.visit.event, values: state.visit.values.length, mother: state.mother.id },
  references: [...(state.references ?? []), { at: isoDate(Date.now()) }],
}));
