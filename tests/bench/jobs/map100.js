fn(state => {
  const months = date => {
    const [year, month] = date.split('-').map(Number);
    return (2026 - year) * 12 + (6 - month);
  };
  const events = state.data.visits
    .filter(visit => visit.patient && visit.patient.id)
    .map(({ patient, facility, date, weight, systolic }) => ({
      trackedEntity: patient.id,
      orgUnit: facility,
      occurredAt: date,
      name: `${patient.given} ${patient.family}`.trim().toUpperCase(),
      ageInMonths: months(patient.born),
      highRisk: systolic >= 140 || weight < 40,
      weight: weight.toFixed(1),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const byFacility = {};
  for (const { orgUnit } of events) {
    byFacility[orgUnit] = (byFacility[orgUnit] || 0) + 1;
  }
  return { ...state, data: { events, byFacility } };
});
