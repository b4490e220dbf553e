const code = (resource, system) => resource.code?.coding?.find(c => c.system === system)?.code;

fn(state => {
  const resources = state.data.entry.map(({ resource }) => resource);
  const patients = new Map(resources.filter(r => r.resourceType === 'Patient').map(p => [`Patient/${p.id}`, p]));
  const rows = resources
    .filter(({ resourceType }) => resourceType === 'Observation')
    .map(o => ({
      patient: patients.get(o.subject.reference)?.identifier?.[0]?.value ?? null,
      loinc: code(o, 'http://loinc.org'),
      value: o.valueQuantity ? `${o.valueQuantity.value} ${o.valueQuantity.unit}` : o.valueString,
      on: o.effectiveDateTime?.slice(0, 10),
    }));
  return { ...state, data: rows };
});
